"""Answers once for each element, from a thread that goes on after execute returned."""

import json
import threading

import numpy as np
import triton_python_backend_utils as pb_utils

FINAL = pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL


class TritonPythonModel:
    def initialize(self, args):
        if not pb_utils.using_decoupled_model_transaction_policy(json.loads(args["model_config"])):
            raise pb_utils.TritonModelException("repeat must be decoupled")
        self.threads = []

    def execute(self, requests):
        for request in requests:
            thread = threading.Thread(target=self.answer, args=(request, request.get_response_sender()))
            self.threads.append(thread)
            thread.start()

    def answer(self, request, sender):
        values = pb_utils.get_input_tensor_by_name(request, "IN").as_numpy()
        with_last = pb_utils.get_input_tensor_by_name(request, "FINAL_WITH_LAST")
        with_last = with_last is not None and bool(with_last.as_numpy()[0]) and len(values) > 0
        for index, value in enumerate(values):
            outputs = [
                pb_utils.Tensor("OUT", np.array([value], np.int32)),
                pb_utils.Tensor("IDX", np.array([index], np.uint32)),
            ]
            last = with_last and index + 1 == len(values)
            sender.send(pb_utils.InferenceResponse(outputs), flags=FINAL if last else 0)
        if not with_last:
            sender.send(flags=FINAL)

    def finalize(self):
        for thread in self.threads:
            thread.join()

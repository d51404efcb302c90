"""Counts: COUNT answers from FIRST on, as long as somebody listens."""

import threading
import time

import numpy as np
import triton_python_backend_utils as pb_utils

FINAL = pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL
PAUSE_SECONDS = 0.001


class TritonPythonModel:
    def execute(self, requests):
        for request in requests:
            arguments = (request, request.get_response_sender())
            threading.Thread(target=self._count, args=arguments, daemon=True).start()

    def _count(self, request, sender):
        first, count = (pb_utils.get_input_tensor_by_name(request, name).as_numpy()[0] for name in ("FIRST", "COUNT"))
        for number in range(first, first + count):
            if request.is_cancelled():
                break
            sender.send(pb_utils.InferenceResponse([pb_utils.Tensor("OUT", np.array([number], np.int32))]))
            time.sleep(PAUSE_SECONDS)
        sender.send(flags=FINAL)

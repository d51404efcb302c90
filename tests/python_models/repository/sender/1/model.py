"""A model that is not decoupled and answers through its response sender, in the order of the words of MODE."""

import threading

import numpy as np
import triton_python_backend_utils as pb_utils

FINAL = pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL


def text(value):
    return pb_utils.InferenceResponse([pb_utils.Tensor("OUTPUT", np.array([value], np.object_))])


class TritonPythonModel:
    def initialize(self, args):
        self.threads = []

    def execute(self, requests):
        returned = []
        for request in requests:
            words = pb_utils.get_input_tensor_by_name(request, "MODE").as_numpy()[0].decode().split()
            returned.append(text("returned") if "return" in words else None)
            sender = request.get_response_sender()
            for word in words:
                if word == "send":
                    sender.send(text("sent"))
                elif word == "send_final":
                    sender.send(text("sent with the flag"), flags=FINAL)
                elif word == "final":
                    sender.send(flags=FINAL)
                elif word == "later":
                    thread = threading.Thread(target=sender.send, args=(text("sent later"), FINAL))
                    self.threads.append(thread)
                    thread.start()
        return None if returned == [None] * len(requests) else returned

    def finalize(self):
        for thread in self.threads:
            thread.join()

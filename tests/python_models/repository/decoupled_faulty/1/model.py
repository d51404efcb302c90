"""Does wrong what MODE says, in a decoupled model."""

import numpy as np
import triton_python_backend_utils as pb_utils

FINAL = pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL


def text(value):
    return pb_utils.InferenceResponse([pb_utils.Tensor("OUTPUT", np.array([value], np.object_))])


class TritonPythonModel:
    def execute(self, requests):
        for request in requests:
            mode = pb_utils.get_input_tensor_by_name(request, "MODE").as_numpy()[0].decode()
            returned = getattr(self, mode)(request.get_response_sender())
        return returned

    def raises(self, sender):
        raise ValueError("before any answer")

    def raises_after_one(self, sender):
        sender.send(text("one"))
        raise ValueError("after one answer")

    def raises_after_final(self, sender):
        sender.send(text("all"), flags=FINAL)
        raise ValueError("after the last answer")

    def returns_list(self, sender):
        return [text("returned")]

    def sends_after_final(self, sender):
        sender.send(flags=FINAL)
        sender.send(text("too late"))

    def sends_nothing(self, sender):
        sender.send()

    def sends_unknown_flag(self, sender):
        sender.send(text("flag"), flags=4)

    def sends_errors(self, sender):
        for number in range(2):
            sender.send(pb_utils.InferenceResponse(error=pb_utils.TritonError(f"error {number}")))
        sender.send(text("between"))
        sender.send(pb_utils.InferenceResponse(error=pb_utils.TritonError("last")), flags=FINAL)

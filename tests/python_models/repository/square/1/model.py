"""Answers n times with n; a negative n gives an error after that many answers."""

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def execute(self, requests):
        for request in requests:
            n = int(pb_utils.get_input_tensor_by_name(request, "IN").as_numpy()[0, 0])
            sender = request.get_response_sender()
            for _ in range(abs(n)):
                sender.send(pb_utils.InferenceResponse([pb_utils.Tensor("OUT", np.array([[n]], np.int32))]))
            if n < 0:
                error = pb_utils.TritonError(f"{n} is negative", pb_utils.TritonError.INVALID_ARG)
                sender.send(pb_utils.InferenceResponse(error=error))
            sender.send(flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)
        return None

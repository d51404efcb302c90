"""One answer for each execution; between them the request goes back to its scheduler."""

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def initialize(self, args):
        self.left = {}

    def execute(self, requests):
        for request in requests:
            sequence = request.correlation_id()
            start = int(pb_utils.get_input_tensor_by_name(request, "IN").as_numpy()[0, 0])
            left = self.left.pop(sequence, start) - 1
            answer = pb_utils.InferenceResponse([pb_utils.Tensor("LEFT", np.array([[left]], np.int32))])
            sender = request.get_response_sender()
            if left > 0:
                self.left[sequence] = left
                request.set_release_flags(pb_utils.TRITONSERVER_REQUEST_RELEASE_RESCHEDULE)
                sender.send(answer)
            else:
                sender.send(answer, flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)
        return None

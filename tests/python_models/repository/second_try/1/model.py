"""Not decoupled: every request is put off once before it is answered."""

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def initialize(self, args):
        self.tries = {}

    def execute(self, requests):
        answers = []
        for request in requests:
            mode = pb_utils.get_input_tensor_by_name(request, "MODE").as_numpy()[0, 0]
            sequence = request.correlation_id()
            tries = self.tries.pop(sequence, 0) + 1
            answer = pb_utils.InferenceResponse([pb_utils.Tensor("TRIES", np.array([[tries]], np.int32))])
            if tries < 2:
                self.tries[sequence] = tries
                request.set_release_flags(pb_utils.TRITONSERVER_REQUEST_RELEASE_RESCHEDULE)
                answers.append(answer if mode == b"answers too early" else None)
            else:
                answers.append(answer)
        return answers

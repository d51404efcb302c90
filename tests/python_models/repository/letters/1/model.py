"""Pre-processing: how often a, b, c and d are in the text."""

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def execute(self, requests):
        answers = []
        for request in requests:
            text = pb_utils.get_input_tensor_by_name(request, "TEXT").as_numpy()[0].decode()
            counts = np.array([text.count(letter) for letter in "abcd"], np.float32)
            answers.append(pb_utils.InferenceResponse([pb_utils.Tensor("COUNTS", counts)]))
        return answers

"""Four requests make a batch, of which those with a negative value get an error each."""

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def execute(self, requests):
        together = np.array([[len(requests)]], np.int32)
        answers = []
        for request in requests:
            value = pb_utils.get_input_tensor_by_name(request, "VALUE").as_numpy()
            if (value < 0).any():
                answers.append(pb_utils.InferenceResponse(error=pb_utils.TritonError(f"{value[0, 0]} is negative")))
            else:
                outputs = [pb_utils.Tensor("VALUE", value), pb_utils.Tensor("TOGETHER", together)]
                answers.append(pb_utils.InferenceResponse(outputs))
        return answers

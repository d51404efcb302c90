"""numpy has no bfloat16: the tensor passes through DLPack, and as_numpy says why it does not."""

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def execute(self, requests):
        return [self.answer(request) for request in requests]

    def answer(self, request):
        tensor = pb_utils.get_input_tensor_by_name(request, "INPUT")
        try:
            tensor.as_numpy()
            refused = "no"
        except pb_utils.TritonModelException as error:
            refused = str(error)
        output = pb_utils.Tensor.from_dlpack("OUTPUT", tensor.to_dlpack())
        return pb_utils.InferenceResponse([output, pb_utils.Tensor("REFUSED", np.array([refused], np.object_))])

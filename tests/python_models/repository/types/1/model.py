"""Passes every input on, and tells how numpy sees it."""

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def execute(self, requests):
        return [self.answer(request) for request in requests]

    def answer(self, request):
        outputs, seen = [], []
        for tensor in request.inputs():
            array = tensor.as_numpy()
            element = type(array.flat[0]).__name__.rstrip("_") if array.size else "-"  # bool_ is bool in numpy 2.
            seen.append(
                f"{tensor.name()} {array.dtype} {tuple(tensor.shape())} {array.shape} {tensor.is_cpu()} {element}"
                f" {array.flags.c_contiguous}"
            )
            outputs.append(pb_utils.Tensor(tensor.name().replace("IN_", "OUT_"), array))
        outputs.append(pb_utils.Tensor("SEEN", np.array(seen, np.object_)))
        return pb_utils.InferenceResponse(outputs)

"""Tells as JSON what a model can learn of its request."""

import json

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def execute(self, requests):
        return [self.answer(request) for request in requests]

    def answer(self, request):
        view = {
            "inputs": sorted([tensor.name(), tensor.as_numpy().tolist()] for tensor in request.inputs()),
            "absent": pb_utils.get_input_tensor_by_name(request, "NOBODY") is None,
            "request_id": request.request_id(),
            "correlation_id": request.correlation_id(),
            "flags": request.flags(),
            "timeout": request.timeout(),
            "parameters": json.loads(request.parameters()),
            "requested": sorted(request.requested_output_names()),
            "cancelled": request.is_cancelled(),
            "context": request.trace().get_context(),
        }
        text = json.dumps(view, sort_keys=True)
        return pb_utils.InferenceResponse(
            [
                pb_utils.Tensor("VIEW", np.array([text], np.object_)),
                pb_utils.Tensor("OTHER", np.array([7], np.int32)),
            ]
        )

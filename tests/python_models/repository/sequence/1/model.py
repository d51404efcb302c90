"""The running total of each sequence, kept in the model under its correlation id."""

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def initialize(self, args):
        self.totals = {}

    def execute(self, requests):
        return [self.answer(request) for request in requests]

    def answer(self, request):
        seen = {tensor.name(): tensor.as_numpy() for tensor in request.inputs()}
        start, end, ready, correlation = (int(seen[name].flat[0]) for name in ("START", "END", "READY", "CORRID"))
        if not ready:  # A slot of the batch that no sequence has, or whose sequence has no request.
            correlation, start, end = -1, 1, 1
        if start:
            self.totals[correlation] = 0
        self.totals[correlation] += int(seen["VALUE"][0, 0])
        total = self.totals.pop(correlation) if end else self.totals[correlation]
        controls = f"start {start} end {end} ready {ready} same {correlation == request.correlation_id()}"
        controls += f" flags {request.flags()}"
        outputs = [
            pb_utils.Tensor("TOTAL", np.array([[total]], np.int32)),
            pb_utils.Tensor("CONTROLS", np.array([[controls]], np.object_)),
        ]
        return pb_utils.InferenceResponse(outputs)

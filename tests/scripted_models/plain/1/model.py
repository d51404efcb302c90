"""Doubles IN. A negative first element sleeps for so many milliseconds, 666 is refused."""

import time

import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def execute(self, requests):
        return [self._run(pb_utils.get_input_tensor_by_name(request, "IN").as_numpy()) for request in requests]

    def _run(self, values):
        if values.size and values[0] == 666:
            return pb_utils.InferenceResponse(error=pb_utils.TritonError("plain says no"))
        if values.size and values[0] < 0:
            time.sleep(-int(values[0]) / 1000)
        return pb_utils.InferenceResponse([pb_utils.Tensor("OUT", values * 2)])

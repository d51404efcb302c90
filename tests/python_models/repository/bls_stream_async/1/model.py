"""A decoupled model with an asynchronous execute, which calls a decoupled model: one answer for each of its values."""

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    async def execute(self, requests):
        for request in requests:
            sender = request.get_response_sender()
            for value in pb_utils.get_input_tensor_by_name(request, "VALUES").as_numpy():
                sender.send(await self.summed(value))
            sender.send(flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)

    async def summed(self, value):
        request = pb_utils.InferenceRequest(
            model_name="square",
            requested_output_names=["OUT"],
            inputs=[pb_utils.Tensor("IN", np.array([[value]], np.int32))],
        )
        total = 0
        for response in await request.async_exec(decoupled=True):
            if response.has_error():
                return pb_utils.InferenceResponse(error=response.error())
            total += sum(int(tensor.as_numpy().sum()) for tensor in response.output_tensors())
        return pb_utils.InferenceResponse([pb_utils.Tensor("SUM", np.array([total], np.int32))])

"""COUNT calls at once, gathered."""

import asyncio

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    async def execute(self, requests):
        return await asyncio.gather(*(self.answer(request) for request in requests))

    async def answer(self, request):
        count = int(pb_utils.get_input_tensor_by_name(request, "COUNT").as_numpy()[0])
        responses = await asyncio.gather(*(self.call(number) for number in range(count)))
        for response in responses:
            if response.has_error():
                return pb_utils.InferenceResponse(error=response.error())
        sums = [pb_utils.get_output_tensor_by_name(response, "OUTPUT0").as_numpy() for response in responses]
        return pb_utils.InferenceResponse([pb_utils.Tensor("SUMS", np.stack(sums))])

    def call(self, number):
        one = np.full(4, number, np.float32)
        request = pb_utils.InferenceRequest(
            model_name="add_sub" if number < 20 else "nobody",
            requested_output_names=["OUTPUT0"],
            inputs=[pb_utils.Tensor("INPUT0", one), pb_utils.Tensor("INPUT1", one)],
        )
        return request.async_exec()

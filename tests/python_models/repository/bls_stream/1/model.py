"""Sums the answers of a decoupled model, with every way of walking over them."""

import numpy as np
import triton_python_backend_utils as pb_utils


def stream(value):
    return pb_utils.InferenceRequest(
        model_name="square",
        requested_output_names=["OUT"],
        inputs=[pb_utils.Tensor("IN", np.array([[value]], np.int32))],
    ).exec(decoupled=True)


def note(response):
    if response.has_error():
        return response.error().message()
    tensors = response.output_tensors()
    return str(tensors[0].as_numpy().tolist()) if tensors else "empty"


class TritonPythonModel:
    def execute(self, requests):
        return [self.answer(request) for request in requests]

    def answer(self, request):
        value = int(pb_utils.get_input_tensor_by_name(request, "IN").as_numpy()[0, 0])
        responses = stream(value)
        notes = ["first " + note(next(responses))]
        total = 0
        for response in responses:
            notes.append(note(response))
        try:
            next(responses)
        except StopIteration:
            notes.append("stopped")
        for response in responses:  # Again from the start.
            total += sum(int(tensor.as_numpy().sum()) for tensor in response.output_tensors())
        stream(value)  # Nobody listens.
        half = stream(value)
        next(half)
        del half
        outputs = [
            pb_utils.Tensor("SUM", np.array([[total]], np.int32)),
            pb_utils.Tensor("NOTES", np.array([notes], np.object_)),
        ]
        return pb_utils.InferenceResponse(outputs)

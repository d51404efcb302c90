"""Calls other models in the way that MODE says, and tells what came back."""

import numpy as np
import triton_python_backend_utils as pb_utils

CODES = ("UNKNOWN", "INTERNAL", "NOT_FOUND", "INVALID_ARG", "UNAVAILABLE", "UNSUPPORTED", "ALREADY_EXISTS", "CANCELLED")
LEFT, RIGHT = np.array([1, 2, 3, 4], np.float32), np.array([4, 3, 2, 1], np.float32)


def add_sub(**changes):
    given = {
        "model_name": "add_sub",
        "requested_output_names": ["OUTPUT0", "OUTPUT1"],
        "inputs": [pb_utils.Tensor("INPUT0", LEFT), pb_utils.Tensor("INPUT1", RIGHT)],
    }
    return pb_utils.InferenceRequest(**{**given, **changes})


def told(response):
    if response.has_error():
        code = next(name for name in CODES if response.error().code() == getattr(pb_utils.TritonError, name))
        return f"{code}: {response.error().message()} {len(response.output_tensors())}"
    return " ".join(f"{tensor.name()}={tensor.as_numpy().tolist()}" for tensor in response.output_tensors())


class TritonPythonModel:
    def execute(self, requests):
        answers = []
        for request in requests:
            mode = pb_utils.get_input_tensor_by_name(request, "MODE").as_numpy()[0].decode()
            lines = getattr(self, mode)()
            lines = [lines] if isinstance(lines, str) else lines
            answers.append(pb_utils.InferenceResponse([pb_utils.Tensor("OUTCOME", np.array(lines, np.object_))]))
        return answers

    def plain(self):
        return told(add_sub().exec())

    def by_name(self):
        response = add_sub().exec()
        found = pb_utils.get_output_tensor_by_name(response, "OUTPUT1")
        return [str(found.as_numpy().tolist()), str(pb_utils.get_output_tensor_by_name(response, "NONE"))]

    def one_output(self):
        return told(add_sub(requested_output_names=["OUTPUT1"]).exec())

    def no_output_named(self):
        return told(add_sub(requested_output_names=[]).exec())

    def unknown_output(self):
        return told(add_sub(requested_output_names=["OUTPUT7"]).exec())

    def unknown_model(self):
        return told(add_sub(model_name="nobody").exec())

    def unknown_version(self):
        return told(add_sub(model_version=9).exec())

    def known_version(self):
        return told(add_sub(model_version=1).exec())

    def missing_input(self):
        return told(add_sub(inputs=[pb_utils.Tensor("INPUT0", LEFT)]).exec())

    def unknown_input(self):
        return told(add_sub(inputs=[pb_utils.Tensor("INPUT0", LEFT), pb_utils.Tensor("INPUT9", RIGHT)]).exec())

    def wrong_type(self):
        wrong = LEFT.astype(np.int32)
        return told(add_sub(inputs=[pb_utils.Tensor("INPUT0", wrong), pb_utils.Tensor("INPUT1", wrong)]).exec())

    def wrong_shape(self):
        wrong = np.zeros(5, np.float32)
        return told(add_sub(inputs=[pb_utils.Tensor("INPUT0", wrong), pb_utils.Tensor("INPUT1", wrong)]).exec())

    def failing_model(self):
        mode = pb_utils.Tensor("MODE", np.array([["error NOT_FOUND"]], np.object_))
        return told(add_sub(model_name="faulty", inputs=[mode], requested_output_names=["OUTPUT"]).exec())

    def raising_model(self):
        mode = pb_utils.Tensor("MODE", np.array([["raises_model_exception"]], np.object_))
        return told(add_sub(model_name="faulty", inputs=[mode], requested_output_names=["OUTPUT"]).exec())

    def decoupled_model_unary(self):
        given = {"model_name": "square", "requested_output_names": ["OUT"]}
        return told(add_sub(inputs=[pb_utils.Tensor("IN", np.array([[2]], np.int32))], **given).exec())

    def ensemble(self):
        text = pb_utils.Tensor("TEXT", np.array([b"abracadabra"], np.object_))
        return told(add_sub(model_name="letters_ensemble", inputs=[text], requested_output_names=["SUM"]).exec())

    def sequence(self):
        lines = []
        for step, (value, flags) in enumerate([(5, 1), (6, 0), (7, 2)]):
            request = pb_utils.InferenceRequest(
                model_name="sequence",
                requested_output_names=["TOTAL"],
                inputs=[pb_utils.Tensor("VALUE", np.array([[value]], np.int32))],
                correlation_id=77,
                flags=flags if step == 0 else 0,
            )
            if step == 2:
                request.set_flags(pb_utils.TRITONSERVER_REQUEST_FLAG_SEQUENCE_END)
            lines.append(told(request.exec()))
        return lines

    def passes_everything_on(self):
        request = pb_utils.InferenceRequest(
            model_name="request_view",
            requested_output_names=["VIEW"],
            inputs=[pb_utils.Tensor("INPUT0", np.array([1], np.int32))],
            request_id="from bls",
            correlation_id="a text",
            timeout=5_000_000,
            parameters={"flag": True, "count": 3, "name": "x"},
        )
        return told(request.exec())

    def own_request(self):
        request = add_sub(request_id="r", correlation_id=5)
        return repr((request.request_id(), request.correlation_id(), request.flags(), request.timeout()))

    def empty_tensor(self):
        empty = pb_utils.Tensor("INPUT0", np.zeros(0, np.int32))
        return told(add_sub(model_name="request_view", inputs=[empty], requested_output_names=["VIEW"]).exec())

    def again_and_again(self):
        return sorted({told(add_sub().exec()) for _ in range(50)})

    def not_decoupled_as_stream(self):
        return [told(response) for response in add_sub().exec(decoupled=True)]

    def unknown_model_as_stream(self):
        return [told(response) for response in add_sub(model_name="nobody").exec(decoupled=True)]

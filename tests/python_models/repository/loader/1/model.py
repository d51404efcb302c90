"""Loads and unloads other models, and asks whether they are ready."""

import json
import time

import numpy as np
import triton_python_backend_utils as pb_utils

SOURCE = b"""
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def execute(self, requests):
        return [
            pb_utils.InferenceResponse([pb_utils.Tensor("Y", pb_utils.get_input_tensor_by_name(r, "X").as_numpy() + 1)])
            for r in requests
        ]
"""
CONFIG = {
    "backend": "python",
    "input": [{"name": "X", "data_type": "TYPE_INT32", "dims": [1]}],
    "output": [{"name": "Y", "data_type": "TYPE_INT32", "dims": [1]}],
}


def tried(function, *arguments, **named):
    try:
        return repr(function(*arguments, **named))
    except pb_utils.TritonModelException as error:
        return f"refused: {error}"


def unloaded(name):
    deadline = time.monotonic() + 10
    while tried(pb_utils.is_model_ready, name) == "True" and time.monotonic() < deadline:
        time.sleep(0.02)
    return tried(pb_utils.is_model_ready, name)


class TritonPythonModel:
    def execute(self, requests):
        answers = []
        for request in requests:
            mode = pb_utils.get_input_tensor_by_name(request, "MODE").as_numpy()[0].decode()
            lines = np.array(getattr(self, mode)(), np.object_)
            answers.append(pb_utils.InferenceResponse([pb_utils.Tensor("OUTCOME", lines)]))
        return answers

    def readiness(self):
        return [
            tried(pb_utils.is_model_ready, "add_sub"),
            tried(pb_utils.is_model_ready, model_name="add_sub", model_version="1"),
            tried(pb_utils.is_model_ready, "add_sub", "7"),
            tried(pb_utils.is_model_ready, "nobody"),
        ]

    def load(self):
        lines = [tried(pb_utils.is_model_ready, "spare"), tried(pb_utils.load_model, "spare")]
        lines += [tried(pb_utils.is_model_ready, "spare"), tried(pb_utils.unload_model, "spare"), unloaded("spare")]
        return lines

    def unload_unknown(self):
        return [tried(pb_utils.unload_model, "nobody")]

    def load_files(self):
        files = {"file:1/model.py": SOURCE}
        lines = [
            tried(pb_utils.load_model, model_name="made_up", config=json.dumps(CONFIG), files=files),
            tried(pb_utils.is_model_ready, "made_up"),
        ]
        request = pb_utils.InferenceRequest(
            model_name="made_up",
            requested_output_names=["Y"],
            inputs=[pb_utils.Tensor("X", np.array([41], np.int32))],
        )
        lines.append(str(request.exec().output_tensors()[0].as_numpy().tolist()))
        return [*lines, tried(pb_utils.unload_model, "made_up", unload_dependents=True), unloaded("made_up")]

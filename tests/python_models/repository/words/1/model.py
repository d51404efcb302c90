"""For the generate extension: one word an answer, or all in one; parameters that are no inputs change the words."""

import json

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def execute(self, requests):
        for request in requests:
            sender = request.get_response_sender()
            text = pb_utils.get_input_tensor_by_name(request, "TEXT").as_numpy()[0].decode()
            stream = pb_utils.get_input_tensor_by_name(request, "STREAM")
            words = text.split()
            parameters = json.loads(request.parameters())
            if parameters.get("upper"):
                words = [word.upper() for word in words]
            words = words[: parameters.get("most", len(words))]
            parts = [[word] for word in words] if stream is not None and stream.as_numpy()[0] else [words]
            for part in parts:
                if part == ["stop"]:
                    sender.send(pb_utils.InferenceResponse(error=pb_utils.TritonError("stopped by a word")))
                    break
                sender.send(pb_utils.InferenceResponse([pb_utils.Tensor("TEXT", np.array(part, np.object_))]))
            sender.send(flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)
        return None

"""What tests/native/engine/scripted_model.h does, as a model of the Python backend: the same scripts."""

import json
import socket
import threading
import time

import numpy as np
import triton_python_backend_utils as pb_utils

FINAL = pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL
STALL_SECONDS = 0.5


class TritonPythonModel:
    def initialize(self, args):
        parameters = json.loads(args["model_config"])["parameters"]
        self._said = parameters["said"]["string_value"]
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)

    def execute(self, requests):
        for request in requests:
            script = json.loads(pb_utils.get_input_tensor_by_name(request, "SCRIPT").as_numpy().reshape(-1)[0])
            arguments = (request, request.get_response_sender(), script)
            threading.Thread(target=self._run, args=arguments, daemon=True).start()

    def _say(self, line):
        self._socket.sendto(line.encode(), self._said)

    def _run(self, request, sender, script):
        for step in script:
            if "say" in step:
                self._say(step["say"])
            elif "sleep" in step:
                time.sleep(step["sleep"])
            elif "wait_cancel" in step:
                end = time.monotonic() + step["wait_cancel"]
                while not request.is_cancelled() and time.monotonic() < end:
                    time.sleep(0.005)
                self._say("cancelled" if request.is_cancelled() else "not cancelled")
            elif "finish" in step:
                sender.send(flags=FINAL)
            else:
                self._send_all(request, sender, step)

    def _send_all(self, request, sender, step):
        times = step.get("times", 1)
        progress = [0]
        if times > 1:
            threading.Thread(target=self._watch, args=(progress, times), daemon=True).start()
        for number in range(times):
            if times > 1 and request.is_cancelled():
                break
            last = "last" in step and number + 1 == times
            sender.send(_response(step), flags=FINAL if last else 0)
            progress[0] = number + 1
        progress[0] = times

    def _watch(self, progress, times):
        """Say when sending does not go on: `send` waits for the client then."""
        known = said = -1
        while progress[0] < times:
            if progress[0] == known and said != known:
                said = known
                self._say(f"waits after {known}")
            known = progress[0]
            time.sleep(STALL_SECONDS)


def _response(step):
    parameters = {"parameters": step["params"]} if "params" in step else {}
    if "error" in step:
        code = getattr(pb_utils.TritonError, step.get("code", "INTERNAL"))
        return pb_utils.InferenceResponse(error=pb_utils.TritonError(step["error"], code), **parameters)
    values = step["send"] if isinstance(step["send"], list) else [step["send"]]
    if "big" in step:
        values = values[:1] * step["big"]
    tensors = [pb_utils.Tensor("OUT", np.array(values, np.int32))]
    if "text" in step:
        tensors.append(pb_utils.Tensor("TEXT", np.array([step["text"].encode()], np.object_)))
    return pb_utils.InferenceResponse(tensors, **parameters)

"""Ticks until its request is cancelled or the time is over, and logs which."""

import threading
import time

import numpy as np
import triton_python_backend_utils as pb_utils

TICK = 0.05


class TritonPythonModel:
    def initialize(self, args):
        self.threads = []

    def execute(self, requests):
        for request in requests:
            seconds = float(pb_utils.get_input_tensor_by_name(request, "SECONDS").as_numpy()[0])
            thread = threading.Thread(target=self.tick, args=(request.get_response_sender(), seconds))
            self.threads.append(thread)
            thread.start()
        return None

    def tick(self, sender, seconds):
        deadline = time.monotonic() + seconds
        ticks = 0
        sender.send(pb_utils.InferenceResponse([pb_utils.Tensor("TICKS", np.array([-1], np.int32))]))
        while time.monotonic() < deadline and not sender.is_cancelled():
            time.sleep(TICK)
            ticks += 1
        pb_utils.Logger.log_info("patient: cancelled" if sender.is_cancelled() else "patient: over")
        final = pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL
        sender.send(pb_utils.InferenceResponse([pb_utils.Tensor("TICKS", np.array([0], np.int32))]), flags=final)

    def finalize(self):
        for thread in self.threads:
            thread.join()

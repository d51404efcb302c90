"""The process ends in initialize, as the kernel ends one that takes too much memory."""

import os
import signal


class TritonPythonModel:
    def initialize(self, args):
        os.kill(os.getpid(), signal.SIGKILL)

    def execute(self, requests):
        return []

"""An exception in the constructor."""


class TritonPythonModel:
    def __init__(self):
        raise RuntimeError("not today")

    def execute(self, requests):
        return []

"""An exception of Python in initialize."""


class TritonPythonModel:
    def initialize(self, args):
        raise KeyError("weights")

    def execute(self, requests):
        return []

"""An exception in finalize: it is logged, the model is unloaded."""


class TritonPythonModel:
    def execute(self, requests):
        return []

    def finalize(self):
        raise RuntimeError("finalize failed")

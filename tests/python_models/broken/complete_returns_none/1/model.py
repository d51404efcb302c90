"""Nothing is returned."""


class TritonPythonModel:
    @staticmethod
    def auto_complete_config(auto_complete_model_config):
        config = auto_complete_model_config
        config = None
        return config

    def execute(self, requests):
        return []

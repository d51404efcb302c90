"""An input without a type."""


class TritonPythonModel:
    @staticmethod
    def auto_complete_config(auto_complete_model_config):
        config = auto_complete_model_config
        config.add_input({"name": "X", "dims": [1]})
        return config

    def execute(self, requests):
        return []

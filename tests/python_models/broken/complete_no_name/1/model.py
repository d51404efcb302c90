"""An input without a name."""


class TritonPythonModel:
    @staticmethod
    def auto_complete_config(auto_complete_model_config):
        config = auto_complete_model_config
        config.add_input({"data_type": "TYPE_INT32", "dims": [1]})
        return config

    def execute(self, requests):
        return []

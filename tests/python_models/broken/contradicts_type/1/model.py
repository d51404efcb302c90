"""Another type than the configuration."""


class TritonPythonModel:
    @staticmethod
    def auto_complete_config(auto_complete_model_config):
        config = auto_complete_model_config
        config.add_input({"name": "X", "data_type": "TYPE_INT64", "dims": [1]})
        return config

    def execute(self, requests):
        return []

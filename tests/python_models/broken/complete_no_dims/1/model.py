"""An output without dims."""


class TritonPythonModel:
    @staticmethod
    def auto_complete_config(auto_complete_model_config):
        config = auto_complete_model_config
        config.add_output({"name": "Y", "data_type": "TYPE_INT32"})
        return config

    def execute(self, requests):
        return []

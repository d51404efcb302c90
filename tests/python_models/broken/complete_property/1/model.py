"""An input with a property that there is not."""


class TritonPythonModel:
    @staticmethod
    def auto_complete_config(auto_complete_model_config):
        config = auto_complete_model_config
        config.add_input({"name": "X", "data_type": "TYPE_INT32", "dims": [1], "colour": "red"})
        return config

    def execute(self, requests):
        return []

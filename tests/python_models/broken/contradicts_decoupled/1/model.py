"""Decoupled where the configuration says that it is not."""


class TritonPythonModel:
    @staticmethod
    def auto_complete_config(auto_complete_model_config):
        config = auto_complete_model_config
        config.set_model_transaction_policy({"decoupled": True})
        return config

    def execute(self, requests):
        return []

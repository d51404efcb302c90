"""A model without config.pbtxt: everything comes from auto_complete_config."""

import json

import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    @staticmethod
    def auto_complete_config(auto_complete_model_config):
        config = auto_complete_model_config
        config.add_input({"name": "INPUT", "data_type": "TYPE_INT32", "dims": [-1]})
        config.add_input({"name": "SCALE", "data_type": "TYPE_INT32", "dims": [1], "optional": True})
        config.add_output({"name": "OUTPUT", "data_type": "TYPE_INT32", "dims": [-1]})
        config.set_max_batch_size(8)
        config.set_dynamic_batching()
        return config

    def initialize(self, args):
        config = json.loads(args["model_config"])
        assert config["max_batch_size"] == 8
        assert "dynamic_batching" in config

    def execute(self, requests):
        answers = []
        for request in requests:
            values = pb_utils.get_input_tensor_by_name(request, "INPUT").as_numpy()
            scale = pb_utils.get_input_tensor_by_name(request, "SCALE")
            factor = 2 if scale is None else scale.as_numpy()
            answers.append(pb_utils.InferenceResponse([pb_utils.Tensor("OUTPUT", values * factor)]))
        return answers

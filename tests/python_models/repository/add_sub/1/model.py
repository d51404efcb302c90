"""Sum and difference; the types of the outputs come from the configuration."""

import json

import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def initialize(self, args):
        config = json.loads(args["model_config"])
        self.types = {
            name: pb_utils.triton_string_to_numpy(pb_utils.get_output_config_by_name(config, name)["data_type"])
            for name in ("OUTPUT0", "OUTPUT1")
        }
        assert pb_utils.get_input_config_by_name(config, "INPUT2") is None

    def execute(self, requests):
        return [self.answer(request) for request in requests]

    def answer(self, request):
        left, right = (pb_utils.get_input_tensor_by_name(request, f"INPUT{i}").as_numpy() for i in (0, 1))
        results = {"OUTPUT0": left + right, "OUTPUT1": left - right}
        return pb_utils.InferenceResponse(
            output_tensors=[pb_utils.Tensor(name, value.astype(self.types[name])) for name, value in results.items()]
        )

    def finalize(self):
        print("add_sub: finalize", flush=True)

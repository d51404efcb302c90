"""The configuration says a part, auto_complete_config the rest: the type of the input and that it is decoupled."""

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    @staticmethod
    def auto_complete_config(auto_complete_model_config):
        names = [tensor["name"] for tensor in auto_complete_model_config.as_dict()["input"]]
        assert names == ["COUNT"]
        auto_complete_model_config.add_input({"name": "COUNT", "data_type": "TYPE_INT32", "dims": [1]})
        auto_complete_model_config.add_output({"name": "INDEX", "data_type": "TYPE_INT32", "dims": [1]})
        auto_complete_model_config.set_max_batch_size(0)
        auto_complete_model_config.set_model_transaction_policy({"decoupled": True})
        return auto_complete_model_config

    def execute(self, requests):
        for request in requests:
            sender = request.get_response_sender()
            count = pb_utils.get_input_tensor_by_name(request, "COUNT").as_numpy()[0]
            for index in range(count):
                sender.send(pb_utils.InferenceResponse([pb_utils.Tensor("INDEX", np.array([index], np.int32))]))
            sender.send(flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)

"""Says WORD in every way that a log has, at a turn of the rate limiter."""

import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def initialize(self, args):
        pb_utils.Logger.log_info("talkative: at the start")

    def execute(self, requests):
        answers = []
        for request in requests:
            tensor = pb_utils.get_input_tensor_by_name(request, "WORD")
            word = tensor.as_numpy()[0].decode()
            logger = pb_utils.Logger
            logger.log(f"{word}: log")
            logger.log(f"{word}: log at a level", logger.WARNING)
            logger.log_info(f"{word}: log_info")
            logger.log_warn(f"{word}: log_warn")
            logger.log_error(f"{word}: log_error")
            logger.log_verbose(f"{word}: log_verbose")
            print(f"{word}: print", flush=True)
            answers.append(pb_utils.InferenceResponse([pb_utils.Tensor("WORD", tensor.as_numpy())]))
        return answers

    def finalize(self):
        pb_utils.Logger.log_info("talkative: at the end")

"""Does wrong what MODE says."""

import sys

import numpy as np
import triton_python_backend_utils as pb_utils

CODES = ("UNKNOWN", "INTERNAL", "NOT_FOUND", "INVALID_ARG", "UNAVAILABLE", "UNSUPPORTED", "ALREADY_EXISTS", "CANCELLED")


class OwnError(Exception):
    pass


def tensors(*named):
    return pb_utils.InferenceResponse([pb_utils.Tensor(name, array) for name, array in named])


GOOD = np.array([[1, 2]], np.float32)


class TritonPythonModel:
    def execute(self, requests):
        modes = [pb_utils.get_input_tensor_by_name(request, "MODE").as_numpy()[0, 0].decode() for request in requests]
        return getattr(self, modes[0].partition(" ")[0])(*modes[0].split()[1:])

    def good(self):
        return [tensors(("OUTPUT", GOOD), ("SECOND", GOOD))]

    def raises(self):
        raise OwnError("out of ideas")

    def raises_model_exception(self):
        raise pb_utils.TritonModelException("a text of the model's own")

    def raises_from(self):
        try:
            undefined_name  # noqa: B018
        except NameError as error:
            raise OwnError("the second of two") from error

    def raises_deep(self):
        def inner(depth):
            return inner(depth - 1) if depth else 1 / 0

        return inner(2)

    def raises_unicode(self):
        raise ValueError("größer 😀")

    def raises_empty(self):
        raise ValueError

    def exits(self):
        sys.exit(3)

    def error(self, code):
        error = pb_utils.TritonError(f"as {code}", getattr(pb_utils.TritonError, code))
        return [pb_utils.InferenceResponse(error=error)]

    def error_default(self):
        return [pb_utils.InferenceResponse(error=pb_utils.TritonError("without a code"))]

    def error_empty(self):
        return [pb_utils.InferenceResponse(error=pb_utils.TritonError(""))]

    def error_and_outputs(self):
        return [pb_utils.InferenceResponse([pb_utils.Tensor("OUTPUT", GOOD)], pb_utils.TritonError("with outputs"))]

    def returns_dict(self):
        return {}

    def returns_tuple(self):
        return tuple(self.good())

    def returns_single(self):
        return self.good()[0]

    def returns_too_many(self):
        return self.good() * 2

    def returns_none_of_them(self):
        return []

    def returns_number_inside(self):
        return [5]

    def unknown_output(self):
        return [tensors(("OUTPUT", GOOD), ("SECOND", GOOD), ("THIRD", GOOD))]

    def missing_output(self):
        return [tensors(("OUTPUT", GOOD))]

    def no_output(self):
        return [tensors()]

    def repeated_output(self):
        return [tensors(("OUTPUT", GOOD), ("OUTPUT", GOOD + 1), ("SECOND", GOOD))]

    def wrong_type(self):
        return [tensors(("OUTPUT", GOOD.astype(np.int64)), ("SECOND", GOOD))]

    def wrong_shape(self):
        return [tensors(("OUTPUT", np.zeros((1, 3), np.float32)), ("SECOND", GOOD))]

    def wrong_batch(self):
        return [tensors(("OUTPUT", np.zeros((2, 2), np.float32)), ("SECOND", GOOD))]

    def wrong_rank(self):
        return [tensors(("OUTPUT", np.zeros(2, np.float32)), ("SECOND", GOOD))]

    def scalar(self):
        return [tensors(("OUTPUT", np.array(1, np.float32)), ("SECOND", GOOD))]

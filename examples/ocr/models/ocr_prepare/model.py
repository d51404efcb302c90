"""First step of the ensemble: what the detector sees of an image."""

import numpy as np
import steps
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """IMAGE, RGB, becomes SEEN for the detector, and PAGE and PLACEMENT for the last step."""

    def execute(self, requests):
        """One response for each request."""
        return [self._prepared(request) for request in requests]

    def _prepared(self, request):
        image = pb_utils.get_input_tensor_by_name(request, "IMAGE").as_numpy()
        page, at = steps.page_of(np.ascontiguousarray(image[:, :, ::-1]))
        placement = np.array([at.ratio_h, at.ratio_w, at.top, at.height, at.width], np.float64)
        return pb_utils.InferenceResponse(
            [
                pb_utils.Tensor("SEEN", steps.detector_input(page)),
                pb_utils.Tensor("PAGE", page),
                pb_utils.Tensor("PLACEMENT", placement),
            ]
        )

"""The same pipeline as one model, which calls the networks itself (business logic scripting)."""

import numpy as np
import reading
import steps
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """IMAGE, RGB, becomes BOXES, TEXT and SCORES."""

    def initialize(self, args):
        """Read what the classes of the recognition network mean."""
        self.characters = reading.characters_of(pb_utils.get_model_dir())

    def execute(self, requests):
        """One response for each request; an image that fails takes no other along."""
        responses = []
        for request in requests:
            try:
                responses.append(self._read(request))
            except Exception as error:
                responses.append(pb_utils.InferenceResponse(error=pb_utils.TritonError(str(error))))
        return responses

    def _read(self, request):
        image = pb_utils.get_input_tensor_by_name(request, "IMAGE").as_numpy()
        page, placement = steps.page_of(np.ascontiguousarray(image[:, :, ::-1]))
        seen = steps.detector_input(page)
        marks = reading.result(reading.called("text_detection", "sigmoid_0.tmp_0", seen).exec())
        return reading.read(page, marks[0, 0], placement, self.characters)

"""Last step of the ensemble: reads the lines that the detector marked, in as many batches as they make."""

import reading
import steps
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """MARKS on a PAGE become BOXES, TEXT and SCORES."""

    def initialize(self, args):
        """Read what the classes of the recognition network mean."""
        self.characters = reading.characters_of(pb_utils.get_model_dir())

    def execute(self, requests):
        """One response for each request."""
        return [self._read(request) for request in requests]

    def _read(self, request):
        page, marks, placement = (
            pb_utils.get_input_tensor_by_name(request, name).as_numpy() for name in ("PAGE", "MARKS", "PLACEMENT")
        )
        at = steps.Placement(*placement[:2].tolist(), *placement[2:].astype(int).tolist())
        return reading.read(page, marks[0, 0], at, self.characters)

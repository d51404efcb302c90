"""`python -m triton_lite.engine`: the engine process."""

import gc
import sys

# All that a start makes stays: looking for garbage in it takes as long as small models. See `main._follow_start`.
gc.disable()

from triton_lite.engine.main import main  # noqa: E402

sys.exit(main())

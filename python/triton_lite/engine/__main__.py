"""`python -m triton_lite.engine`: the engine process."""

import sys

from triton_lite.engine.main import main

sys.exit(main())

"""The modules that models import, for tests within this process."""

from __future__ import annotations

import sys

from model_process.model_files import MODEL_PROCESS

sys.path.append(str(MODEL_PROCESS))

"""Runs a model's process: PYTHON …/model_process --control N --execute N --calls N."""

from __future__ import annotations

import os
import sys


def _run() -> None:
    # Python itself puts it first, without links.
    folder = os.path.dirname(os.path.realpath(__file__))
    sys.path[:] = [entry for entry in sys.path if os.path.realpath(entry or ".") != folder]
    sys.path.append(folder)  # Last: what a model brings along comes first.
    arguments = sys.argv[1:]
    sys.argv[:] = [""]  # A model is no command; unittest.main and the like look here.
    if __package__:
        from .triton_lite_model.process import run
    else:
        from triton_lite_model.process import run  # type: ignore[import-not-found,no-redef,unused-ignore]

    run(arguments)


if __name__ == "__main__":
    _run()

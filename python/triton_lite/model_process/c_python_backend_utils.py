"""The module that Triton compiles into its stub, for models that import it by name."""

from __future__ import annotations

if __package__:
    from .triton_lite_model.compiled_interface import *
else:
    from triton_lite_model.compiled_interface import *  # type: ignore[import-not-found,unused-ignore]

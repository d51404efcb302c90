"""What a model imports: Tensor, InferenceRequest, InferenceResponse and all else that Triton's module has."""

from __future__ import annotations

if __package__:
    from .triton_lite_model.interface import *
else:
    from triton_lite_model.interface import *  # type: ignore[import-not-found,unused-ignore]

"""What a configuration asks for and this release does not do yet: the model is served without it."""

from __future__ import annotations

from collections.abc import Iterator

from triton_lite.proto import messages


def uncached(config: messages.ModelConfig, has_cache: bool) -> Iterator[str]:
    """Say that a model asks for a response cache where the server has none."""
    if config.response_cache.enable and not has_cache:
        yield "response_cache is enabled, but there is no cache: start the server with --cache-config local,size=BYTES"

"""What a configuration asks for and this release does not do yet: the model is served without it."""

from __future__ import annotations

from collections.abc import Iterator

from triton_lite.proto import messages


def uncached(config: messages.ModelConfig, has_cache: bool) -> Iterator[str]:
    """Say that a model asks for a response cache where the server has none."""
    if config.response_cache.enable and not has_cache:
        yield "response_cache is enabled, but there is no cache: start the server with --cache-config local,size=BYTES"


def unlimited(config: messages.ModelConfig, rate_limit: str) -> Iterator[str]:
    """Say that the instances of a model with sequence batching take no turns at the resources that they name."""
    limited = any(group.rate_limiter.resources for group in config.instance_group)
    if rate_limit != "off" and limited and config.HasField("sequence_batching"):
        yield "rate_limiter has no effect on a model with sequence_batching in this release"

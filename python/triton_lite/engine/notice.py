"""What a configuration asks for and this release does not do yet: the model is served without it."""

from __future__ import annotations

from collections.abc import Iterator

from triton_lite.proto import messages


def uncached(config: messages.ModelConfig, has_cache: bool) -> Iterator[str]:
    """Say that a model asks for a response cache where the server has none."""
    if config.response_cache.enable and not has_cache:
        yield "response_cache is enabled, but there is no cache: start the server with --cache-config local,size=BYTES"


def unbuilt_features(config: messages.ModelConfig) -> Iterator[str]:
    """Name what is left out, as one warning for each model's log."""
    missing = []
    if config.HasField("sequence_batching"):
        missing.append("sequence_batching (inference answers UNIMPLEMENTED)")
    batching = config.dynamic_batching
    if batching.priority_levels or batching.HasField("default_queue_policy") or batching.priority_queue_policy:
        missing.append("priorities and queue policies of dynamic_batching")
    if config.model_repository_agents.agents:
        missing.append("model_repository_agents")
    if config.batch_input or config.batch_output:
        missing.append("batch_input and batch_output")
    if missing:
        yield "served without " + ", ".join(missing) + ": not available in this release"

"""How requests to a function are put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from triton_lite.errors import Code, TritonError
from triton_lite.proto import messages

DEFAULT_MAX_BATCH_SIZE = 64


@dataclass(frozen=True)
class DynamicBatching:
    """The dynamic batcher's settings, by the names that they have in ModelConfig."""

    max_batch_size: int = DEFAULT_MAX_BATCH_SIZE
    preferred_batch_size: Sequence[int] = ()
    max_queue_delay_microseconds: int = 0
    preserve_ordering: bool = False


Batching = bool | int | DynamicBatching
"""True: the defaults. False: none, tensors have no batch dimension. A number: the largest batch."""


def configure_batching(batching: Batching, config: messages.ModelConfig) -> None:
    """Enter it in a configuration. Raises TritonError(INVALID_ARGUMENT)."""
    if batching is False:
        return
    if isinstance(batching, DynamicBatching):
        chosen = batching
    elif batching is True:
        chosen = DynamicBatching()
    elif isinstance(batching, int):
        chosen = DynamicBatching(batching)
    else:
        raise TritonError(
            Code.INVALID_ARGUMENT, f"batching is True, False, a number or DynamicBatching, not {batching!r}"
        )
    if chosen.max_batch_size < 1:
        raise TritonError(
            Code.INVALID_ARGUMENT,
            f"the largest batch is at least 1, not {chosen.max_batch_size}; False for no batching",
        )
    config.max_batch_size = chosen.max_batch_size
    dynamic = config.dynamic_batching
    dynamic.SetInParent()
    dynamic.preferred_batch_size.extend(chosen.preferred_batch_size)
    dynamic.max_queue_delay_microseconds = chosen.max_queue_delay_microseconds
    dynamic.preserve_ordering = chosen.preserve_ordering

"""Rules of the dynamic batcher."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeAlias

from triton_lite.config.error import ConfigError
from triton_lite.proto import messages

# Not evaluated: that would load protobuf.
_Rule: TypeAlias = "Callable[[messages.ModelConfig], None]"


def _of_dynamic_batching(rule: _Rule) -> _Rule:
    @wraps(rule)
    def applied(config: messages.ModelConfig) -> None:
        if config.HasField("dynamic_batching"):
            rule(config)

    return applied


@_of_dynamic_batching
def preferred_sizes_fit(config: messages.ModelConfig) -> None:
    """Preferred batch sizes are 1..max_batch_size."""
    for index, size in enumerate(config.dynamic_batching.preferred_batch_size):
        field = ("dynamic_batching", "preferred_batch_size", index)
        if size <= 0:
            raise ConfigError(f"dynamic batching preferred size must be positive for {config.name}", field=field)
        if size > config.max_batch_size:
            raise ConfigError(
                f"dynamic batching preferred size must be <= max batch size for {config.name}",
                field=field,
                expected=f"at most max_batch_size, which is {config.max_batch_size}",
                write=f"a size up to {config.max_batch_size}, or a larger max_batch_size",
            )


@_of_dynamic_batching
def priority_levels_in_range(config: messages.ModelConfig) -> None:
    """With priorities, the default level and every level that has a policy are 1..priority_levels."""
    batching = config.dynamic_batching
    levels = batching.priority_levels
    if levels == 0:
        return
    if not 1 <= batching.default_priority_level <= levels:
        raise ConfigError(
            f"default priority level must be in range [1, {levels}] for {config.name}",
            field=("dynamic_batching", "default_priority_level"),
            write=f"default_priority_level: {levels}",
        )
    if any(not 1 <= level <= levels for level in batching.priority_queue_policy):
        raise ConfigError(
            f"priority queue policy must have priority level in range [1, {levels}] for {config.name}",
            field=("dynamic_batching", "priority_queue_policy"),
            expected=f"keys from 1 to {levels}",
        )


@_of_dynamic_batching
def ordering_without_priorities(config: messages.ModelConfig) -> None:
    """preserve_ordering goes with one priority level and without delayed requests."""
    batching = config.dynamic_batching
    if not batching.preserve_ordering:
        return
    if batching.priority_levels > 1:
        raise ConfigError(
            f"Only one priority level is allowed when 'preserve_ordering' is true for {config.name}",
            field=("dynamic_batching", "priority_levels"),
            write="preserve_ordering: false, or priority_levels: 1",
        )
    delay = messages.ModelQueuePolicy.DELAY
    for policy in (batching.default_queue_policy, *batching.priority_queue_policy.values()):
        if policy.default_timeout_microseconds and policy.timeout_action == delay:
            raise ConfigError(
                f"Queue policy can not have DELAY as timeout action when 'preserve_ordering' is true for {config.name}",
                field=("dynamic_batching", "default_queue_policy", "timeout_action"),
                write="timeout_action: REJECT",
            )


BATCHING_RULES = (preferred_sizes_fit, priority_levels_in_range, ordering_without_priorities)

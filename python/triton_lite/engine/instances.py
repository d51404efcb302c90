"""Which instances of a model stay, come and go when its instance groups change. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from triton_lite.proto import messages


@dataclass(frozen=True)
class Placed:
    """One instance as a configuration wants it. signature: what has to be the same for a running one to be it."""

    name: str
    signature: tuple[bytes, int]


@dataclass(frozen=True)
class Running:
    """One instance that runs. number: the data plane's."""

    number: int
    placed: Placed


@dataclass
class Changes:
    """kept: by place among those wanted. added: such places. removed: numbers."""

    kept: dict[int, Running] = field(default_factory=dict)
    added: list[int] = field(default_factory=list)
    removed: list[int] = field(default_factory=list)

    def running(self, wanted: Sequence[Placed], numbers: Iterable[int]) -> tuple[Running, ...]:
        """List what runs when the change is made. numbers: of those added, in their order."""
        added = {place: Running(number, wanted[place]) for place, number in zip(self.added, numbers, strict=True)}
        return tuple((self.kept | added)[place] for place in range(len(wanted)))


def placed(native: Any, config: messages.ModelConfig, spec: Any) -> list[Placed]:
    """List the instances of a complete configuration and its specification, in the data plane's order."""
    signatures = [_signature(group) for group in config.instance_group] or [b""]
    return [Placed(one.name, (signatures[one.group], one.device_id)) for one in native.place_instances(spec)]


def first(placed: Iterable[Placed]) -> tuple[Running, ...]:
    """List the instances of a version as it was loaded: the data plane numbers them in their order."""
    return tuple(Running(number, one) for number, one in enumerate(placed))


def compare(running: Iterable[Running], wanted: Sequence[Placed]) -> Changes:
    """Find out what has to change. Whatever runs stays where it can; under its name, if somebody is to have that."""
    left = list(running)
    changes = Changes()
    for same_name in (True, False):
        for place, want in enumerate(wanted):
            if place in changes.kept:
                continue
            for one in left:
                if one.placed.signature == want.signature and (one.placed.name == want.name or not same_name):
                    changes.kept[place] = one
                    left.remove(one)
                    break
    changes.added = [place for place in range(len(wanted)) if place not in changes.kept]
    changes.removed = [one.number for one in left]
    return changes


def only_instances_differ(one: messages.ModelConfig, other: messages.ModelConfig) -> bool:
    """Tell whether two configurations are the same, but for instance groups and version policies."""
    return _without_instances(one) == _without_instances(other)


def needs_resources(config: messages.ModelConfig) -> bool:
    """Tell whether any instance asks the rate limiter for resources."""
    return any(group.rate_limiter.resources for group in config.instance_group)


def _signature(group: messages.ModelInstanceGroup) -> bytes:
    """What an instance is made from: all of its group but name and count, as Triton has it."""
    unnamed = messages.ModelInstanceGroup()
    unnamed.CopyFrom(group)
    unnamed.ClearField("name")
    unnamed.ClearField("count")
    return unnamed.SerializeToString(deterministic=True)


def _without_instances(config: messages.ModelConfig) -> messages.ModelConfig:
    rest = messages.ModelConfig()
    rest.CopyFrom(config)
    rest.ClearField("instance_group")
    rest.ClearField("version_policy")
    return rest

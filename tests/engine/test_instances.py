"""Which instances stay, come and go when instance groups change."""

import fake_native
import pytest

from triton_lite.config.spec import VersionFiles, model_spec
from triton_lite.engine.instances import (
    Placed,
    Running,
    compare,
    needs_resources,
    only_instances_differ,
    placed,
)
from triton_lite.proto import messages


def config(*groups, **fields):
    made = messages.ModelConfig(name="m", backend="identity", **fields)
    for group in groups:
        made.instance_group.add(**group)
    return made


def group(name="m_0", count=1, **fields):
    return {"name": name, "count": count, "kind": messages.ModelInstanceGroup.KIND_CPU, **fields}


def wanted(*groups):
    made = config(*groups)
    files = VersionFiles(1, "/nowhere/m/1", "")
    return placed(fake_native, made, model_spec(fake_native, made, files, {}, {}))


def running(*groups):
    return [Running(number, one) for number, one in enumerate(wanted(*groups))]


def limited(count):
    return {"rate_limiter": {"resources": [{"name": "R", "count": count}]}}


@pytest.mark.parametrize(
    ("before", "after", "added", "removed"),
    [
        ([group(count=2)], [group(count=2)], [], []),
        ([group(count=2)], [group(count=4)], [2, 3], []),
        ([group(count=4)], [group(count=2)], [], [2, 3]),
        ([group(count=2)], [group("other", 2)], [], []),
        ([group(count=3)], [group("a", 1), group("b", 2)], [], []),
        ([group("a", 1), group("b", 2)], [group("b", 1)], [], [0, 2]),
        ([group("a", 1), group("b", 2)], [group("b", 2), group("a", 1)], [], []),
        ([group(count=2)], [group(count=2, **limited(1))], [0, 1], [0, 1]),
        ([group(count=1), group("l", 1, **limited(1))], [group(count=2)], [1], [1]),
        ([group(count=1, profile=["1"])], [group(count=1, profile=["2"])], [0], [0]),
    ],
)
def test_what_changes(before, after, added, removed):
    changes = compare(running(*before), wanted(*after))
    assert (changes.added, changes.removed) == (added, removed)
    assert sorted([*changes.kept, *changes.added]) == list(range(len(wanted(*after))))


def test_what_runs_afterwards():
    after = wanted(group("b", 1), group("l", 2, **limited(1)))
    changes = compare(running(group(count=1)), after)
    now = changes.running(after, [7, 3])
    assert [one.number for one in now] == [0, 7, 3]
    # What stays keeps its name, what is new has that of its configuration.
    assert [one.placed.name for one in now] == ["m_0_0", "l_0", "l_1"]
    assert compare(now, after).added == []


def test_an_instance_on_another_device_is_another_one():
    before = [Running(0, Placed("m_0_0", (b"", 0)))]
    changes = compare(before, [Placed("m_0_0", (b"", 1))])
    assert (changes.added, changes.removed) == ([0], [0])


def test_when_only_instances_differ():
    before = config(group(count=2), max_batch_size=4)
    assert only_instances_differ(before, config(group(count=3), max_batch_size=4))
    policy = messages.ModelVersionPolicy(all={})
    assert only_instances_differ(before, config(group(count=3), max_batch_size=4, version_policy=policy))
    assert not only_instances_differ(before, config(group(count=2), max_batch_size=5))


def test_resources():
    assert not needs_resources(config(group(count=2), group(count=1, rate_limiter={"priority": 2})))
    assert needs_resources(config(group(count=2), group(count=1, **limited(1))))

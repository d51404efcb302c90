"""What a rule finds beyond its first fault."""

from __future__ import annotations

import pytest

from triton_lite.check.faults import all_faults, copy_of, nothing
from triton_lite.config import text
from triton_lite.config.error import ConfigError
from triton_lite.proto import messages


def config_of(content: str) -> messages.ModelConfig:
    return text.parse(content, "config.pbtxt")


def no_zeros(config: messages.ModelConfig) -> None:
    """Refuses a dimension of 0, at the first that there is."""
    for at, tensor in enumerate(config.input):
        for index, size in enumerate(tensor.dims):
            if size == 0:
                raise ConfigError("zero", field=("input", at, "dims", index))


def no_size_and_no_platform(config: messages.ModelConfig) -> None:
    if config.max_batch_size:
        raise ConfigError("size", field=("max_batch_size",))
    if config.platform:
        raise ConfigError("platform", field=("platform",))


def never_content(config: messages.ModelConfig) -> None:
    raise ConfigError("no", field=("name",))


CONFIG = config_of("input { dims: [ 0, 4, 0, 0 ] } input { dims: [ 5, 0 ] } max_batch_size: 4 platform: 'p'")


def test_indices_are_those_of_the_whole() -> None:
    before = copy_of(CONFIG)
    found = [error.field for error in all_faults(no_zeros, CONFIG)]
    assert found == [("input", 0, "dims", 0), ("input", 0, "dims", 2), ("input", 0, "dims", 3), ("input", 1, "dims", 1)]
    assert before == CONFIG


def test_fields_are_cleared() -> None:
    assert [error.text for error in all_faults(no_size_and_no_platform, CONFIG)] == ["size", "platform"]


@pytest.mark.parametrize("rule", [never_content, no_zeros, no_size_and_no_platform])
def test_without_a_repair_the_first_fault_is_all(rule) -> None:
    assert len(all_faults(rule, CONFIG, nothing)) == 1


def test_a_repair_that_changes_nothing_ends_the_search() -> None:
    assert len(all_faults(never_content, CONFIG)) == 1


def test_there_is_an_end() -> None:
    assert len(all_faults(no_zeros, config_of(f"input {{ dims: [ {', '.join(['0'] * 500)} ] }}"))) == 100


def test_a_rule_may_complete_what_it_checks() -> None:
    def completes(config: messages.ModelConfig) -> None:
        config.name += "x"

    before = copy_of(CONFIG)
    assert all_faults(completes, CONFIG) == []
    assert before == CONFIG

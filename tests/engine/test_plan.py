"""The order of loading follows from configurations alone."""

import pytest

from triton_lite.config import text
from triton_lite.engine.plan import find_circle, levels, steps_of


def configs(**needed):
    result = {}
    for name, models in needed.items():
        steps = " ".join(f'step {{ model_name: "{model}" model_version: {version} }}' for model, version in models)
        result[name] = text.parse(f"ensemble_scheduling {{ {steps} }}" if models else "", "")
    return result


DIAMOND = configs(top=[("left", -1), ("right", -1)], left=[("leaf", 1), ("leaf", -1)], right=[("leaf", -1)], leaf=[])


def test_steps():
    assert steps_of(DIAMOND["left"]) == {"leaf": {1, -1}}


def test_levels():
    assert levels(DIAMOND, DIAMOND) == [["leaf"], ["left", "right"], ["top"]]
    assert levels(["top"], DIAMOND) == [["top"]]
    assert levels([], DIAMOND) == []


def test_circles():
    circle = configs(a=[("b", -1)], b=[("c", -1)], c=[("a", -1)], outside=[("a", -1)])
    assert [find_circle(name, circle) for name in circle] == ["c", "a", "b", ""]
    assert find_circle("top", DIAMOND) == ""
    with pytest.raises(ValueError, match="circular dependency among a, b, c, outside"):
        levels(circle, circle)

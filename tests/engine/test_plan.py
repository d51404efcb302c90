"""The order of loading follows from who needs whom alone."""

from triton_lite.engine.plan import find_circle, levels

DIAMOND = {"top": ["left", "right"], "left": ["leaf"], "right": ["leaf"], "leaf": []}


def test_levels():
    assert levels(DIAMOND) == [["leaf"], ["left", "right"], ["top"]]
    assert levels({"top": ["left", "right"]}) == [["top"]]
    assert levels({}) == []


def test_circles():
    circle = {"a": ["b"], "b": ["c"], "c": ["a"], "outside": ["a"]}
    assert [find_circle(key, circle) for key in circle] == ["c", "a", "b", ""]
    assert find_circle("top", DIAMOND) == ""
    assert levels(circle) == [["a", "b", "c", "outside"]]

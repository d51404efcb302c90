"""Reading on behind errors of syntax."""

from __future__ import annotations

import pytest

from triton_lite.check.syntax import parse


@pytest.mark.parametrize(
    ("content", "places", "left"),
    [
        ("max_batchsize: 8\nplatfrom: 'p'", [(1, 1), (2, 1)], "platform: 'p' max_batch_size: 8"),
        ("zzz { a: [ 1, { b: '}' } ] # }\n}\nname: 'n'", [(1, 1)], "name: 'n'"),
        ("zzz: 'a' name: 'n'", [(1, 1)], "name: 'n'"),
        ("zzz: [ 'a', 'b' ]\nname: 'n'", [(1, 1)], "name: 'n'"),
        ("zzz < a: 1 >\nname: 'n'", [(1, 1)], "name: 'n'"),
        ("input { data_type: FLOAT32\n data_type2: 1 }", [(1, 20), (2, 2)], None),
        ("input { data_type: FLOAT32\n dims: [ one ] }", [(1, 20), (2, 10)], "input { data_type: TYPE_FP32 dims: 1 }"),
        ("name: 'n'", [], "name: 'n'"),
        ("name 'n'\nzzz: 1", [(1, 6)], None),
        ("zzz {", [(1, 1)], ""),
        ("", [], ""),
    ],
)
def test_parse(content: str, places: list[tuple[int, int]], left: str | None) -> None:
    config, errors = parse(content, "config.pbtxt")
    assert [(error.line, error.column) for error in errors][: len(places)] == places
    if left is None:
        assert config is None
    else:
        assert len(errors) == len(places)
        assert config == parse(left, "")[0]


def test_a_number_that_no_type_holds() -> None:
    config, errors = parse("input { data_type: 99999999999999999999 }", "config.pbtxt")
    assert config is None and len(errors) == 1 and errors[0].path == "config.pbtxt"


def test_there_is_an_end() -> None:
    assert len(parse("zzz: 1\n" * 200, "config.pbtxt")[1]) == 50

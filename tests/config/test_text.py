"""Reading config.pbtxt: what is wrong, where, and what to write."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triton_lite.config import text
from triton_lite.config.error import ConfigError
from triton_lite.config.position import locate
from triton_lite.errors import Code


@pytest.mark.parametrize(
    ("content", "line", "column", "advice"),
    [
        ("max_batch_size: eight", 1, 17, "expected an integer, found eight"),
        ("\nmax_batchsize: 8", 2, 1, "write max_batch_size"),
        ("input {\n  name: 'I'\n  data_type: TYPE_FLOAT\n}", 3, 14, "write TYPE_FP32"),
        ("input {\n  dtype: TYPE_FP32\n}", 2, 3, "write data_type"),
        ("instance_group { kind: KIND_CUP }", 1, 24, "write KIND_CPU"),
    ],
)
def test_says_where_and_what(content, line, column, advice):
    with pytest.raises(ConfigError) as caught:
        text.parse(content, "/r/m/config.pbtxt")
    error = caught.value
    assert error.text == "failed to read text proto from /r/m/config.pbtxt"
    assert error.code is Code.INTERNAL
    assert (error.line, error.column) == (line, column)
    assert advice in error.advice()


@pytest.mark.parametrize("content", ["{", "input [", "name: 'a", "}", "\0", "name: 1", "input { name: 'a' ]"])
def test_broken_files_are_refused(content):
    with pytest.raises(ConfigError, match="failed to read text proto"):
        text.parse(content, "config.pbtxt")


def test_unreadable_file_is_refused(tmp_path):
    (tmp_path / "config.pbtxt").write_bytes(b"name: '\xff'")
    with pytest.raises(ConfigError, match="failed to read text proto"):
        text.read(str(tmp_path / "config.pbtxt"))


CONFIG = """# A comment: { not a message }
name: "a { b"
input [
  { name: "A" dims: [ 1, 2 ] },
  { name: "B"
    dims: 3 dims: 4 }
]
input < name: 'C' dims: [] >
dynamic_batching: { preferred_batch_size: [ 4,
  8 ] }
"""


@pytest.mark.parametrize(
    ("field", "position"),
    [
        (("name",), (2, 7)),
        (("input", 0, "dims", 1), (4, 26)),
        (("input", 1), (5, 3)),
        (("input", 1, "name"), (5, 11)),
        (("input", 1, "dims", 1), (6, 19)),
        (("input", 2, "name"), (8, 15)),
        (("input", 2, "reshape"), (8, 7)),  # Not there: the message that lacks it.
        (("dynamic_batching", "preferred_batch_size", 1), (10, 3)),
        (("output",), None),
        ((), None),
    ],
)
def test_locates(field, position):
    assert locate(CONFIG, field) == position


def test_named_configuration_wins(tmp_path):
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "small.pbtxt").touch()
    assert text.config_path(str(tmp_path), "small") == str(tmp_path / "configs" / "small.pbtxt")
    assert text.config_path(str(tmp_path), "large") == str(tmp_path / "config.pbtxt")
    assert text.config_path(str(tmp_path), "") == str(tmp_path / "config.pbtxt")


@given(
    st.lists(
        st.sampled_from([*"{}[]<>:'\"\\#,;-\n", "name", "input", "dims", "9" * 40, "TYPE_FP32", "\0", "é", "1e999"])
    )
)
def test_any_text_is_read_or_refused(tokens):
    content = " ".join(tokens)
    locate(content, ("input", 0, "dims"))
    try:
        text.parse(content, "config.pbtxt")
    except ConfigError as error:
        assert len(error.advice()) < 2000


@pytest.mark.parametrize(
    ("content", "line", "column"),
    [
        ("name: 'm'\nmax_batch_size: +1", 2, 17),
        ("max_batch_size: 1_0", 1, 17),
        ('\n\n  name: "a\\q"', 3, 9),
        ('name: "a" "\\\\\\z"', 1, 11),
    ],
)
def test_what_only_pythons_reader_takes_is_refused(content, line, column):
    with pytest.raises(ConfigError) as caught:
        text.parse(content, "/m/config.pbtxt")
    error = caught.value
    assert error.text == "failed to read text proto from /m/config.pbtxt"
    assert (error.line, error.column) == (line, column)


@pytest.mark.parametrize("content", ["name: 'a_1\\x41\\101\\\\q'", "input { dims: [ -1, 0x1F, 010 ] }", "# \\q +1"])
def test_what_both_readers_take_is_taken(content):
    text.parse(content, "")

"""Every rule refuses its file in invalid/: with Triton's text, at the right field, on the right line."""

from pathlib import Path

import pytest

from triton_lite.config import backends, rules, text
from triton_lite.config.error import ConfigError, field_name
from triton_lite.config.normalize import normalize, normalize_instance_groups

CASES = sorted((Path(__file__).parent / "invalid").glob("*.pbtxt"))


def check(content: str, name: str = "m") -> None:
    config = text.parse(content, "config.pbtxt")
    backends.fill(config, name, None)
    normalize(config)
    rules.check_config(config)
    rules.check_runtime(config)
    normalize_instance_groups(config, frozenset())
    rules.check_instance_groups(config, frozenset())
    rules.check_io(config)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_refuses(case):
    content = case.read_text()
    headers = [line.partition(": ")[2] for line in content.splitlines()[:2]]
    with pytest.raises(ConfigError) as caught:
        check(content)
    error = text.placed(caught.value, str(case), content)
    assert [error.text, field_name(error.field)] == headers
    assert error.line > 2
    assert f"line {error.line}, column {error.column}, field {headers[1]}" in error.advice()
    # The line names the field, or is the start of the message that lacks it.
    line = content.splitlines()[error.line - 1][error.column - 1 :]
    last = next(part for part in reversed(error.field) if isinstance(part, str))
    assert last in content.splitlines()[error.line - 1] or line[0] in "{<"


@pytest.mark.parametrize("kind", ["KIND_AUTO", "KIND_GPU"])
def test_gpus_are_used_where_they_are(kind):
    config = text.parse(f"instance_group {{ kind: {kind} }}", "")
    config.name = "m"
    normalize_instance_groups(config, {1, 0})
    rules.check_instance_groups(config, {0, 1})
    assert list(config.instance_group[0].gpus) == [0, 1]
    assert config.instance_group[0].kind == type(config.instance_group[0]).KIND_GPU


def test_scalars_in_a_batch_are_allowed():
    check(
        'backend: "onnxruntime" max_batch_size: 4'
        ' input { name: "I" data_type: TYPE_FP32 dims: 1 reshape { shape: [ ] } }'
        ' output { name: "O" data_type: TYPE_FP32 dims: [ 2, -1, 6 ] reshape { shape: [ 2, 1, -1, 3, 2 ] } }'
    )

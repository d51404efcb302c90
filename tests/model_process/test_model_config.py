"""Completing a configuration: what is taken and what is refused, with Triton's texts."""

from __future__ import annotations

import json
from typing import Any

import pytest
import triton_python_backend_utils as pb_utils

FP32 = {"name": "A", "data_type": "TYPE_FP32", "dims": [4]}


def config(**fields: Any) -> Any:
    return pb_utils.ModelConfig(json.dumps({"name": "m", "max_batch_size": 2, "input": [], "output": [], **fields}))


@pytest.mark.parametrize("kind", ["input", "output"])
def test_tensors_are_added_and_completed(kind: str) -> None:
    fresh = config()
    getattr(fresh, f"add_{kind}")(dict(FP32))
    assert fresh.as_dict()[kind] == [FP32]
    getattr(fresh, f"add_{kind}")(dict(FP32))
    assert fresh.as_dict()[kind] == [FP32]
    partial = config(**{kind: [{"name": "A", "data_type": "TYPE_INVALID", "dims": []}]})
    getattr(partial, f"add_{kind}")(dict(FP32))
    assert partial.as_dict()[kind] == [FP32]


@pytest.mark.parametrize("kind", ["input", "output"])
@pytest.mark.parametrize(
    ("tensor", "text"),
    [
        (
            {**FP32, "format": 1},
            "{kind} 'A' in auto-complete-config function for model 'm' contains property other than {listed}.",
        ),
        (
            {"data_type": "TYPE_FP32", "dims": []},
            "{kind} in auto-complete-config function for model 'm' is missing 'name' property.",
        ),
        (
            {"name": "A", "dims": []},
            "{kind} 'A' in auto-complete-config function for model 'm' is missing 'data_type' property.",
        ),
        (
            {"name": "A", "data_type": "TYPE_FP32"},
            "{kind} 'A' in auto-complete-config function for model 'm' is missing 'dims' property.",
        ),
        (
            {**FP32, "data_type": "TYPE_INT8"},
            "unable to load model 'm', configuration expects datatype TYPE_FP32 for {kind} 'A', "
            "model provides TYPE_INT8",
        ),
        (
            {**FP32, "dims": [4, -1]},
            "model 'm', tensor 'A': the model expects dims [4, -1] but the model configuration specifies dims [4]",
        ),
    ],
)
def test_tensors_that_are_refused(kind: str, tensor: dict[str, Any], text: str) -> None:
    listed = "'name', 'data_type', 'dims' and 'optional'" if kind == "input" else "'name', 'data_type' and 'dims'"
    with pytest.raises(ValueError) as raised:
        getattr(config(**{kind: [dict(FP32)]}), f"add_{kind}")(tensor)
    assert str(raised.value) == text.format(kind=kind, listed=listed)


def test_optional_inputs() -> None:
    fresh = config(input=[{**FP32, "optional": True}])
    with pytest.raises(ValueError) as raised:
        fresh.add_input({**FP32, "optional": False})
    assert str(raised.value) == (
        "model 'm', tensor 'A': the model expects optional False but the model configuration specifies optional True"
    )
    fresh.add_input({**FP32, "optional": True})
    partial = config(input=[dict(FP32)])
    partial.add_input({**FP32, "optional": True})
    assert partial.as_dict()["input"] == [{**FP32, "optional": True}]


def test_batch_size() -> None:
    fresh = config()
    fresh.set_max_batch_size(8)
    assert fresh.as_dict()["max_batch_size"] == 8
    with pytest.raises(ValueError) as raised:
        fresh.set_max_batch_size(4)
    assert str(raised.value) == (
        "configuration specified max_batch_size 8, but in auto-complete-config function for model 'm' specified "
        "max_batch_size 4"
    )


def test_dynamic_batching() -> None:
    fresh = config()
    fresh.set_dynamic_batching()
    assert fresh.as_dict()["dynamic_batching"] == {}
    present = config(dynamic_batching={"max_queue_delay_microseconds": 5})
    present.set_dynamic_batching()
    assert present.as_dict()["dynamic_batching"] == {"max_queue_delay_microseconds": 5}
    for scheduler in ("sequence_batching", "ensemble_scheduling"):
        with pytest.raises(ValueError) as raised:
            config(**{scheduler: {}}).set_dynamic_batching()
        assert str(raised.value) == (
            f"Configuration specified scheduling_choice as '{scheduler}', but auto-complete-config function for model "
            "'m' tries to set scheduling_choice as 'dynamic_batching'"
        )


def test_transaction_policy() -> None:
    fresh = config()
    fresh.set_model_transaction_policy({"decoupled": True})
    fresh.set_model_transaction_policy({"decoupled": True})
    fresh.set_model_transaction_policy({})
    assert fresh.as_dict()["model_transaction_policy"] == {"decoupled": True}
    with pytest.raises(ValueError) as raised:
        fresh.set_model_transaction_policy({"decoupled": False})
    assert str(raised.value) == (
        "trying to change decoupled property in auto-complete-config for model 'm', which is already set to 'True'."
    )
    with pytest.raises(ValueError) as raised:
        fresh.set_model_transaction_policy({"coupled": True})
    assert str(raised.value) == (
        "model transaction property in auto-complete-config function for model 'm' contains property other than "
        "'decoupled'."
    )

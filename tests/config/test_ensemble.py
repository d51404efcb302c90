"""An ensemble and the models of its steps: what they say of its tensors has to agree, and branches must not meet."""

import pytest

from triton_lite.config import text
from triton_lite.config.ensemble import check_ensemble
from triton_lite.config.error import ConfigError

MODELS = {
    "add": 'max_batch_size: 4 input { name: "I" data_type: TYPE_FP32 dims: 4 }'
    ' output { name: "O" data_type: TYPE_FP32 dims: 4 }',
    "vary": 'max_batch_size: 8 input { name: "I" data_type: TYPE_FP32 dims: -1 }'
    ' output { name: "O" data_type: TYPE_FP32 dims: -1 }',
    "unbatched": 'input { name: "I" data_type: TYPE_FP32 dims: [ -1, 4 ] }'
    ' output { name: "O" data_type: TYPE_FP32 dims: [ -1, 4 ] }',
    "count": 'max_batch_size: 8 input { name: "I" data_type: TYPE_INT32 dims: 4 }'
    ' output { name: "O" data_type: TYPE_INT32 dims: 4 }',
    "two": 'max_batch_size: 8 input { name: "I" data_type: TYPE_FP32 dims: 4 }'
    ' input { name: "J" data_type: TYPE_FP32 dims: 4 } input { name: "K" dims: 1 optional: true }'
    ' output { name: "O" data_type: TYPE_FP32 dims: 4 }',
    "many": 'max_batch_size: 8 input { name: "I" data_type: TYPE_FP32 dims: 4 }'
    ' output { name: "O" data_type: TYPE_FP32 dims: 4 } output { name: "P" data_type: TYPE_FP32 dims: 4 }'
    " model_transaction_policy { decoupled: true }",
}


def step(model, inputs, outputs, more=""):
    maps = [("input_map", inputs), ("output_map", outputs)]
    spelled = " ".join(
        f'{field} {{ key: "{key}" value: "{value}" }}'
        for field, pairs in maps
        for key, value in (pair.split("=") for pair in pairs.split())
    )
    return f'step {{ model_name: "{model}" {spelled} {more} }}'


def ensemble(*steps, outputs="OUT", size=4, dims="4"):
    tensors = f'input {{ name: "IN" data_type: TYPE_FP32 dims: [ {dims} ] }}' + "".join(
        f' output {{ name: "{name}" data_type: TYPE_FP32 dims: [ {dims} ] }}' for name in outputs.split()
    )
    return text.parse(
        f'name: "e" platform: "ensemble" max_batch_size: {size} {tensors} ensemble_scheduling {{ {" ".join(steps)} }}',
        "",
    )


def check(config):
    check_ensemble(config, lambda name: text.parse(f'name: "{name}" {MODELS[name]}', ""))
    return config.model_transaction_policy.decoupled


@pytest.mark.parametrize(
    "config",
    [
        ensemble(step("add", "I=IN", "O=OUT")),
        ensemble(step("vary", "I=IN", "O=x"), step("add", "I=x", "O=OUT")),
        ensemble(step("unbatched", "I=IN", "O=OUT"), size=100),
        ensemble(step("two", "I=IN J=IN", "O=OUT")),
    ],
)
def test_fits(config):
    assert check(config) is False


@pytest.mark.parametrize(
    "steps",
    [
        [step("many", "I=IN", "O=OUT")],
        [step("many", "I=IN", "O=x P=y"), step("two", "I=x J=y", "O=OUT")],
        [step("many", "I=IN", "O=x"), step("many", "I=x", "O=OUT")],
    ],
)
def test_a_decoupled_step_makes_a_decoupled_ensemble(steps):
    assert check(ensemble(*steps)) is True


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (
            ensemble(step("add", "I=IN", "O=OUT"), size=5),
            "ensemble e allows maximum batch size 5, but it contains model add which only allows maximum batch size to"
            " be 4",
        ),
        (
            ensemble(step("add", "I=IN X=IN", "O=OUT")),
            "in ensemble e, ensemble tensor IN is mapping to non-existing input X in model add",
        ),
        (
            ensemble(step("add", "I=IN", "O=OUT X=y")),
            "in ensemble e, ensemble tensor y is mapped from non-existing output X in model add",
        ),
        (
            ensemble(step("two", "I=IN", "O=OUT", 'model_namespace: "/a"')),
            "in ensemble e, input J in model /a::two is not mapped to any ensemble tensors",
        ),
        (
            ensemble(step("count", "I=IN", "O=OUT")),
            "in ensemble e, ensemble tensor IN: inconsistent data type: TYPE_FP32 is inferred from model e while"
            " TYPE_INT32 is inferred from model count",
        ),
        (
            ensemble(step("add", "I=IN", "O=x"), step("count", "I=x", "O=OUT")),
            "in ensemble e, ensemble tensor x: inconsistent data type: TYPE_FP32 is inferred from model add while"
            " TYPE_INT32 is inferred from model count",
        ),
        (
            ensemble(step("add", "I=IN", "O=OUT"), dims="5"),
            "in ensemble e, ensemble tensor IN: inconsistent shape: [-1,5] is inferred from model e while [-1,4] is"
            " inferred from model add",
        ),
        (
            ensemble(
                step("many", "I=IN", "O=x"),
                step("many", "I=IN", "O=y"),
                step("two", "I=x J=y", "O=z"),
                step("add", "I=z", "O=OUT"),
            ),
            "in ensemble e, step of model 'two' receives inputs originated from different decoupled models",
        ),
        (
            ensemble(step("many", "I=IN", "O=OUT"), step("many", "I=IN", "P=SECOND"), outputs="OUT SECOND"),
            "in ensemble e, step of model 'e' receives inputs originated from different decoupled models",
        ),
        (
            ensemble(step("many", "I=IN", "O=OUT"), step("add", "I=IN", "O=SECOND"), outputs="OUT SECOND"),
            "in ensemble e, step of model 'e' receives inputs originated from different decoupled models",
        ),
    ],
)
def test_refuses(config, expected):
    with pytest.raises(ConfigError) as caught:
        check(config)
    assert caught.value.text == expected
    assert caught.value.field

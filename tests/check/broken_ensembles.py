"""Repositories with broken ensembles, of models that are healthy by themselves."""

from __future__ import annotations

from repository_maker import Broken, Content, Expected, model, onnx

_FILE = "e/config.pbtxt"

_HEAD = """\
platform: "ensemble"
max_batch_size: 8
input [ { name: "IN" data_type: TYPE_FP32 dims: [ 4 ] } ]
output [ { name: "OUT" data_type: TYPE_FP32 dims: [ 4 ] } ]
ensemble_scheduling {
"""


def _step(model_name: str = "m", inputs: str = "X=IN", outputs: str = "Y=OUT", version: int = -1) -> str:
    """Three lines."""

    def maps(field: str, pairs: str) -> str:
        entries = [pair.split("=") for pair in pairs.split()]
        return " ".join(f'{field} {{ key: "{key}" value: "{value}" }}' for key, value in entries)

    name = f'model_name: "{model_name}" ' if model_name else ""
    maps_of_both = f"    {maps('input_map', inputs)}\n    {maps('output_map', outputs)}"
    return f"  step {{ {name}model_version: {version}\n{maps_of_both} }}\n"


def ensemble(*steps: str, head: str = _HEAD) -> dict[str, Content]:
    """Ensemble e of model m (X -> Y) and what else a case adds. The first step stands in lines 6 to 8."""
    return model() | {_FILE: head + "".join(steps) + "}\n", "e/1/.keep": ""}


_WIDE = model("max_batch_size: 8\n", name="wide", content=onnx((("X", "FP32", ("batch", 5)),)))
_WHOLE = model("max_batch_size: 8\n", name="whole", content=onnx((("X", "INT64", ("batch", 4)),)))
_TWO = model(
    "max_batch_size: 8\n",
    name="two",
    content=onnx((("A", "FP32", ("batch", 4)), ("B", "FP32", ("batch", 4))), ("C", "D")),
)

HEALTHY = ensemble(_step(outputs="Y=t"), _step(inputs="X=t"))

ENSEMBLES = [
    Broken("missing model", ensemble(_step("n")), [Expected(_FILE, 6, "not available or ambiguous: n")]),
    Broken(
        "two missing models",
        ensemble(_step("mm", outputs="Y=t"), _step("zzz", inputs="X=t")),
        [
            Expected(_FILE, 6, "not available or ambiguous: mm", 'model_name: "m"'),
            Expected(_FILE, 9, "not available or ambiguous: zzz", "a model zzz"),
        ],
    ),
    Broken(
        "missing version", ensemble(_step(version=3)), [Expected(_FILE, 6, "required version 3 is not loaded", "-1")]
    ),
    Broken("its own step", ensemble(_step("e")), [Expected(_FILE, 6, "circular dependency", "another model")]),
    Broken(
        "circle",
        ensemble(_step("f")) | {"f/config.pbtxt": _HEAD + _step("e") + "}\n", "f/1/.keep": ""},
        [
            Expected(_FILE, 6, "circular dependency between ensembles: e -> f -> e", "another model"),
            Expected("f/config.pbtxt", 6, "circular dependency between ensembles: f -> e -> f", "another model"),
        ],
    ),
    Broken(
        "unknown input and unknown output",
        ensemble(_step(inputs="x=IN", outputs="y=OUT")),
        [
            Expected(_FILE, 7, "non-existing input x in model m"),
            Expected(_FILE, 7, "input X in model m is not mapped"),
            Expected(_FILE, 8, "non-existing output y in model m"),
        ],
    ),
    Broken(
        "input not mapped",
        ensemble(_step("two", inputs="A=IN", outputs="C=OUT")) | _TWO,
        [Expected(_FILE, 7, "input B in model two is not mapped", 'key: "B"')],
    ),
    Broken(
        "shape between steps",
        ensemble(_step(outputs="Y=t"), _step("wide", inputs="X=t")) | _WIDE,
        [
            Expected(_FILE, 10, "ensemble tensor t: inconsistent shape"),
            Expected(_FILE, 11, "ensemble tensor OUT: inconsistent shape"),
        ],
    ),
    Broken(
        "type",
        ensemble(_step("whole")) | _WHOLE,
        [
            Expected(_FILE, 7, "ensemble tensor IN: inconsistent data type"),
            Expected(_FILE, 8, "ensemble tensor OUT: inconsistent data type"),
        ],
    ),
    Broken(
        "larger batches than its models",
        ensemble(_step(), head=_HEAD.replace("size: 8", "size: 16")),
        [Expected(_FILE, 2, "only allows maximum batch size to be 8", "max_batch_size: 8")],
    ),
    Broken("no steps", ensemble(), [Expected(_FILE, 5, "must specify 'step'")]),
    Broken(
        "steps without parts",
        ensemble(_step(""), _step(inputs="", outputs="")),
        [
            Expected(_FILE, 6, "must specify 'model_name' in step 0", "model_name"),
            Expected(_FILE, 9, "must specify 'input_map' in step 1", "input_map"),
            Expected(_FILE, 9, "must specify 'output_map' in step 1", "output_map"),
        ],
    ),
    Broken(
        "gap and unused tensor",
        ensemble(_step(outputs="Y=t"), _step(inputs="X=u")),
        [
            Expected(_FILE, 4, "'u', is not connected"),
            Expected(_FILE, 5, "ensemble tensor 't' is unused"),
        ],
    ),
    Broken(
        "unused input and unwritten output",
        ensemble(
            _step(),
            head=_HEAD.replace("input [ {", 'input [ { name: "I2" data_type: TYPE_FP32 dims: 1 },\n{').replace(
                "output [ {", 'output [ { name: "O2" data_type: TYPE_FP32 dims: 1 },\n{'
            ),
        ),
        [Expected(_FILE, 3, "ensemble input 'I2'"), Expected(_FILE, 5, "ensemble output 'O2'")],
    ),
    Broken(
        "written twice",
        ensemble(_step(), _step()),
        [Expected(_FILE, 11, "can appear in an output map only once")],
    ),
    Broken(
        "things of a backend",
        ensemble(_step(), head="instance_group { }\noptimization { }\n" + _HEAD),
        [
            Expected(_FILE, 1, "instance group should not be specified", "no instance_group"),
            Expected(_FILE, 2, "optimization should not be specified", "no optimization"),
        ],
    ),
    Broken(
        "not an ensemble by platform",
        ensemble(_step(), head=_HEAD.replace('platform: "ensemble"', 'backend: "onnxruntime"')),
        [Expected(_FILE, 5, "ensemble scheduling cannot be set", 'platform: "ensemble"')],
    ),
    Broken(
        "no version",
        {path: content for path, content in ensemble(_step()).items() if path != "e/1/.keep"},
        [Expected("e", 0, "at least one version must be available", "mkdir")],
    ),
]

"""What the data plane gets of a configuration."""

from types import SimpleNamespace

import pytest

from triton_lite.config import text
from triton_lite.config.spec import VersionFiles, model_spec

NATIVE = SimpleNamespace(
    **{
        name: type(name, (SimpleNamespace,), {})
        for name in (
            "ModelSpec",
            "TensorSpec",
            "InstanceGroupSpec",
            "ExecutionAcceleratorSpec",
            "DefaultSchedulerSpec",
            "DynamicBatchingSpec",
            "SequenceSchedulerSpec",
            "EnsembleSpec",
            "EnsembleStepSpec",
        )
    }
)


def spec_of(content, labels=None):
    files = VersionFiles(3, "/r/m/3", "/r/m/3/model.onnx")
    return model_spec(NATIVE, text.parse(content, ""), files, {"a": "b"}, labels or {})


def test_fields():
    spec = spec_of(
        """
        name: "m" backend: "onnxruntime" platform: "onnxruntime_onnx" max_batch_size: 8
        input { name: "I" data_type: TYPE_FP16 dims: [ -1, 2 ] reshape { shape: [ ] } optional: true }
        input { name: "J" data_type: TYPE_STRING dims: 1 allow_ragged_batch: true }
        output { name: "O" data_type: TYPE_BF16 dims: 5 }
        instance_group { name: "g" kind: KIND_GPU count: 2 gpus: [ 0, 1 ] passive: true }
        parameters { key: "p" value { string_value: "v" } }
        optimization {
          graph { level: -1 } eager_batching: true
          execution_accelerators { gpu_execution_accelerator { name: "tensorrt" parameters { key: "k" value: "w" } } }
        }
        model_transaction_policy { decoupled: true }
        """,
        {"O": ["x", "y"]},
    )
    assert (spec.name, spec.version, spec.model_file, spec.version_directory) == (
        "m",
        3,
        "/r/m/3/model.onnx",
        "/r/m/3",
    )
    assert (spec.platform, spec.backend, spec.max_batch_size, spec.decoupled) == (
        "onnxruntime_onnx",
        "onnxruntime",
        8,
        True,
    )
    first, second = spec.inputs
    assert (first.datatype, first.dims, first.reshape, first.optional) == (10, [-1, 2], [], True)
    assert (second.datatype, second.reshape, second.allow_ragged_batch) == (13, None, True)
    assert (spec.outputs[0].datatype, spec.outputs[0].labels) == (14, ["x", "y"])
    group = spec.instance_groups[0]
    assert (group.name, group.kind, group.count, group.gpus, group.passive) == ("g", 1, 2, [0, 1], True)
    assert (spec.parameters, spec.backend_config) == ({"p": "v"}, {"a": "b"})
    assert (spec.graph_optimization_level, spec.eager_batching) == (-1, True)
    assert spec.gpu_execution_accelerators[0].parameters == {"k": "w"}


@pytest.mark.parametrize(
    ("content", "kind", "fields"),
    [
        ("", "DefaultSchedulerSpec", {}),
        ("sequence_batching { }", "SequenceSchedulerSpec", {}),
        (
            "dynamic_batching { preferred_batch_size: [ 2, 4 ] max_queue_delay_microseconds: 7 preserve_ordering: 1 }",
            "DynamicBatchingSpec",
            {"preferred_batch_size": [2, 4], "max_queue_delay_microseconds": 7, "preserve_ordering": True},
        ),
    ],
)
def test_schedulers(content, kind, fields):
    scheduler = spec_of(content).scheduler
    assert type(scheduler).__name__ == kind
    assert vars(scheduler) == fields


def test_ensemble():
    spec = spec_of(
        'platform: "ensemble" ensemble_scheduling { step { model_name: "a" model_version: -1'
        ' input_map { key: "I" value: "x" } output_map { key: "O" value: "y" } } }'
    )
    assert (spec.platform, spec.backend) == ("ensemble", "")
    step = spec.scheduler.steps[0]
    assert vars(step) == {
        "model_name": "a",
        "model_version": -1,
        "input_map": [("I", "x")],
        "output_map": [("O", "y")],
    }

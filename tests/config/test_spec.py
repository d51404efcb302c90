"""What the data plane gets of a configuration."""

from types import SimpleNamespace

from triton_lite.config import text
from triton_lite.config.spec import VersionFiles, model_spec


class Native:
    """Stands for the native module: its classes take any field, their names are checked against its stub elsewhere."""

    def __getattr__(self, name):
        kind = type(name, (SimpleNamespace,), {})
        setattr(self, name, kind)
        return kind


NATIVE = Native()


def fields_of(spec):
    """What a spec holds, with the specs inside it as dictionaries."""
    if isinstance(spec, SimpleNamespace):
        return {name: fields_of(value) for name, value in vars(spec).items()}
    if isinstance(spec, dict):
        return {key: fields_of(value) for key, value in spec.items()}
    return [fields_of(one) for one in spec] if isinstance(spec, list) else spec


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


NO_POLICY = {
    "timeout_action": 0,
    "default_timeout_microseconds": 0,
    "allow_timeout_override": False,
    "max_queue_size": 0,
}


def test_default_scheduler():
    assert type(spec_of("").scheduler).__name__ == "DefaultSchedulerSpec"


def test_dynamic_batching():
    scheduler = spec_of(
        """
        dynamic_batching {
          preferred_batch_size: [ 2, 4 ] max_queue_delay_microseconds: 7 preserve_ordering: true
          priority_levels: 3 default_priority_level: 2
          default_queue_policy { max_queue_size: 9 }
          priority_queue_policy {
            key: 1
            value { timeout_action: DELAY default_timeout_microseconds: 5 allow_timeout_override: true }
          }
        }
        """
    ).scheduler
    assert type(scheduler).__name__ == "DynamicBatchingSpec"
    assert fields_of(scheduler) == {
        "preferred_batch_size": [2, 4],
        "max_queue_delay_microseconds": 7,
        "preserve_ordering": True,
        "priority_levels": 3,
        "default_priority_level": 2,
        "default_queue_policy": {**NO_POLICY, "max_queue_size": 9},
        "priority_queue_policy": {
            1: {
                "timeout_action": 1,
                "default_timeout_microseconds": 5,
                "allow_timeout_override": True,
                "max_queue_size": 0,
            }
        },
    }


def test_sequence_batching():
    scheduler = spec_of(
        """
        sequence_batching {
          max_sequence_idle_microseconds: 5 iterative_sequence: true
          direct { max_queue_delay_microseconds: 3 minimum_slot_utilization: 0.5 }
          control_input {
            name: "C"
            control { kind: CONTROL_SEQUENCE_READY fp32_false_true: [ 0, 1 ] }
            control { kind: CONTROL_SEQUENCE_CORRID data_type: TYPE_UINT64 }
          }
          state {
            input_name: "I" output_name: "O" data_type: TYPE_FP32 dims: [ 2, -1 ]
            initial_state { name: "s" data_type: TYPE_FP32 dims: [ 2, 1 ] data_file: "f" }
            use_growable_memory: true
          }
        }
        """
    ).scheduler
    assert type(scheduler).__name__ == "SequenceBatchingSpec"
    assert type(scheduler.strategy).__name__ == "DirectStrategySpec"
    control = {"input_name": "C", "int32_false_true": [], "bool_false_true": []}
    assert fields_of(scheduler) == {
        "max_sequence_idle_microseconds": 5,
        "strategy": {"max_queue_delay_microseconds": 3, "minimum_slot_utilization": 0.5},
        "control_input": [
            {**control, "kind": 1, "fp32_false_true": [0.0, 1.0], "datatype": 0},
            {**control, "kind": 3, "fp32_false_true": [], "datatype": 5},
        ],
        "state": [
            {
                "input_name": "I",
                "output_name": "O",
                "datatype": 11,
                "dims": [2, -1],
                "initial_state": [{"name": "s", "datatype": 11, "dims": [2, 1], "zero_data": False, "data_file": "f"}],
                "use_same_buffer_for_input_output": False,
                "use_growable_memory": True,
            }
        ],
        "iterative_sequence": True,
    }


def test_oldest_strategy():
    strategy = spec_of(
        "sequence_batching { oldest { max_candidate_sequences: 4 preferred_batch_size: [ 2 ] "
        "max_queue_delay_microseconds: 1 preserve_ordering: true } }"
    ).scheduler.strategy
    assert type(strategy).__name__ == "OldestStrategySpec"
    assert fields_of(strategy) == {
        "max_candidate_sequences": 4,
        "preferred_batch_size": [2],
        "max_queue_delay_microseconds": 1,
        "preserve_ordering": True,
    }


def test_batch_tensors_rate_limiter_and_cache():
    spec = spec_of(
        """
        batch_input { kind: BATCH_ITEM_SHAPE target_name: "B" data_type: TYPE_INT64 source_input: "I" }
        batch_output { target_name: "O" kind: BATCH_SCATTER_WITH_INPUT_SHAPE source_input: "I" }
        instance_group { rate_limiter { resources { name: "R" global: true count: 4 } priority: 2 } }
        response_cache { enable: true }
        """
    )
    assert fields_of(spec.batch_input) == [{"kind": 4, "target_names": ["B"], "datatype": 9, "source_inputs": ["I"]}]
    assert fields_of(spec.batch_output) == [{"target_names": ["O"], "source_inputs": ["I"]}]
    limiter = spec.instance_groups[0].rate_limiter
    assert fields_of(limiter) == {"resources": [{"name": "R", "global_": True, "count": 4}], "priority": 2}
    assert spec.response_cache


def test_ensemble():
    spec = spec_of(
        'platform: "ensemble" ensemble_scheduling { max_inflight_requests: 3 step { model_name: "a" model_version: -1'
        ' input_map { key: "I" value: "x" } output_map { key: "O" value: "y" } } }'
    )
    assert (spec.platform, spec.backend) == ("ensemble", "")
    assert spec.scheduler.max_inflight_requests == 3
    step = spec.scheduler.steps[0]
    assert vars(step) == {
        "model_name": "a",
        "model_version": -1,
        "input_map": [("I", "x")],
        "output_map": [("O", "y")],
    }

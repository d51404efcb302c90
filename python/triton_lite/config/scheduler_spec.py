"""The parts of `_native.ModelSpec` that say how a model is scheduled (csrc/core/scheduler_spec.h), field by field."""

from __future__ import annotations

from typing import Any

from triton_lite.proto import messages


def scheduler(native: Any, config: messages.ModelConfig) -> Any:
    """Make the spec of a configuration's scheduling choice; the default scheduler's where it makes none."""
    choice = config.WhichOneof("scheduling_choice")
    if choice == "dynamic_batching":
        return _dynamic_batching(native, config.dynamic_batching)
    if choice == "sequence_batching":
        return _sequence_batching(native, config.sequence_batching)
    if choice == "ensemble_scheduling":
        spec = native.EnsembleSpec()
        spec.steps = [_step(native, step) for step in config.ensemble_scheduling.step]
        spec.max_inflight_requests = config.ensemble_scheduling.max_inflight_requests
        return spec
    return native.DefaultSchedulerSpec()


def batch_input(native: Any, config: messages.Message) -> Any:
    """Make the spec of an input that the backend fills from what the batch is made of."""
    spec = native.BatchInputSpec()
    spec.kind = config.kind
    spec.target_names = list(config.target_name)
    spec.datatype = config.data_type
    spec.source_inputs = list(config.source_input)
    return spec


def batch_output(native: Any, config: messages.Message) -> Any:
    """Make the spec of outputs that are divided among the requests by the shape of an input."""
    spec = native.BatchOutputSpec()
    spec.target_names = list(config.target_name)
    spec.source_inputs = list(config.source_input)
    return spec


def rate_limiter(native: Any, config: messages.Message) -> Any:
    """Make the spec of what an instance takes of the rate limiter's resources."""
    spec = native.RateLimiterSpec()
    spec.resources = [_resource(native, resource) for resource in config.resources]
    spec.priority = config.priority
    return spec


def _resource(native: Any, config: messages.Message) -> Any:
    spec = native.RateLimiterResourceSpec()
    spec.name = config.name
    spec.global_ = getattr(config, "global")  # A word of Python's own.
    spec.count = config.count
    return spec


def _dynamic_batching(native: Any, config: messages.Message) -> Any:
    spec = native.DynamicBatchingSpec()
    spec.preferred_batch_size = list(config.preferred_batch_size)
    spec.max_queue_delay_microseconds = config.max_queue_delay_microseconds
    spec.preserve_ordering = config.preserve_ordering
    spec.priority_levels = config.priority_levels
    spec.default_priority_level = config.default_priority_level
    spec.default_queue_policy = _queue_policy(native, config.default_queue_policy)
    spec.priority_queue_policy = {
        level: _queue_policy(native, policy) for level, policy in config.priority_queue_policy.items()
    }
    return spec


def _queue_policy(native: Any, config: messages.Message) -> Any:
    spec = native.QueuePolicySpec()
    spec.timeout_action = config.timeout_action
    spec.default_timeout_microseconds = config.default_timeout_microseconds
    spec.allow_timeout_override = config.allow_timeout_override
    spec.max_queue_size = config.max_queue_size
    return spec


def _sequence_batching(native: Any, config: messages.Message) -> Any:
    spec = native.SequenceBatchingSpec()
    spec.max_sequence_idle_microseconds = config.max_sequence_idle_microseconds
    if config.WhichOneof("strategy_choice") == "oldest":
        spec.strategy = _oldest(native, config.oldest)
    else:
        spec.strategy = _direct(native, config.direct)
    spec.control_input = [
        _control(native, one.name, control) for one in config.control_input for control in one.control
    ]
    spec.state = [_state(native, state) for state in config.state]
    spec.iterative_sequence = config.iterative_sequence
    return spec


def _direct(native: Any, config: messages.Message) -> Any:
    spec = native.DirectStrategySpec()
    spec.max_queue_delay_microseconds = config.max_queue_delay_microseconds
    spec.minimum_slot_utilization = config.minimum_slot_utilization
    return spec


def _oldest(native: Any, config: messages.Message) -> Any:
    spec = native.OldestStrategySpec()
    spec.max_candidate_sequences = config.max_candidate_sequences
    spec.preferred_batch_size = list(config.preferred_batch_size)
    spec.max_queue_delay_microseconds = config.max_queue_delay_microseconds
    spec.preserve_ordering = config.preserve_ordering
    return spec


def _control(native: Any, input_name: str, config: messages.Message) -> Any:
    spec = native.SequenceControlSpec()
    spec.input_name = input_name
    spec.kind = config.kind
    spec.int32_false_true = list(config.int32_false_true)
    spec.fp32_false_true = list(config.fp32_false_true)
    spec.bool_false_true = list(config.bool_false_true)
    spec.datatype = config.data_type
    return spec


def _state(native: Any, config: messages.Message) -> Any:
    spec = native.SequenceStateSpec()
    spec.input_name = config.input_name
    spec.output_name = config.output_name
    spec.datatype = config.data_type
    spec.dims = list(config.dims)
    spec.initial_state = [_initial_state(native, state) for state in config.initial_state]
    spec.use_same_buffer_for_input_output = config.use_same_buffer_for_input_output
    spec.use_growable_memory = config.use_growable_memory
    return spec


def _initial_state(native: Any, config: messages.Message) -> Any:
    spec = native.InitialStateSpec()
    spec.name = config.name
    spec.datatype = config.data_type
    spec.dims = list(config.dims)
    spec.zero_data = config.zero_data
    spec.data_file = config.data_file
    return spec


def _step(native: Any, config: messages.Message) -> Any:
    spec = native.EnsembleStepSpec()
    spec.model_name = config.model_name
    spec.model_version = config.model_version
    spec.input_map = sorted(config.input_map.items())
    spec.output_map = sorted(config.output_map.items())
    return spec

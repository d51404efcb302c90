// The parts of ModelSpec that say how a model is scheduled, as plain Python objects (bindings/model_spec.cc).
#include "core/scheduler_spec.h"

#include <pybind11/stl.h>

#include "bindings/bindings.h"
#include "bindings/enumeration.h"
#include "bindings/shape_caster.h"

namespace py = pybind11;

namespace triton_lite::bindings {
namespace {

void BindDynamicBatching(py::module_& m) {
  py::class_<QueuePolicySpec>(m, "QueuePolicySpec")
      .def(py::init<>())
      .def_property("timeout_action", Get(&QueuePolicySpec::timeout_action),
                    Set(&QueuePolicySpec::timeout_action, TimeoutAction::kDelay))
      .def_readwrite("default_timeout_microseconds", &QueuePolicySpec::default_timeout_microseconds)
      .def_readwrite("allow_timeout_override", &QueuePolicySpec::allow_timeout_override)
      .def_readwrite("max_queue_size", &QueuePolicySpec::max_queue_size);
  py::class_<DynamicBatchingSpec>(m, "DynamicBatchingSpec")
      .def(py::init<>())
      .def_readwrite("preferred_batch_size", &DynamicBatchingSpec::preferred_batch_size)
      .def_readwrite("max_queue_delay_microseconds", &DynamicBatchingSpec::max_queue_delay_microseconds)
      .def_readwrite("preserve_ordering", &DynamicBatchingSpec::preserve_ordering)
      .def_readwrite("priority_levels", &DynamicBatchingSpec::priority_levels)
      .def_readwrite("default_priority_level", &DynamicBatchingSpec::default_priority_level)
      .def_readwrite("default_queue_policy", &DynamicBatchingSpec::default_queue_policy)
      .def_readwrite("priority_queue_policy", &DynamicBatchingSpec::priority_queue_policy);
}

void BindSequenceInputs(py::module_& m) {
  py::class_<SequenceControlSpec>(m, "SequenceControlSpec")
      .def(py::init<>())
      .def_readwrite("input_name", &SequenceControlSpec::input_name)
      .def_property("kind", Get(&SequenceControlSpec::kind),
                    Set(&SequenceControlSpec::kind, SequenceControlKind::kCorrelationId))
      .def_readwrite("int32_false_true", &SequenceControlSpec::int32_false_true)
      .def_readwrite("fp32_false_true", &SequenceControlSpec::fp32_false_true)
      .def_readwrite("bool_false_true", &SequenceControlSpec::bool_false_true)
      .def_property("datatype", Get(&SequenceControlSpec::datatype),
                    Set(&SequenceControlSpec::datatype, DataType::kBf16));
  py::class_<InitialStateSpec>(m, "InitialStateSpec")
      .def(py::init<>())
      .def_readwrite("name", &InitialStateSpec::name)
      .def_property("datatype", Get(&InitialStateSpec::datatype), Set(&InitialStateSpec::datatype, DataType::kBf16))
      .def_readwrite("dims", &InitialStateSpec::dims)
      .def_readwrite("zero_data", &InitialStateSpec::zero_data)
      .def_readwrite("data_file", &InitialStateSpec::data_file);
  py::class_<SequenceStateSpec>(m, "SequenceStateSpec")
      .def(py::init<>())
      .def_readwrite("input_name", &SequenceStateSpec::input_name)
      .def_readwrite("output_name", &SequenceStateSpec::output_name)
      .def_property("datatype", Get(&SequenceStateSpec::datatype), Set(&SequenceStateSpec::datatype, DataType::kBf16))
      .def_readwrite("dims", &SequenceStateSpec::dims)
      .def_readwrite("initial_state", &SequenceStateSpec::initial_state)
      .def_readwrite("use_same_buffer_for_input_output", &SequenceStateSpec::use_same_buffer_for_input_output)
      .def_readwrite("use_growable_memory", &SequenceStateSpec::use_growable_memory);
}

void BindSequenceBatching(py::module_& m) {
  BindSequenceInputs(m);
  py::class_<DirectStrategySpec>(m, "DirectStrategySpec")
      .def(py::init<>())
      .def_readwrite("max_queue_delay_microseconds", &DirectStrategySpec::max_queue_delay_microseconds)
      .def_readwrite("minimum_slot_utilization", &DirectStrategySpec::minimum_slot_utilization);
  py::class_<OldestStrategySpec>(m, "OldestStrategySpec")
      .def(py::init<>())
      .def_readwrite("max_candidate_sequences", &OldestStrategySpec::max_candidate_sequences)
      .def_readwrite("preferred_batch_size", &OldestStrategySpec::preferred_batch_size)
      .def_readwrite("max_queue_delay_microseconds", &OldestStrategySpec::max_queue_delay_microseconds)
      .def_readwrite("preserve_ordering", &OldestStrategySpec::preserve_ordering);
  py::class_<SequenceBatchingSpec>(m, "SequenceBatchingSpec")
      .def(py::init<>())
      .def_readwrite("max_sequence_idle_microseconds", &SequenceBatchingSpec::max_sequence_idle_microseconds)
      .def_readwrite("strategy", &SequenceBatchingSpec::strategy)
      .def_readwrite("control_input", &SequenceBatchingSpec::control_input)
      .def_readwrite("state", &SequenceBatchingSpec::state)
      .def_readwrite("iterative_sequence", &SequenceBatchingSpec::iterative_sequence);
}

void BindEnsemble(py::module_& m) {
  py::class_<EnsembleStepSpec>(m, "EnsembleStepSpec")
      .def(py::init<>())
      .def_readwrite("model_name", &EnsembleStepSpec::model_name)
      .def_readwrite("model_version", &EnsembleStepSpec::model_version)
      .def_readwrite("input_map", &EnsembleStepSpec::input_map)
      .def_readwrite("output_map", &EnsembleStepSpec::output_map);
  py::class_<EnsembleSpec>(m, "EnsembleSpec")
      .def(py::init<>())
      .def_readwrite("steps", &EnsembleSpec::steps)
      .def_readwrite("max_inflight_requests", &EnsembleSpec::max_inflight_requests);
}

void BindBatchTensors(py::module_& m) {
  py::class_<BatchInputSpec>(m, "BatchInputSpec")
      .def(py::init<>())
      .def_property("kind", Get(&BatchInputSpec::kind), Set(&BatchInputSpec::kind, BatchInputKind::kItemShapeFlatten))
      .def_readwrite("target_names", &BatchInputSpec::target_names)
      .def_property("datatype", Get(&BatchInputSpec::datatype), Set(&BatchInputSpec::datatype, DataType::kBf16))
      .def_readwrite("source_inputs", &BatchInputSpec::source_inputs);
  py::class_<BatchOutputSpec>(m, "BatchOutputSpec")
      .def(py::init<>())
      .def_readwrite("target_names", &BatchOutputSpec::target_names)
      .def_readwrite("source_inputs", &BatchOutputSpec::source_inputs);
}

void BindRateLimiter(py::module_& m) {
  py::class_<RateLimiterResourceSpec>(m, "RateLimiterResourceSpec")
      .def(py::init<>())
      .def_readwrite("name", &RateLimiterResourceSpec::name)
      .def_readwrite("global_", &RateLimiterResourceSpec::global)  // `global` is a word of Python's own.
      .def_readwrite("count", &RateLimiterResourceSpec::count);
  py::class_<RateLimiterSpec>(m, "RateLimiterSpec")
      .def(py::init<>())
      .def_readwrite("resources", &RateLimiterSpec::resources)
      .def_readwrite("priority", &RateLimiterSpec::priority);
}

}  // namespace

void BindSchedulerSpec(py::module_& m) {
  py::class_<DefaultSchedulerSpec>(m, "DefaultSchedulerSpec").def(py::init<>());
  BindDynamicBatching(m);
  BindSequenceBatching(m);
  BindEnsemble(m);
  BindBatchTensors(m);
  BindRateLimiter(m);
}

}  // namespace triton_lite::bindings

"""The protos equal the public ones field by field: those that tritonclient carries."""

import pytest
from tritonclient.grpc import model_config_pb2, service_pb2

from triton_lite.proto import pool

# What newer public definitions have and some tritonclient releases have not.
NEWER = {
    "inference.ModelConfig.model_metrics",
    "inference.ModelEnsembling.max_inflight_requests",
    "inference.ModelMetrics",
    "inference.InferResponseStatistics",
    "inference.ModelStatistics.response_stats",
    "inference.ModelInput.is_non_linear_format_io",
    "inference.ModelOutput.is_non_linear_format_io",
    "inference.ModelSequenceBatching.iterative_sequence",
}

FILES = {"grpc_service.proto": service_pb2.DESCRIPTOR, "model_config.proto": model_config_pb2.DESCRIPTOR}


def field_facts(field):
    return {
        "number": field.number,
        "type": field.type,
        "label": field.is_repeated if hasattr(field, "is_repeated") else field.label,
        "oneof": field.containing_oneof.name if field.containing_oneof else None,
        "message": field.message_type.full_name if field.message_type else None,
        "map": bool(field.message_type and field.message_type.GetOptions().map_entry),
        "enum": field.enum_type.full_name if field.enum_type else None,
        "presence": field.has_presence,
    }


def enum_facts(enum):
    return {value.name: value.number for value in enum.values}


def message_facts(message):
    """Everything that a message says, by the full name of what says it."""
    facts = {message.full_name: "message"}
    for field in message.fields:
        facts[field.full_name] = field_facts(field)
    for enum in message.enum_types:
        facts[enum.full_name] = enum_facts(enum)
    for oneof in message.oneofs:
        facts[oneof.full_name] = [field.name for field in oneof.fields]
    for nested in message.nested_types:
        facts |= message_facts(nested)
    return facts


def file_facts(file):
    facts = {"package": file.package}
    for message in file.message_types_by_name.values():
        facts |= message_facts(message)
    for enum in file.enum_types_by_name.values():
        facts[enum.full_name] = enum_facts(enum)
    for service in file.services_by_name.values():
        for method in service.methods:
            facts[method.full_name] = (
                method.input_type.full_name,
                method.output_type.full_name,
                method.client_streaming,
                method.server_streaming,
            )
    return facts


@pytest.mark.parametrize("name", FILES)
def test_equals_the_public_definition(name):
    ours = file_facts(pool.get().FindFileByName(name))
    theirs = file_facts(FILES[name])
    for fact, value in theirs.items():
        assert ours[fact] == value, fact
    beyond = {fact for fact in ours.keys() - theirs.keys() if not any(fact.startswith(newer) for newer in NEWER)}
    assert not beyond


def test_health_is_grpcs():
    service = pool.get().FindServiceByName("grpc.health.v1.Health")
    assert service.methods_by_name["Check"].input_type.full_name == "grpc.health.v1.HealthCheckRequest"
    statuses = pool.get().FindEnumTypeByName("grpc.health.v1.HealthCheckResponse.ServingStatus")
    assert enum_facts(statuses) == {"UNKNOWN": 0, "SERVING": 1, "NOT_SERVING": 2, "SERVICE_UNKNOWN": 3}

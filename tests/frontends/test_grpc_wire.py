"""frontends/grpc/wire.py and reflection.py: protobuf's encoding without its library."""

from __future__ import annotations

import pytest
from google.protobuf import descriptor_pb2
from hypothesis import given
from hypothesis import strategies as st

from triton_lite.frontends.grpc import wire
from triton_lite.frontends.grpc.reflection import SERVICES, Reflection
from triton_lite.proto import messages


def test_reads_what_protobuf_writes() -> None:
    request = messages.ModelInferRequest(
        model_name="m", id="é", raw_input_contents=[b"x" * 300], inputs=[{"name": "I", "shape": [1, -1]}]
    )
    assert wire.text_field(request.SerializeToString(), 3) == "é"
    assert [number for number, _ in wire.fields(request.SerializeToString())] == [1, 3, 5, 7]
    assert wire.text_field(b"", 3) == ""


def test_the_last_of_repeated_fields_counts() -> None:
    assert wire.text_field(wire.length_field(3, "a") + wire.length_field(3, "b"), 3) == "b"


def test_writes_what_protobuf_reads() -> None:
    encoded = wire.length_field(1, "n" * 200) + wire.length_field(3, "id")
    request = messages.ModelInferRequest.FromString(encoded)
    assert (request.model_name, request.id) == ("n" * 200, "id")
    assert messages.ServerReadyResponse.FromString(wire.number_field(1, 1)).ready


@given(st.binary(max_size=64))
def test_never_fails_on_malformed_bytes(data: bytes) -> None:
    for number, value in wire.fields(data):
        assert number >= 0 and (isinstance(value, int) or value.nbytes <= len(data))


@pytest.mark.parametrize(
    "data", [b"\x1a", b"\x1a\x05abc", b"\x1a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", b"\x1b"]
)
def test_stops_at_malformed_bytes(data: bytes) -> None:
    assert list(wire.fields(wire.length_field(1, "m") + data)) == [(1, b"m")]


def ask(number: int, value: str) -> list[tuple[int, bytes | int]]:
    answer = Reflection(["inference.GRPCInferenceService"]).answer(wire.length_field(number, value))
    return [(field, bytes(value) if isinstance(value, memoryview) else value) for field, value in wire.fields(answer)]


def test_reflection_lists_services() -> None:
    (original, listed) = ask(7, "*")
    assert original == (2, wire.length_field(7, "*"))
    names = [wire.text_field(value, 1) for _, value in wire.fields(listed[1])]
    assert names == sorted(["inference.GRPCInferenceService", *SERVICES])


@pytest.mark.parametrize(
    ("number", "name"), [(4, "inference.ModelInferRequest.InferInputTensor"), (3, "grpc_service.proto")]
)
def test_reflection_sends_a_file_and_what_it_imports(number: int, name: str) -> None:
    files = [
        descriptor_pb2.FileDescriptorProto.FromString(bytes(value)) for _, value in wire.fields(ask(number, name)[1][1])
    ]
    assert [file.name for file in files] == ["grpc_service.proto", "model_config.proto"]
    assert files[0].service[0].name == "GRPCInferenceService"


@pytest.mark.parametrize("number", [3, 4, 5, 6])
def test_reflection_does_not_know(number: int) -> None:
    field, error = ask(number, "no.such.thing")[1]
    assert field == 7 and (1, 5) in list(wire.fields(error))


def test_reflection_without_a_question() -> None:
    answer = list(wire.fields(Reflection([]).answer(b"")))
    assert answer[-1][0] == 7


@pytest.mark.parametrize("name", ["", "m", "n" * 127, "n" * 128, "n" * 300])
@pytest.mark.parametrize("version", ["", "1"])
@pytest.mark.parametrize("request_id", ["", "one", "i" * 127, "i" * 128, "i" * 300, "ä"])
def test_the_id_of_a_request(name: str, version: str, request_id: str) -> None:
    request = messages.ModelInferRequest(model_name=name, model_version=version, id=request_id)
    request.inputs.add(name="INPUT0")
    assert wire.id_of(request.SerializeToString()) == request_id


@given(st.binary(max_size=40))
def test_no_id_is_found_in_anything(request: bytes) -> None:
    assert isinstance(wire.id_of(request), str)


@given(name=st.text(max_size=200), cut=st.integers(1, 300))
def test_what_is_put_behind_a_request_is_not_taken_for_its_own(name: str, cut: int) -> None:
    """A client that ends its request in the middle of a field would replace what the front end says of it."""
    request = messages.ModelInferRequest(model_name=name, id="7").SerializeToString()
    ours = wire.length_field(1001, "ours")
    assert wire.append(request, ours) == request + ours
    hostile = request + wire.length_field(1001, b"x" * 300)[:-cut]
    assert wire.append(hostile, ours) == hostile


def test_groups_are_whole_fields() -> None:
    group = b"\x0b" + wire.length_field(2, "inside") + b"\x0c"
    assert wire.append(group, b"\x10\x01") == group + b"\x10\x01"
    assert wire.append(group[:-1], b"\x10\x01") == group[:-1]

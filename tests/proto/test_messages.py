"""The message classes: all of them named in the stub, found lazily, apart from protobuf's default pool."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from triton_lite.proto import METHODS, MethodNumber, messages, pool

STUB = Path(messages.__file__).with_suffix(".pyi")


def test_stub_names_every_message():
    stub = {node.name for node in ast.parse(STUB.read_text()).body if isinstance(node, ast.ClassDef)}
    files = (pool.get().FindFileByName(name) for name in ("grpc_service.proto", "model_config.proto", "health.proto"))
    defined = {name for file in files for name in file.message_types_by_name}
    assert stub - {"Message", "_MessageType"} == defined


def test_unknown_message_is_an_attribute_error():
    with pytest.raises(AttributeError, match="defines no message 'ModelInferReqest'"):
        _ = messages.ModelInferReqest


def test_methods_are_the_services():
    service = pool.get().FindServiceByName("inference.GRPCInferenceService")
    assert set(METHODS) == set(service.methods_by_name)
    assert METHODS["ModelStreamInfer"].request is messages.ModelInferRequest
    assert METHODS["ModelStreamInfer"].response is messages.ModelStreamInferResponse
    assert METHODS["ModelInfer"].number == 6


def test_method_numbers_are_those_of_the_channel():
    header = (Path(__file__).parents[2] / "csrc/channel/method.h").read_text()
    for number in MethodNumber:
        name = "k" + "".join(word.capitalize() for word in number.name.split("_"))
        assert f"  {name} = {number.value}," in header


@pytest.mark.parametrize(
    "order", [("triton_lite.proto", "tritonclient.grpc"), ("tritonclient.grpc", "triton_lite.proto")]
)
def test_lives_beside_tritonclient(order):
    program = "\n".join(
        [
            f"import {order[0]}, {order[1]}",
            "from triton_lite.proto import messages",
            "from tritonclient.grpc import service_pb2",
            "ours = messages.ModelInferRequest(model_name='m', id='1')",
            "theirs = service_pb2.ModelInferRequest.FromString(ours.SerializeToString())",
            "assert theirs.model_name == 'm' and type(theirs) is not type(ours)",
        ]
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_import_is_lazy():
    program = "import sys, triton_lite.proto; sys.exit(any(name.startswith('google') for name in sys.modules))"
    subprocess.run([sys.executable, "-c", program], check=True)

"""What models may construct and what is refused, with Triton's texts."""

from __future__ import annotations

import os
import pickle
from typing import Any

import c_python_backend_utils as compiled
import numpy as np
import pytest
import triton_python_backend_utils as pb_utils
from triton_lite_model.arena import Arena

INPUT = pb_utils.Tensor("INPUT0", np.zeros(2, np.int32))
WRONG = "incompatible (constructor|function) arguments"


def request(**arguments: Any) -> Any:
    return pb_utils.InferenceRequest(
        **{"inputs": [INPUT], "model_name": "m", "requested_output_names": ["OUT"], **arguments}
    )


@pytest.mark.parametrize(
    "arguments",
    [
        {"inputs": None},
        {"inputs": 5},
        {"inputs": [5]},
        {"model_name": None},
        {"requested_output_names": None},
        {"requested_output_names": [None]},
        {"requested_output_names": "OUT"},
        {"correlation_id": None},
        {"request_id": None},
        {"request_id": 5},
        {"model_version": None},
        {"model_version": "1"},
        {"flags": None},
        {"flags": -1},
        {"timeout": -1},
        {"timeout": 1 << 64},
        {"timeout": None},
        {"preferred_memory": 5},
        {"trace": 5},
    ],
)
def test_requests_with_arguments_of_wrong_types(arguments: Any) -> None:
    with pytest.raises(TypeError, match=WRONG):
        request(**arguments)


def test_requests_need_inputs_outputs_and_model() -> None:
    with pytest.raises(TypeError, match=WRONG):
        pb_utils.InferenceRequest(inputs=[INPUT], requested_output_names=[])
    with pytest.raises(TypeError, match=WRONG):
        pb_utils.InferenceRequest(inputs=[INPUT], model_name="m")
    with pytest.raises(TypeError, match=WRONG):
        pb_utils.InferenceRequest(requested_output_names=[], model_name="m")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            {"inputs": [None], "request_id": "i"},
            "Input tensor for request with id 'i' and model name 'm' should not be empty.",
        ),
        (
            {"requested_output_names": [""]},
            "Requested output name for request with id '' and model name 'm' should not be empty.",
        ),
        ({"correlation_id": 1.5}, "Correlation ID must be integer or string"),
        ({"parameters": {"a": 1.5}}, "Expect parameters values to have type bool/int/str, found type <class 'float'>"),
        ({"parameters": {1: 1}}, "Expect parameters keys to have type str, found type <class 'int'>"),
        ({"parameters": []}, "Expect N8pybind114dictE, got <class 'list'>"),
    ],
)
def test_requests_that_make_no_sense(arguments: Any, text: str) -> None:
    with pytest.raises(pb_utils.TritonModelException) as raised:
        request(**arguments)
    assert str(raised.value) == text


def test_correlation_ids() -> None:
    assert request().correlation_id() == 0
    assert request(correlation_id=(1 << 64) - 1).correlation_id() == (1 << 64) - 1
    assert request(correlation_id="s").correlation_id() == "s"
    assert type(request(correlation_id=True).correlation_id()) is int
    with pytest.raises(RuntimeError, match="Unable to cast Python instance"):
        request(correlation_id=-1)


def test_what_a_request_tells() -> None:
    memory = pb_utils.PreferredMemory(pb_utils.TRITONSERVER_MEMORY_GPU, 1)
    asked = pb_utils.InferenceRequest("id", 7, (INPUT,), ("b", "a", "b"), "m", 2, 3, 5, memory, parameters={"a": 1})
    assert (asked.request_id(), asked.correlation_id(), asked.flags(), asked.timeout()) == ("id", 7, 3, 5)
    assert (asked.parameters(), asked.requested_output_names(), asked.model_name()) == ('{"a": 1}', {"a", "b"}, "m")
    assert asked.inputs() == [INPUT] and asked.inputs()[0] is INPUT
    assert asked.preferred_memory() is memory
    assert asked.trace().get_context() is None
    asked.set_flags(1)
    assert asked.flags() == 1
    asked.set_release_flags(pb_utils.TRITONSERVER_REQUEST_RELEASE_RESCHEDULE)
    for change in (asked.set_flags, asked.set_release_flags):
        with pytest.raises(TypeError, match=WRONG):
            change(None)
    pb_utils.InferenceRequest(requested_output_names=[], inputs=[], model_name="m")


@pytest.mark.parametrize("arguments", [(None,), ([5],), (5,), ([], "text"), ("ab",)])
def test_responses_with_arguments_of_wrong_types(arguments: Any) -> None:
    with pytest.raises(TypeError, match=WRONG):
        pb_utils.InferenceResponse(*arguments)


def test_responses() -> None:
    with pytest.raises(pb_utils.TritonModelException, match="Output tensor for inference response should not be empty"):
        pb_utils.InferenceResponse([None])
    with pytest.raises(pb_utils.TritonModelException, match="found type <class 'NoneType'>"):
        pb_utils.InferenceResponse([], parameters={"a": None})
    empty = pb_utils.InferenceResponse()
    assert (empty.output_tensors(), empty.has_error(), empty.error(), empty.parameters()) == ([], False, None, "{}")
    error = pb_utils.TritonError("e", pb_utils.TritonError.NOT_FOUND)
    full = pb_utils.InferenceResponse([INPUT], error, {"a": 1})
    assert full.output_tensors() == [INPUT] and full.has_error() and full.error() is error
    assert full.parameters() == '{"a": 1}'
    assert pb_utils.get_output_tensor_by_name(full, "INPUT0") is INPUT
    assert pb_utils.get_output_tensor_by_name(full, "other") is None
    assert pb_utils.get_input_tensor_by_name(request(), "INPUT0") is INPUT
    assert pb_utils.get_input_tensor_by_name(request(), "other") is None


@pytest.mark.parametrize(
    "arguments", [(None, np.zeros(1)), ("A", None), ("A", [1]), ("A", 5), ("", None), (5, np.zeros(1))]
)
def test_tensors_with_arguments_of_wrong_types(arguments: Any) -> None:
    with pytest.raises(TypeError, match=WRONG):
        pb_utils.Tensor(*arguments)


@pytest.mark.parametrize("array", [np.array(["text"]), np.zeros(2, np.complex64), np.zeros(2, ">f4")])
def test_tensors_of_types_that_triton_lacks(array: Any) -> None:
    with pytest.raises(pb_utils.TritonModelException, match="NumPy dtype is not supported"):
        pb_utils.Tensor("A", array)


def test_tensors() -> None:
    with pytest.raises(pb_utils.TritonModelException, match="Tensor name cannot be an empty string"):
        pb_utils.Tensor("", np.zeros(1))
    array = np.zeros((2, 3), np.float16)
    tensor = pb_utils.Tensor("A", array)
    assert tensor.as_numpy() is array
    assert (tensor.name(), tensor.shape(), tensor.triton_dtype(), tensor.is_cpu()) == ("A", [2, 3], 10, True)
    assert pb_utils.Tensor("A", array.T).as_numpy().flags.c_contiguous
    texts = np.array([b"a", "b", 5, None], object)
    assert pb_utils.Tensor("A", texts).as_numpy() is texts
    assert pb_utils.Tensor("A", np.array([b"ab"])).triton_dtype() == 13


def test_errors() -> None:
    error = pb_utils.TritonError("text")
    assert (error.message(), error.code()) == ("text", pb_utils.TritonError.INTERNAL)
    assert str(pb_utils.TritonError.NOT_FOUND) == "__ErrorCode.NOT_FOUND"
    assert f"{pb_utils.TritonError.NOT_FOUND}" == "__ErrorCode.NOT_FOUND"
    assert repr(pb_utils.TritonError.CANCELLED) == "<__ErrorCode.CANCELLED: 7>"
    assert int(pb_utils.TritonError.ALREADY_EXISTS) == 6
    for arguments in ((5,), (None,), ("x", 5)):
        with pytest.raises(TypeError, match=WRONG):
            pb_utils.TritonError(*arguments)
    assert repr(pb_utils.TritonModelException) == "<class 'c_python_backend_utils.TritonModelException'>"
    copied = pickle.loads(pickle.dumps(pb_utils.TritonModelException("text")))
    assert type(copied) is pb_utils.TritonModelException and str(copied) == "text"


def test_other_arguments() -> None:
    with pytest.raises(TypeError, match=WRONG):
        pb_utils.PreferredMemory(5)
    for arguments in (("text", None), ("text", 1)):
        with pytest.raises(TypeError, match=WRONG):
            pb_utils.Logger.log(*arguments)
    for log in (
        pb_utils.Logger.log_info,
        pb_utils.Logger.log_warn,
        pb_utils.Logger.log_error,
        pb_utils.Logger.log_verbose,
    ):
        with pytest.raises(TypeError, match=WRONG):
            log(None)
    with pytest.raises(TypeError, match=WRONG):
        pb_utils.MetricFamily(name=None, description="d", kind=pb_utils.MetricFamily.COUNTER)
    with pytest.raises(TypeError, match=WRONG):
        pb_utils.MetricFamily("n", "d", 5)
    for call in (pb_utils.load_model, pb_utils.unload_model, pb_utils.is_model_ready):
        with pytest.raises(TypeError, match=WRONG):
            call(None)
    with pytest.raises(pb_utils.TritonModelException, match="failed to load model 'm', files should be a dictionary"):
        pb_utils.load_model("m", files=5)
    with pytest.raises(TypeError, match="Object of type 'int' is not an instance of 'bytes'"):
        pb_utils.load_model("m", files={"file:1/model.py": 5})


def test_names_of_the_modules() -> None:
    """All that Triton's modules have."""
    names = """InferenceRequest InferenceResponse Logger MetricFamily ModelConfig PreferredMemory Tensor TritonError
        TritonModelException TRITONSERVER_MEMORY_CPU TRITONSERVER_MEMORY_GPU TRITONSERVER_REQUEST_FLAG_SEQUENCE_END
        TRITONSERVER_REQUEST_FLAG_SEQUENCE_START TRITONSERVER_REQUEST_RELEASE_ALL TRITON_STRING_TO_NUMPY
        TRITONSERVER_REQUEST_RELEASE_RESCHEDULE TRITONSERVER_RESPONSE_COMPLETE_FINAL deserialize_bytes_tensor
        get_input_config_by_name get_input_tensor_by_name get_model_dir get_output_config_by_name
        get_output_tensor_by_name is_model_ready json load_model np numpy_to_triton_type serialize_byte_tensor struct
        triton_string_to_numpy triton_to_numpy_type unload_model using_decoupled_model_transaction_policy"""
    assert not [name for name in names.split() if not hasattr(pb_utils, name)]
    names = """COUNTER GAUGE HISTOGRAM InferenceRequest InferenceResponse InferenceResponseSender InferenceTrace Logger
        MemoryType Metric MetricFamily MetricKind PreferredMemory ResponseIterator SharedMemory Tensor TritonError
        TRITONSERVER_MEMORY_CPU TRITONSERVER_MEMORY_GPU TritonModelException is_model_ready load_model shared_memory
        unload_model"""
    assert not [name for name in names.split() if not hasattr(compiled, name)]
    assert compiled.Tensor is pb_utils.Tensor
    assert (pb_utils.Logger.INFO, pb_utils.Logger.LogLevel.WARNING) == (compiled.Logger.LogLevel.INFO, 1)


def test_types_of_numpy() -> None:
    pairs = [
        (1, np.bool_),
        (2, np.uint8),
        (3, np.uint16),
        (4, np.uint32),
        (5, np.uint64),
        (6, np.int8),
        (7, np.int16),
        (8, np.int32),
        (9, np.int64),
        (10, np.float16),
        (11, np.float32),
        (12, np.float64),
        (13, np.object_),
    ]
    for number, kind in pairs:
        assert pb_utils.triton_to_numpy_type(number) is kind
        assert pb_utils.numpy_to_triton_type(kind) == number
        assert pb_utils.numpy_to_triton_type(np.dtype(kind)) == number
    assert pb_utils.numpy_to_triton_type(np.bytes_) == 13
    assert pb_utils.triton_to_numpy_type(14) is None
    assert pb_utils.triton_string_to_numpy("TYPE_BOOL") is bool
    assert pb_utils.triton_string_to_numpy("TYPE_STRING") is np.object_
    with pytest.raises(KeyError):
        pb_utils.triton_string_to_numpy("TYPE_BF16")


def test_byte_tensors() -> None:
    data = b"\x02\x00\x00\x00ab\x00\x00\x00\x00"
    assert pb_utils.serialize_byte_tensor(np.array([b"ab", ""], object)) == data
    assert pb_utils.serialize_byte_tensor(np.zeros(0, object)) == ()
    assert pb_utils.serialize_byte_tensor(np.zeros(1)) is None
    assert pb_utils.deserialize_bytes_tensor(data).tolist() == [b"ab", b""]


def test_configurations() -> None:
    config = {"input": [{"name": "A", "dims": [1]}], "output": [{"name": "B"}]}
    assert pb_utils.get_input_config_by_name(config, "A") == {"name": "A", "dims": [1]}
    assert pb_utils.get_input_config_by_name(config, "B") is None
    assert pb_utils.get_output_config_by_name(config, "B") == {"name": "B"}
    assert pb_utils.get_output_config_by_name({}, "B") is None
    assert pb_utils.using_decoupled_model_transaction_policy({}) is False
    policy = {"model_transaction_policy": {"decoupled": True}}
    assert pb_utils.using_decoupled_model_transaction_policy(policy) is True


def test_memory_is_free_that_the_server_has_not_lent() -> None:
    free = compiled.shared_memory.free_memory()
    descriptor = os.memfd_create("lent")
    os.truncate(descriptor, 1 << 20)
    arena = Arena(lambda place: None)
    arena.add(0, descriptor, 1 << 20)
    kept = arena.lease(0, 1 << 16)
    assert compiled.shared_memory.free_memory() == free - (1 << 16)
    del kept
    assert compiled.shared_memory.free_memory() == free

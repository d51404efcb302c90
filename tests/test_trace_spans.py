"""Trace mode opentelemetry against real OTLP receivers, over HTTP and gRPC."""

from __future__ import annotations

import contextlib
import gzip
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import tritonclient.grpc
from server_process import serve
from trace_server import FRONT_TIMES, infer, make_repository, post, settings

pytest.importorskip("opentelemetry.sdk")
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as collector
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as collector_grpc

from triton_lite.engine.telemetry.exporter import make_provider, resource
from triton_lite.engine.trace_config import trace_config

TRACE_ID, SPAN_ID = "0af7651916cd43dd8448eb211c12666c", "b7ad6b7169242424"
CONTEXT = {"traceparent": f"00-{TRACE_ID}-{SPAN_ID}-01", "tracestate": "vendor=value"}
KIND_SERVER = 2


class Received:
    """What a receiver got: spans, and the attributes of their resource."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.resource: dict[str, str] = {}
        self.exports: list[int] = []
        self._changed = threading.Condition()

    def take(self, request: Any) -> None:
        with self._changed:
            count = 0
            for resource_spans in request.resource_spans:
                self.resource = {item.key: item.value.string_value for item in resource_spans.resource.attributes}
                for scope in resource_spans.scope_spans:
                    assert scope.scope.name == "triton-server"
                    self.spans.extend(scope.spans)
                    count += len(scope.spans)
            self.exports.append(count)
            self._changed.notify_all()

    def wait(self, count: int) -> list[Any]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.spans) >= count, timeout=30), self.spans
            return list(self.spans)

    def named(self, name: str) -> list[Any]:
        return [span for span in self.spans if span.name == name]


@contextlib.contextmanager
def http_receiver() -> Iterator[tuple[str, Received]]:
    """An OTLP receiver over HTTP; its address without a scheme, as NVIDIA's tests write it."""
    received = Received()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            assert self.path == "/v1/traces"
            received.take(collector.ExportTraceServiceRequest.FromString(body))
            answer = collector.ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}/v1/traces", received
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextlib.contextmanager
def grpc_receiver() -> Iterator[tuple[str, Received]]:
    """An OTLP receiver over gRPC."""
    received = Received()

    class Service(collector_grpc.TraceServiceServicer):  # type: ignore[misc]
        def Export(self, request: Any, context: Any) -> Any:
            received.take(request)
            return collector.ExportTraceServiceResponse()

    server = grpc.server(ThreadPoolExecutor(2))
    collector_grpc.add_TraceServiceServicer_to_server(Service(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"grpc://127.0.0.1:{port}", received
    finally:
        server.stop(None).wait()


RECEIVERS = {"http": http_receiver, "grpc": grpc_receiver}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_repository(tmp_path_factory.mktemp("spans"))


def _serve(repository: Path, url: str, *config: str) -> Any:
    given = ("mode=opentelemetry", "level=TIMESTAMPS", f"opentelemetry,url={url}", *config)
    return serve(f"--model-repository={repository}", *(f"--trace-config={setting}" for setting in given))


def _events(span: Any) -> list[str]:
    return [event.name for event in span.events]


def _attributes(span: Any) -> dict[str, Any]:
    return {item.key: item.value.string_value or item.value.int_value for item in span.attributes}


@pytest.mark.parametrize(("protocol", "transport"), [("http", "http"), ("grpc", "grpc"), ("grpc", "http")])
def test_spans_of_a_request(repository: Path, protocol: str, transport: str) -> None:
    with RECEIVERS[transport]() as (url, received):
        config = ("rate=1", "opentelemetry,resource=test.key=test.value", "opentelemetry,bsp_schedule_delay=50")
        with _serve(repository, url, *config) as server:
            infer(server, protocol, request_id="one")
            received.wait(3)
    (root,), (request,), (compute,) = map(received.named, ("InferRequest", "simple", "compute"))
    assert root.parent_span_id == b""
    assert (request.parent_span_id, compute.parent_span_id) == (root.span_id, request.span_id)
    assert {span.trace_id for span in (root, request, compute)} == {root.trace_id}
    assert {span.kind for span in (root, request, compute)} == {KIND_SERVER}
    assert _events(root) == FRONT_TIMES[protocol]
    assert _events(request) == ["REQUEST_START", "QUEUE_START", "REQUEST_END"]
    assert _events(compute) == ["COMPUTE_START", "COMPUTE_INPUT_END", "COMPUTE_OUTPUT_START", "COMPUTE_END"]
    attributes = _attributes(request)
    assert attributes.pop("triton.trace_id") >= 1
    assert attributes == {
        "triton.model_name": "simple",
        "triton.model_version": 1,
        "triton.trace_parent_id": 0,
        "triton.request_id": "one",
    }
    assert root.start_time_unix_nano <= request.start_time_unix_nano + 1_000_000_000
    assert request.start_time_unix_nano <= compute.start_time_unix_nano <= compute.end_time_unix_nano
    assert compute.end_time_unix_nano <= request.end_time_unix_nano <= root.end_time_unix_nano
    assert received.resource["service.name"] == "triton-inference-server"
    assert received.resource["test.key"] == "test.value"


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_a_clients_context_forces_sampling(repository: Path, protocol: str) -> None:
    with http_receiver() as (url, received):
        with _serve(repository, url, "rate=1000", "opentelemetry,bsp_schedule_delay=50") as server:
            infer(server, protocol)
            infer(server, protocol, headers=CONTEXT)
            infer(server, protocol, headers={"traceparent": "00-nonsense"})
        received.wait(3)
    (root,) = received.named("InferRequest")
    assert len(received.spans) == 3
    assert (root.trace_id.hex(), root.parent_span_id.hex()) == (TRACE_ID, SPAN_ID)
    assert root.trace_state == "vendor=value"


def test_a_rate_of_zero_traces_only_what_clients_trace(repository: Path) -> None:
    with http_receiver() as (url, received), _serve(repository, url, "rate=0") as server:
        infer(server, "http")
        infer(server, "http", headers=CONTEXT)
    assert len(received.named("InferRequest")) == 1


def test_spans_of_an_ensemble(repository: Path) -> None:
    with grpc_receiver() as (url, received), _serve(repository, url, "rate=1") as server:
        infer(server, "grpc", "ensemble")
    # The end of the server has sent everything.
    (root,), (ensemble,) = received.named("InferRequest"), received.named("ensemble")
    steps = received.named("simple")
    assert len(steps) == 2 and len(received.spans) == 6
    assert ensemble.parent_span_id == root.span_id
    assert {step.parent_span_id for step in steps} == {ensemble.span_id}
    assert {span.parent_span_id for span in received.named("compute")} == {step.span_id for step in steps}
    parent = _attributes(ensemble)["triton.trace_id"]
    assert {_attributes(step)["triton.trace_parent_id"] for step in steps} == {parent}


_TELLER_CONFIG = """\
backend: "python"
input [ { name: "INPUT" data_type: TYPE_INT32 dims: [ 1 ] } ]
output [ { name: "CONTEXT" data_type: TYPE_STRING dims: [ 1 ] } ]
"""
_TELLER = """\
import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def execute(self, requests):
        return [self.answer(request.trace()) for request in requests]

    def answer(self, trace):
        ones = [pb_utils.Tensor(name, np.ones((1, 16), np.int32)) for name in ("INPUT0", "INPUT1")]
        for given in ({"trace": trace}, {}):
            asked = pb_utils.InferenceRequest(
                model_name="simple", requested_output_names=["OUTPUT0"], inputs=ones, **given
            )
            assert not asked.exec().has_error()
        context = np.array([str(trace.get_context())], np.object_)
        return pb_utils.InferenceResponse([pb_utils.Tensor("CONTEXT", context)])
"""


@pytest.fixture(scope="module")
def teller(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models of which "teller" says its trace context, and asks "simple" twice, once in its own trace."""
    folder = make_repository(tmp_path_factory.mktemp("teller"))
    (folder / "teller" / "1").mkdir(parents=True)
    (folder / "teller" / "config.pbtxt").write_text(_TELLER_CONFIG)
    (folder / "teller" / "1" / "model.py").write_text(_TELLER)
    return folder


def _told(server: Any, headers: dict[str, str] | None = None) -> str:
    tensor = tritonclient.grpc.InferInput("INPUT", [1], "INT32")
    tensor.set_data_from_numpy(np.ones(1, np.int32))
    with tritonclient.grpc.InferenceServerClient(server.grpc) as client:
        told = client.infer("teller", [tensor], headers=headers).as_numpy("CONTEXT")[0]
    assert isinstance(told, bytes)
    return told.decode()


@pytest.mark.parametrize("headers", [None, CONTEXT], ids=["own", "clients"])
def test_python_models_know_their_span_and_go_on_with_the_trace(teller: Path, headers: dict[str, str] | None) -> None:
    with http_receiver() as (url, received), _serve(teller, url, "rate=1") as server:
        told = json.loads(_told(server, headers))
    (request,) = received.named("teller")
    (root,) = [span for span in received.named("InferRequest") if span.trace_id == request.trace_id]
    (step,) = received.named("simple")
    expected = {"traceparent": f"00-{request.trace_id.hex()}-{request.span_id.hex()}-01"}
    assert told == (expected | {"tracestate": CONTEXT["tracestate"]} if headers else expected)
    assert (request.trace_id.hex() == TRACE_ID) == (headers is not None)
    assert request.parent_span_id == root.span_id
    assert (step.trace_id, step.parent_span_id) == (request.trace_id, request.span_id)


def test_python_models_of_requests_that_are_not_traced_know_no_context(teller: Path) -> None:
    with http_receiver() as (url, received):
        with _serve(teller, url, "rate=0") as server:
            assert _told(server) == "None"
        assert received.spans == []


def test_in_files_what_a_python_model_asks_is_traced_too(teller: Path, tmp_path: Path) -> None:
    config = ("level=TIMESTAMPS", "rate=1", f"triton,file={tmp_path / 'traces'}")
    flags = [f"--trace-config={setting}" for setting in config]
    with serve(f"--model-repository={teller}", *flags) as server:
        assert _told(server) == "None"
    lines = [line for path in tmp_path.iterdir() for line in json.loads(path.read_text())]
    named = {line["model_name"]: line for line in lines if "model_name" in line}
    assert named["simple"]["parent_id"] == named["teller"]["id"]


def test_settings_show_the_mode(repository: Path) -> None:
    config = ("rate=7", "opentelemetry,resource=service.name=mine", "opentelemetry,bsp_max_queue_size=16")
    with http_receiver() as (url, received):
        with _serve(repository, url, *config) as server:
            shown = settings(server)
            assert shown == {
                "trace_level": ["TIMESTAMPS"],
                "trace_rate": "7",
                "trace_count": "-1",
                "trace_mode": "opentelemetry",
                "url": url,
                "resource": "service.name=mine",
                "bsp_max_queue_size": "16",
                "bsp_schedule_delay": "5000",
                "bsp_max_export_batch_size": "512",
            }
            post(server, "/v2/trace/setting", '{"trace_rate":"1"}')
            infer(server, "http")
        received.wait(3)
    assert received.resource["service.name"] == "mine"


def test_batches_are_no_larger_than_asked_for(repository: Path) -> None:
    with http_receiver() as (url, received):
        with _serve(repository, url, "rate=1", "opentelemetry,bsp_max_export_batch_size=2") as server:
            for _ in range(3):
                infer(server, "http")
        received.wait(9)
    assert max(received.exports) <= 2


def test_a_receiver_that_is_not_there_disturbs_nobody(repository: Path) -> None:
    with _serve(repository, "127.0.0.1:9/v1/traces", "rate=1", "opentelemetry,bsp_schedule_delay=1") as server:
        for _ in range(5):
            infer(server, "http")
        assert settings(server)["trace_mode"] == "opentelemetry"


def test_processor_options_out_of_bounds_are_brought_in() -> None:
    config = trace_config(
        [
            ("", "mode", "opentelemetry"),
            ("opentelemetry", "bsp_max_queue_size", "1"),
            ("opentelemetry", "bsp_schedule_delay", "0"),
            ("opentelemetry", "resource", "alone"),
        ]
    )
    make_provider(config).shutdown()
    assert resource(config).attributes["alone"] == "alone"

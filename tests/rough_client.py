"""A client of test_rough_soak.py: does at random what clients do, well and badly, and checks what it is answered."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import queue
import random
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import grpc
import numpy as np
import tritonclient.grpc as grpcclient
import tritonclient.http as httpclient
import tritonclient.utils.shared_memory as shm
from bad_requests import SECONDS, bad_grpc_requests, bad_http_requests
from grpc_wire import SERVICE, grpc_call
from server_process import ServerProcess
from test_model_churn import NOT_READY, History
from tritonclient.utils import InferenceServerException

from triton_lite.proto import messages

ELEMENTS = 1024  # Of the regions, FP32.
LARGE = 1 << 18  # Elements, FP32: bodies that do not lie in the channel's slots.
LONG_STREAM = 1000
SEQUENCES = 4  # Of each client, by its numbers.
# What is said of a model that is away: it is unknown, not ready, or has just been taken.
AWAY = (
    "Request for unknown model: 'away' is not found",
    "Request for unknown model: 'away' has no available versions",
)


@dataclass
class Tally:
    """What one client saw of a model: requests that were answered, that failed in it, and those it gave up itself.

    Of the last ones it cannot know whether they came to the model.
    """

    answered: int = 0
    failed: int = 0
    given_up: int = 0
    rows: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.answered + other.answered, self.failed + other.failed, self.given_up + other.given_up,
            self.rows + other.rows,
        )  # fmt: skip


@dataclass(frozen=True)
class Reading:
    """What the server counted of the model that comes and goes, before it went: from when to when that was said."""

    gone_before: float  # From here on none of its predecessors could answer.
    loading: float
    start: float
    end: float
    success: int


@dataclass
class Away:
    """The model that comes and goes, as all clients see it. One of them at a time sends it away or fetches it."""

    history: History = field(default_factory=History)
    operator: threading.Lock = field(default_factory=threading.Lock)
    answers: list[tuple[float, float]] = field(default_factory=list)  # When each was asked for, and came.
    readings: list[Reading] = field(default_factory=list)
    gone: float = 0.0
    loading: float = 0.0
    there: bool = False


class RoughClient(threading.Thread):
    """One client of one protocol. `problems`: what was not as it should be, the first of which ends it."""

    def __init__(self, number: int, seed: int, server: ServerProcess, away: Away, until: float, family: str) -> None:
        super().__init__(name=f"client {number}")
        self.problems: list[str] = []
        self.over = threading.Event()
        self.tallies: dict[str, Tally] = {}
        self.done: dict[str, int] = {}
        self.sent = 0
        self._number = number
        self._random = random.Random(seed * 1000 + number)
        self._server = server
        self._library, self._address = ((httpclient, server.http), (grpcclient, server.grpc))[number % 2]
        self._away = away
        self._until = until
        self._family = f"{family}_{number}"
        self._client: Any = None
        self._bad = bad_http_requests() if self._is_http else bad_grpc_requests()

    @property
    def _is_http(self) -> bool:
        return self._library is httpclient

    def run(self) -> None:
        """Act until the time is over."""
        # Cheap ones often, so that there are many requests; those that take long seldom.
        weights: dict[Callable[[], None], int] = {
            self.add: 40, self.echo_strings: 20, self.echo_large: 2, self.use_regions: 10, self.change_regions: 3,
            self.fail: 5, self.sequence: 6, self.stream: 3, self.leave_stream: 1, self.give_up: 3,
            self.disconnect_in_body: 6, self.ask_badly: 12, self.ask_the_away: 10, self.move_the_away: 1,
            self.look_around: 4, self.reconnect: 1,
        }  # fmt: skip
        actions, chances = list(weights), list(weights.values())
        action = actions[0]
        try:
            self._connect()
            with self._regions():
                while time.monotonic() < self._until and not self.over.is_set():
                    (action,) = self._random.choices(actions, chances)
                    action()
                    self.done[action.__name__] = self.done.get(action.__name__, 0) + 1
            self._client.close()
        except Exception as error:
            now = time.strftime("%T")
            self.problems.append(f"{now} {self.name}, {action.__name__}: {type(error).__name__}: {error}")

    # The ways to ask.

    def _connect(self) -> None:
        self._client = self._library.InferenceServerClient(
            self._address, **({"network_timeout": SECONDS} if self._is_http else {})
        )

    def _tally(self, model: str) -> Tally:
        return self.tallies.setdefault(model, Tally())

    def _tensor(self, name: str, values: Any, datatype: str) -> Any:
        tensor = self._library.InferInput(name, list(values.shape), datatype)
        tensor.set_data_from_numpy(values)
        return tensor

    def _infer(self, model: str, tensors: list[Any], **options: Any) -> Any:
        self.sent += 1
        request_id = f"{self._number}-{self.sent}"
        result = self._client.infer(model, tensors, request_id=request_id, **options)
        response = result.get_response()
        answered = response["id"] if isinstance(response, dict) else response.id
        assert answered == request_id, f"{answered} is the answer of another request than {request_id}"
        return result

    def _ask(self, model: str, tensors: list[Any], **options: Any) -> Any:
        result = self._infer(model, tensors, **options)
        self._tally(model).answered += 1
        return result

    def _refused(self, call: Callable[..., Any], *arguments: Any, **options: Any) -> str:
        self.sent += 1
        try:
            call(*arguments, **options)
        except InferenceServerException as error:
            return str(error.message())
        raise AssertionError("it was not refused")

    # What it does.

    def add(self) -> None:
        """Ask for a sum and a difference."""
        rows = self._random.randint(1, 8)
        first, second = (
            np.array([[self._random.randrange(-1000, 1000)] * 16] * rows, np.int32) for _ in range(2)
        )  # fmt: skip
        result = self._ask("simple", [self._tensor("INPUT0", first, "INT32"), self._tensor("INPUT1", second, "INT32")])
        np.testing.assert_array_equal(result.as_numpy("OUTPUT0"), first + second)
        np.testing.assert_array_equal(result.as_numpy("OUTPUT1"), first - second)
        self._tally("simple").rows += rows

    def echo_strings(self) -> None:
        """Get strings back."""
        strings = [self._random.randbytes(self._random.choice((0, 1, 10, 1000, 5000))) for _ in range(3)]
        values = np.array([strings], object)
        result = self._ask("identity_bytes", [self._tensor("INPUT0", values, "BYTES")])
        assert result.as_numpy("OUTPUT0").tolist() == [strings]

    def echo_large(self) -> None:
        """Get much back."""
        values = np.full((1, LARGE), self._random.random(), np.float32)
        result = self._ask("identity_fp32", [self._tensor("INPUT0", values, "FP32")])
        np.testing.assert_array_equal(result.as_numpy("OUTPUT0"), values)

    @contextlib.contextmanager
    def _regions(self) -> Iterator[None]:
        names = [f"{self._family}_{i}" for i in range(2)]
        self._handles = [shm.create_shared_memory_region(name, f"/{name}", 4 * ELEMENTS) for name in names]
        try:
            for name in names:
                self._client.register_system_shared_memory(name, f"/{name}", 4 * ELEMENTS)
            yield
            for name in names:
                self._client.unregister_system_shared_memory(name)
        finally:
            for handle in self._handles:
                shm.destroy_shared_memory_region(handle)

    def _in_regions(self, count: int) -> tuple[list[Any], list[Any]]:
        tensor = self._library.InferInput("INPUT0", [1, count], "FP32")
        tensor.set_shared_memory(f"{self._family}_0", 4 * count)
        output = self._library.InferRequestedOutput("OUTPUT0")
        output.set_shared_memory(f"{self._family}_1", 4 * count)
        return [tensor], [output]

    def use_regions(self) -> None:
        """Ask with tensors in shared memory."""
        count = self._random.randint(1, ELEMENTS)
        values = np.full(count, self._random.random(), np.float32)
        shm.set_shared_memory_region(self._handles[0], [values])
        inputs, outputs = self._in_regions(count)
        self._ask("identity_fp32", inputs, outputs=outputs)
        np.testing.assert_array_equal(shm.get_contents_as_numpy(self._handles[1], np.float32, [count]), values)

    def change_regions(self) -> None:
        """Take a region away and bring it back."""
        which = self._random.randrange(2)
        name = f"{self._family}_{which}"
        text = self._refused(self._client.register_system_shared_memory, name, f"/{name}", 4 * ELEMENTS)
        assert text == f"shared memory region '{name}' already in manager", text
        self._client.unregister_system_shared_memory(name)
        inputs, outputs = self._in_regions(1)
        text = self._refused(self._client.infer, "identity_fp32", inputs, outputs=outputs)
        assert f"Unable to find shared memory region: '{name}'" in text, text
        text = self._refused(self._client.get_system_shared_memory_status, name)
        assert text == f"Unable to find system shared memory region: '{name}'", text
        self._client.register_system_shared_memory(name, f"/{name}", 4 * ELEMENTS)
        status = self._client.get_system_shared_memory_status(name)
        (shown,) = status if self._is_http else status.regions.values()
        size = shown["byte_size"] if self._is_http else shown.byte_size
        assert size == 4 * ELEMENTS

    def fail(self) -> None:
        """Ask for what makes the model fail, beside what does not."""
        for index, right in ((self._random.randrange(4), True), (7, False)):
            tensors = [self._tensor("INDEX", np.array([[index]], np.int64), "INT64")]
            if right:
                assert self._ask("pick", tensors).as_numpy("VALUE").tolist() == [[10 * index]]
                continue
            text = self._refused(self._client.infer, "pick", tensors)
            assert "indices element out of data bounds, idx=7" in text, text
            self._tally("pick").failed += 1

    def sequence(self) -> None:
        """Add numbers up in a sequence, to its end or not; the next one of the same number begins anew."""
        name = 1 + self._number * SEQUENCES + self._random.randrange(SEQUENCES)
        steps = self._random.randint(1, 6)
        ends = self._random.random() < 0.8
        total = 0
        for step in range(steps):
            value = self._random.randrange(100)
            total += value
            result = self._ask(
                "sum",
                [self._tensor("INPUT", np.array([[value]], np.int32), "INT32")],
                sequence_id=name,
                sequence_start=step == 0,
                sequence_end=ends and step == steps - 1,
            )
            assert result.as_numpy("OUTPUT").tolist() == [[total]], (result.as_numpy("OUTPUT"), total)
        if ends:
            tensors = [self._tensor("INPUT", np.array([[1]], np.int32), "INT32")]
            text = self._refused(self._client.infer, "sum", tensors, sequence_id=name)
            assert f"inference request for sequence {name} to model 'sum' must specify the START flag" in text, text

    def _stream_tensors(self, first: int, count: int) -> list[Any]:
        given = (("FIRST", first), ("COUNT", count))
        return [self._tensor(name, np.array([value], np.int32), "INT32") for name, value in given]

    def _events(self, first: int, count: int) -> Iterator[int]:
        """The numbers of server-sent events; leaving them closes the connection."""
        connection = http.client.HTTPConnection(self._address, timeout=SECONDS)
        try:
            body = json.dumps({"FIRST": first, "COUNT": count})
            connection.request("POST", "/v2/models/stream/generate_stream", body)
            answer = connection.getresponse()
            assert answer.status == 200, answer.read()
            for line in answer:
                if line != b"\n":
                    yield json.loads(line.removeprefix(b"data: "))["OUT"]
        finally:
            connection.close()

    def stream(self) -> None:
        """Read a stream to its end."""
        first, counts = self._random.randrange(1000), [self._random.randrange(20) for _ in range(2)]
        if self._is_http:
            for count in counts:
                self.sent += 1
                found = list(self._events(first, count))
                assert found == list(range(first, first + count)), found
        else:
            answers: queue.Queue[Any] = queue.Queue()
            self._client.start_stream(lambda result, error: answers.put(error or result))
            try:
                for number, count in enumerate(counts):
                    self.sent += 1
                    self._client.async_stream_infer(
                        "stream", self._stream_tensors(first, count), request_id=str(number),
                        enable_empty_final_response=True,
                    )  # fmt: skip
                read = {"0": [], "1": []}  # type: dict[str, list[int]]
                finals = 0
                while finals < 2:
                    result = answers.get(timeout=SECONDS)
                    assert not isinstance(result, Exception), result
                    response = result.get_response()
                    if response.parameters["triton_final_response"].bool_param:
                        finals += 1
                    if response.outputs:
                        read[response.id].append(int(result.as_numpy("OUT")[0]))
                assert read == {str(i): list(range(first, first + count)) for i, count in enumerate(counts)}, read
            finally:
                self._client.stop_stream()
        self._tally("stream").answered += 2

    def leave_stream(self) -> None:
        """Leave a stream before its end."""
        self.sent += 1
        self._tally("stream").given_up += 1
        if self._is_http:
            events = self._events(0, LONG_STREAM)
            for number in range(self._random.randint(1, 5)):
                assert next(events) == number
            events.close()  # type: ignore[attr-defined]
            return
        with grpc.insecure_channel(self._address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
            request = messages.ModelInferRequest(model_name="stream")
            for name, value in (("FIRST", 0), ("COUNT", LONG_STREAM)):
                request.inputs.add(name=name, datatype="INT32", shape=[1]).contents.int_contents.append(value)
            call = channel.stream_stream(SERVICE + "ModelStreamInfer")(
                iter([request.SerializeToString()]), timeout=SECONDS
            )
            for _ in range(self._random.randint(1, 5)):
                next(call)
            if self._random.random() < 0.5:  # Else the connection goes.
                call.cancel()

    def give_up(self) -> None:
        """Ask a slow model and do not wait for it, or not long."""
        wait = self._random.random() * 0.08
        self.sent += 1
        tally = self._tally("slow")
        if self._is_http:
            body = b'{"inputs":[{"name":"INPUT0","datatype":"UINT8","shape":[1],"data":[7]}]}'
            head = f"POST /v2/models/slow/infer HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            self._send_and_leave("http", head + body, wait)
            tally.given_up += 1
            return
        tensors = [self._tensor("INPUT0", np.array([7], np.uint8), "UINT8")]
        if self._random.random() < 0.5:
            try:
                self._client.infer("slow", tensors, client_timeout=wait + 0.001)
            except InferenceServerException as error:
                assert error.status() == "StatusCode.DEADLINE_EXCEEDED", error
                tally.given_up += 1
            else:
                tally.answered += 1
            return
        ended: queue.Queue[Any] = queue.Queue()
        call = self._client.async_infer("slow", tensors, lambda result, error: ended.put(error or result))
        threading.Event().wait(wait)
        call.cancel()
        result = ended.get(timeout=SECONDS)
        if isinstance(result, InferenceServerException):
            assert result.status() == "StatusCode.CANCELLED", result
            tally.given_up += 1
        else:
            tally.answered += 1

    def _send_and_leave(self, protocol: str, data: bytes, wait: float) -> None:
        port = self._server.http_port if protocol == "http" else self._server.grpc_port
        with socket.create_connection(("127.0.0.1", port), SECONDS) as connection:
            connection.sendall(data)
            threading.Event().wait(wait)
            if self._random.random() < 0.5:  # With a reset.
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def disconnect_in_body(self) -> None:
        """Send a part of a request and leave: no model may see it."""
        self.sent += 1
        count = self._random.choice((16, 1000, LARGE))
        if self._is_http:
            tensors = (f'{{"name":"INPUT{i}","datatype":"INT32","shape":[1,16],"data":[1]}}' for i in range(2))
            body = f'{{"inputs":[{",".join(tensors)}]}}'.encode() + b" " * count
            head = f"POST /v2/models/simple/infer HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            whole, protocol = head + body, "http"
        else:
            whole, protocol = grpc_call("ModelInfer", b"\n\x06simple" + b"\x32" + bytes(count)), "grpc"
        self._send_and_leave(protocol, whole[: self._random.randrange(1, len(whole))], self._random.random() * 0.01)

    def ask_badly(self) -> None:
        """Send a bad request; its answer is known."""
        self.sent += 1
        send, expected = self._random.choice(self._bad)
        found = send(self._address)
        assert found == expected, f"{found} instead of {expected}"

    def ask_the_away(self) -> None:
        """Ask the model that comes and goes."""
        values = np.array([[self._random.random() for _ in range(4)]], np.float32)
        start = time.monotonic()
        text = ""
        try:
            result = self._infer("away", [self._tensor("INPUT0", values, "FP32")])
            version = 1
        except InferenceServerException as error:
            version, text = NOT_READY, str(error.message())
        end = time.monotonic()
        assert version in self._away.history.between(start, end), f"version {version}: {text}"
        if version == NOT_READY:
            assert text in AWAY, text
            return
        np.testing.assert_array_equal(result.as_numpy("OUTPUT0"), values)
        self._away.answers.append((start, end))

    def move_the_away(self) -> None:
        """Load or unload that model, unless another client does."""
        away = self._away
        if not away.operator.acquire(blocking=False):
            return
        try:
            self.sent += 1
            if not away.there:
                away.loading = time.monotonic()
                with away.history.becoming(1):
                    self._client.load_model("away")
            else:
                start = time.monotonic()
                success = successes(self._client, "away")
                away.readings.append(Reading(away.gone, away.loading, start, time.monotonic(), success))
                with away.history.becoming(NOT_READY):
                    self._client.unload_model("away")
                away.gone = time.monotonic()
            away.there = not away.there
        finally:
            away.operator.release()

    def look_around(self) -> None:
        """Ask what is there."""
        client = self._client
        self.sent += 4
        client.is_server_ready()  # Not while a model is loaded or unloaded.
        assert client.is_server_live()
        assert client.is_model_ready("simple")
        if self._is_http:
            assert client.get_model_metadata("simple")["platform"] == "onnxruntime_onnx"
            index = {row["name"]: row.get("state") for row in client.get_model_repository_index()}
        else:
            assert client.get_model_metadata("simple").platform == "onnxruntime_onnx"
            index = {row.name: row.state for row in client.get_model_repository_index().models}
        assert index["simple"] == "READY"

    def reconnect(self) -> None:
        """Begin anew on another connection."""
        self._client.close()
        self._connect()


def successes(client: Any, model: str) -> int:
    """How many answers the server counted."""
    found = client.get_inference_statistics(model)
    if isinstance(found, dict):
        return int(found["model_stats"][0]["inference_stats"]["success"]["count"])
    return int(found.model_stats[0].inference_stats.success.count)


def seed_of(variable: str) -> int:
    """A seed: the environment's or a new one."""
    return int(os.environ.get(variable) or random.SystemRandom().randrange(1 << 31))

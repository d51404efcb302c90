"""The engine's side of a model's sockets, in plain Python: what the native side does, for tests of the model's."""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import json
import mmap
import os
import queue
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np


def _find_model_process() -> Path:
    """Return the folder of the model's side: of the package that is tested, or of the tree."""
    package = importlib.util.find_spec("triton_lite")
    for location in (package.submodule_search_locations or []) if package is not None else []:
        folder = Path(location) / "model_process"
        if (folder / "__main__.py").exists():
            return folder
    return Path(__file__).resolve().parents[2] / "python" / "triton_lite" / "model_process"


MODEL_PROCESS = _find_model_process()

HEADER = struct.Struct("<IIQQQ")
REQUEST = struct.Struct("<QQQQIIIIIIII")
TENSOR = struct.Struct("<IIIIQQ")
RESPONSE = struct.Struct("<QIIIII4x")
INFER = struct.Struct("<QQQQIIIIIIIIqQ")
ROOM = 65536 - HEADER.size
REGION, REGION_GONE, EXECUTE, TAKEN = 1, 2, 3, 4
RESPONSES, EXECUTED, RELEASE = 16, 17, 18
INFER_KIND, CANCEL_INFER, IS_CANCELLED = 32, 33, 34
INFER_RESPONSE, CANCELLED = 48, 49
AWAY, IN_FILE, LAST = 1, 2, 4

NUMBERS = {
    np.dtype(bool): 1,
    np.dtype(np.uint8): 2,
    np.dtype(np.uint16): 3,
    np.dtype(np.uint32): 4,
    np.dtype(np.uint64): 5,
    np.dtype(np.int8): 6,
    np.dtype(np.int16): 7,
    np.dtype(np.int32): 8,
    np.dtype(np.int64): 9,
    np.dtype(np.float16): 10,
    np.dtype(np.float32): 11,
    np.dtype(np.float64): 12,
}
DTYPES = {number: dtype for dtype, number in NUMBERS.items()}
BYTES, BF16 = 13, 14


@dataclass
class Value:
    """A tensor as it travels."""

    name: str
    datatype: int
    shape: tuple[int, ...]
    data: bytes
    where: int = 0
    place: int = 0

    @classmethod
    def of(cls, name: str, array: np.ndarray[Any, Any]) -> Value:
        if array.dtype == object:
            data = b"".join(struct.pack("<I", len(element)) + element for element in array.ravel().tolist())
            return cls(name, BYTES, array.shape, data)
        return cls(name, NUMBERS[array.dtype], array.shape, np.ascontiguousarray(array).tobytes())

    @property
    def array(self) -> np.ndarray[Any, Any]:
        if self.datatype == BYTES:
            elements, offset = [], 0
            while offset < len(self.data):
                (length,) = struct.unpack_from("<I", self.data, offset)
                elements.append(self.data[offset + 4 : offset + 4 + length])
                offset += 4 + length
            array = np.empty(len(elements), object)
            array[:] = elements
            return array.reshape(self.shape)
        return np.frombuffer(self.data, DTYPES[self.datatype]).reshape(self.shape)


@dataclass
class Asked:
    """A request as the engine sends it."""

    inputs: list[Value]
    key: int = 0
    id: str = ""
    correlation: int | str = 0
    timeout: int = 0
    priority: int = 0
    flags: int = 0
    parameters: str = ""
    trace: str = ""
    outputs: str = ""


@dataclass
class Answer:
    """A response record."""

    key: int
    flags: int
    code: int
    error: str
    parameters: str
    outputs: list[Value]

    @property
    def final(self) -> bool:
        return bool(self.flags & 4)

    def output(self, name: str) -> np.ndarray[Any, Any]:
        return next(value for value in self.outputs if value.name == name).array


@dataclass
class Inference:
    """What a model asked of another."""

    number: int
    parent: int
    correlation: int | str
    timeout: int
    priority: int
    flags: int
    model: str
    id: str
    parameters: str
    outputs: list[str]
    trace: str
    version: int
    decoupled: bool
    inputs: list[Value]


@dataclass
class Reply:
    """What INFER is answered with: one message."""

    outputs: list[Value] = field(default_factory=list)
    error: str = ""
    code: int = 0
    parameters: str = ""
    last: bool = True
    empty: bool = False


class Arena:
    """Blocks in memfds, with checks that every one is released once."""

    def __init__(self, connection: socket.socket, region_size: int = 4 << 20) -> None:
        self._connection = connection
        self._region_size = region_size
        self.regions: dict[int, mmap.mmap] = {}
        self._next: dict[int, int] = {}
        self.blocks: dict[int, int] = {}
        self.released = 0
        self._changed = threading.Condition()

    def add_region(self, size: int) -> int:
        number = len(self.regions)
        descriptor = os.memfd_create("arena")
        os.ftruncate(descriptor, size)
        self.regions[number] = mmap.mmap(descriptor, size)
        self._next[number] = 64
        header = HEADER.pack(REGION, 0, number, 0, size)
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", descriptor))]
        self._connection.sendmsg([header], rights)
        os.close(descriptor)
        return number

    def drop_region(self, number: int) -> None:
        self._connection.send(HEADER.pack(REGION_GONE, 0, number, 0, 0))

    def put(self, data: bytes) -> int:
        with self._changed:
            return self._put(data)

    def _put(self, data: bytes) -> int:
        size = max(len(data), 1)
        if not self.blocks:
            self._next = dict.fromkeys(self._next, 64)
        for number, start in self._next.items():
            if start + size <= len(self.regions[number]):
                break
        else:
            number = self.add_region(max(self._region_size, size + 64))
            start = 64
        self.regions[number][start : start + len(data)] = data
        self._next[number] = start + (size + 63) // 64 * 64
        place = number << 48 | start
        assert place not in self.blocks
        self.blocks[place] = size
        return place

    def read(self, place: int, size: int) -> bytes:
        region, offset = place >> 48, place & (1 << 48) - 1
        assert any(
            start >> 48 == region and start <= place and place + size <= start + length
            for start, length in self.blocks.items()
        ), f"{place:x} lies in no block that the model holds"
        return self.regions[region][offset : offset + size]

    def release(self, place: int) -> None:
        with self._changed:
            del self.blocks[place]
            self.released += 1
            self._changed.notify_all()

    def wait_until_empty(self) -> bool:
        """Wait for releases that are under way."""
        with self._changed:
            return self._changed.wait_for(lambda: not self.blocks, 20)


class Lane:
    """One socket of the engine's, and its arena. read reads the model's memory."""

    def __init__(self, connection: socket.socket, read: Callable[[int, int], bytes] | None) -> None:
        self.connection = connection
        self.arena = Arena(connection)
        self._read = read
        self.away_limit = 32768
        self.away_always = False
        self.sent_away = 0

    def send(self, kind: int, number: int = 0, place: int = 0, body: bytes = b"", flags: int = 0) -> None:
        if len(body) > ROOM:
            place = self.arena.put(body)
            flags |= AWAY
            header = HEADER.pack(kind, flags, number, place, len(body))
            body = b""
        else:
            header = HEADER.pack(kind, flags, number, place, len(body))
        self.connection.send(header + body)

    def receive(self) -> tuple[int, int, int, int, bytes, int | None] | None:
        data, ancillary, _, _ = self.connection.recvmsg(65536, socket.CMSG_SPACE(4))
        if not data:
            return None
        kind, flags, number, place, length = HEADER.unpack_from(data)
        descriptor = struct.unpack("i", ancillary[0][2])[0] if ancillary else None
        body = data[HEADER.size :]
        if flags & AWAY:
            assert not body
            if flags & IN_FILE:
                assert descriptor is not None
                body = os.pread(descriptor, length, place)
            else:
                assert self._read is not None, "an address, though memory cannot be read"
                body = self._read(place, length)
        assert len(body) == length, (kind, len(body), length)
        return kind, flags, number, place, body, descriptor

    def pack(self, head: list[tuple[bytes, list[Value]]], prefix: bytes) -> bytes:
        """Lay out records and tensors; tensors that are large go to the arena."""
        size = len(prefix) + sum(
            len(fixed) + sum(len(self._record(value, 0, 0)) for value in values) for fixed, values in head
        )
        parts, tail, end = [prefix], [], size
        for fixed, values in head:
            parts.append(fixed)
            for value in values:
                if self.away_always or len(value.data) > self.away_limit:
                    self.sent_away += 1
                    parts.append(self._record(value, 1, self.arena.put(value.data)))
                    continue
                padding = -end % 16
                tail.append(bytes(padding) + value.data)
                parts.append(self._record(value, 0, end + padding))
                end += padding + len(value.data)
        return b"".join(parts + tail)

    @staticmethod
    def _record(value: Value, where: int, place: int) -> bytes:
        name = value.name.encode()
        return (
            TENSOR.pack(len(name), value.datatype, len(value.shape), where, place, len(value.data))
            + struct.pack(f"<{len(value.shape)}q", *value.shape)
            + name
            + bytes(-len(name) % 8)
        )

    def tensors(
        self, body: bytes, offset: int, count: int, flags: int, descriptor: int | None
    ) -> tuple[list[Value], int, bool]:
        """Read tensors; also say whether any lay at an address."""
        values, addressed = [], False
        for _ in range(count):
            name_length, datatype, dimensions, where, place, size = TENSOR.unpack_from(body, offset)
            offset += TENSOR.size
            shape = struct.unpack_from(f"<{dimensions}q", body, offset)
            offset += 8 * dimensions
            name = body[offset : offset + name_length].decode()
            offset += (name_length + 7) // 8 * 8
            if where == 0:
                assert place % 16 == 0 and place + size <= len(body)
                data = body[place : place + size]
            elif where == 1:
                if flags & IN_FILE:
                    assert descriptor is not None
                    data = os.pread(descriptor, size, place)
                else:
                    assert self._read is not None
                    data = self._read(place, size)
                    addressed = True
            else:
                data = self.arena.read(place, size)
            assert len(data) == size
            values.append(Value(name, datatype, shape, data, where, place))
        return values, offset, addressed

    def release(self, body: bytes) -> None:
        for (place,) in struct.iter_unpack("<Q", body):
            self.arena.release(place)


class Engine:
    """Both lanes, with threads that read them."""

    def __init__(
        self,
        execute: socket.socket,
        calls: socket.socket,
        read: Callable[[int, int], bytes] | None,
    ) -> None:
        self.execute = Lane(execute, read)
        self.calls = Lane(calls, read)
        self.answers: queue.Queue[tuple[str, int, list[Answer]]] = queue.Queue()
        """What came: ("executed", batch, records) and ("responses", 0, records)."""
        self.infer: Callable[[Inference], list[Reply]] = lambda _: [Reply(error="no such model", code=5)]
        self.cancelled: set[int] = set()
        self.cancels: queue.Queue[int] = queue.Queue()
        self.failures: list[BaseException] = []
        self.taken = 0
        self.take = True
        """Whether TAKEN is sent."""
        self.untaken: list[int] = []
        self._batch = 0
        self._key = 0
        self._last_number = 0
        self._sent: dict[int, int] = {}
        self._threads = [
            threading.Thread(target=self._guard, args=(self._serve_execute,), daemon=True),
            threading.Thread(target=self._guard, args=(self._serve_calls,), daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def send(self, *requests: Asked) -> int:
        """Send a batch; return its number."""
        self._batch += 1
        self._sent[self._batch] = time.monotonic_ns()
        head = []
        for request in requests:
            if not request.key:
                self._key += 1
                request.key = self._key
            correlation = request.correlation
            texts = [
                request.id.encode(),
                correlation.encode() if isinstance(correlation, str) else b"",
                request.parameters.encode(),
                request.trace.encode(),
                request.outputs.encode(),
            ]
            text = b"".join(texts)
            fixed = REQUEST.pack(
                request.key,
                correlation if isinstance(correlation, int) else 0,
                request.timeout,
                request.priority,
                request.flags,
                len(request.inputs),
                *map(len, texts),
                0,
            )
            head.append((fixed + text + bytes(-len(text) % 8), request.inputs))
        body = self.execute.pack(head, struct.pack("<II", len(requests), 0))
        self.execute.send(EXECUTE, self._batch, body=body)
        return self._batch

    def next(self, timeout: float = 20) -> tuple[str, int, list[Answer]]:
        """Return what comes next of the model."""
        try:
            return self.answers.get(timeout=timeout)
        except queue.Empty:
            raise AssertionError(f"no answer; failures: {self.failures}") from None

    def run(self, *requests: Asked) -> list[Answer]:
        """Send a batch and return the records of EXECUTED, which must come next."""
        batch = self.send(*requests)
        kind, number, answers = self.next()
        assert (kind, number) == ("executed", batch)
        return answers

    def ask(self, **arrays: np.ndarray[Any, Any]) -> Answer:
        """Run one request of these inputs."""
        (answer,) = self.run(Asked([Value.of(name, array) for name, array in arrays.items()]))
        return answer

    def end_execute(self) -> None:
        """Let no more work come."""
        self.execute.connection.shutdown(socket.SHUT_WR)

    def give_taken(self) -> None:
        """Send the TAKEN messages that were held back, and from now on at once."""
        self.take = True
        numbers, self.untaken = self.untaken, []
        for number in numbers:
            self.execute.send(TAKEN, number)

    def check(self) -> None:
        assert not self.failures, self.failures

    def close(self) -> None:
        for lane in (self.execute, self.calls):
            lane.connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()
        for lane in (self.execute, self.calls):
            lane.connection.close()

    def _guard(self, serve: Callable[[], None]) -> None:
        try:
            serve()
        except OSError:
            return
        except BaseException as error:
            self.failures.append(error)
            raise

    def _serve_execute(self) -> None:
        lane = self.execute
        while (message := lane.receive()) is not None:
            kind, flags, number, place, body, descriptor = message
            if kind == RELEASE:
                lane.release(body)
                continue
            sequence = flags >> 8
            assert sequence == self._last_number % 0xFFFFFF + 1
            self._last_number = sequence
            if kind == EXECUTED and not flags & AWAY:
                assert self._sent[number] <= place <= time.monotonic_ns(), "when the batch was taken up"
            count, released = struct.unpack_from("<II", body)
            answers, offset, addressed = [], 8, False
            for _ in range(count):
                answer, offset, here = self._answer(lane, body, offset, flags, descriptor)
                answers.append(answer)
                addressed = addressed or here
            lane.release(body[offset : offset + 8 * released])
            if descriptor is not None:
                os.close(descriptor)
            if addressed or (flags & AWAY and not flags & IN_FILE):
                self.taken += 1
                if self.take:
                    lane.send(TAKEN, sequence)
                else:
                    self.untaken.append(sequence)
            self.answers.put(({EXECUTED: "executed", RESPONSES: "responses"}[kind], number, answers))

    @staticmethod
    def _answer(lane: Lane, body: bytes, offset: int, flags: int, descriptor: int | None) -> tuple[Answer, int, bool]:
        key, answer_flags, code, error_length, parameters_length, outputs = RESPONSE.unpack_from(body, offset)
        offset += RESPONSE.size
        error = body[offset : offset + error_length].decode()
        parameters = body[offset + error_length : offset + error_length + parameters_length].decode()
        offset += (error_length + parameters_length + 7) // 8 * 8
        values, offset, addressed = lane.tensors(body, offset, outputs, flags, descriptor)
        return Answer(key, answer_flags, code, error, parameters, values), offset, addressed

    def _serve_calls(self) -> None:
        lane = self.calls
        while (message := lane.receive()) is not None:
            kind, flags, number, place, body, descriptor = message
            if kind == RELEASE:
                lane.release(body)
            elif kind == IS_CANCELLED:
                lane.send(CANCELLED, number, int(place in self.cancelled))
            elif kind == CANCEL_INFER:
                self.cancels.put(number)
            else:
                assert kind == INFER_KIND
                inference = self._inference(number, flags, body, descriptor)
                threading.Thread(target=self._guard, args=(lambda i=inference: self._reply(i),), daemon=True).start()

    def _inference(self, number: int, flags: int, body: bytes, descriptor: int | None) -> Inference:
        fixed = INFER.unpack_from(body)
        parent, correlation_number, timeout, priority, request_flags, inputs = fixed[:6]
        offset, texts = INFER.size, []
        for length in fixed[6:12]:
            texts.append(body[offset : offset + length].decode())
            offset += length
        model, request_id, correlation, parameters, outputs, trace = texts
        offset = INFER.size + (offset - INFER.size + 7) // 8 * 8
        values, _, _ = self.calls.tensors(body, offset, inputs, flags, descriptor)
        if descriptor is not None:
            os.close(descriptor)
        return Inference(
            number,
            parent,
            correlation or correlation_number,
            timeout,
            priority,
            request_flags,
            model,
            request_id,
            parameters,
            json.loads(outputs),
            trace,
            fixed[12],
            bool(fixed[13]),
            values,
        )

    def _reply(self, inference: Inference) -> None:
        for reply in self.infer(inference):
            self.reply(inference.number, reply)

    def reply(self, number: int, reply: Reply) -> None:
        """Answer an inference with one message."""
        error, parameters = reply.error.encode(), reply.parameters.encode()
        flags = (2 if reply.error else 0 if reply.empty else 1) | (4 if reply.last else 0)
        fixed = RESPONSE.pack(0, flags, reply.code, len(error), len(parameters), len(reply.outputs))
        text = error + parameters
        head = [(fixed + text + bytes(-len(text) % 8), reply.outputs)]
        body = self.calls.pack(head, struct.pack("<II", 1, 0))
        self.calls.send(INFER_RESPONSE, number, body=body, flags=LAST if reply.last else 0)


def memory_of(process: int) -> Callable[[int, int], bytes]:
    """Return what reads the memory of a process."""

    def read(address: int, size: int) -> bytes:
        with open(f"/proc/{process}/mem", "rb", buffering=0) as memory:
            return os.pread(memory.fileno(), size, address)

    return read


def own_memory(address: int, size: int) -> bytes:
    """Read this process's memory."""
    return ctypes.string_at(address, size)


class InThread:
    """A model served by a thread of this process: instance is the loop's, engine the other side."""

    def __init__(self, model: Any, *, decoupled: bool = False, read_memory: bool = True, name: str = "model_0") -> None:
        sys.path.append(str(MODEL_PROCESS))
        try:
            from triton_lite_model.instance import Instance
            from triton_lite_model.lane import Lane as ModelLane
        finally:
            sys.path.remove(str(MODEL_PROCESS))
        pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(2)]
        (execute, self._execute), (calls, self._calls) = pairs
        self.execute_lane = ModelLane(self._execute, read_memory=read_memory)
        self.calls_lane = ModelLane(self._calls, read_memory=read_memory)
        self.logged: list[str] = []
        self.instance = Instance(
            name,
            model,
            self.execute_lane,
            self.calls_lane,
            decoupled=decoupled,
            log_error=self.logged.append,
            model_path="/models/model/1/model.py",
        )
        self.engine = Engine(execute, calls, own_memory if read_memory else None)
        self.thread = threading.Thread(target=self.instance.serve, daemon=True)
        self.thread.start()

    def __enter__(self) -> InThread:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.engine.end_execute()
        self.thread.join(20)
        assert not self.thread.is_alive()
        self.instance.close()
        self.engine.close()
        self._execute.close()
        self._calls.close()
        if kind is None:
            self.engine.check()


class ModelProcess:
    """A model's process, started as the engine does."""

    def __init__(
        self,
        folder: Path,
        *,
        python: str = sys.executable,
        name: str = "model",
        config: dict[str, Any] | None = None,
        decoupled: bool = False,
        read_memory: bool = True,
        model_file: str = "model.py",
        environment: dict[str, str] | None = None,
        initialize: bool = True,
        log_verbose: int = 0,
    ) -> None:
        pairs = {
            "control": socket.socketpair(),
            "execute": socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET),
            "calls": socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET),
        }
        arguments = [python, str(MODEL_PROCESS / "__main__.py")]
        for option, (_, theirs) in pairs.items():
            arguments += [f"--{option}", str(theirs.fileno())]
        self.process = subprocess.Popen(
            arguments,
            pass_fds=[theirs.fileno() for _, theirs in pairs.values()],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
        )
        for _, theirs in pairs.values():
            theirs.close()
        self.control = pairs["control"][0]
        self._lines = self.control.makefile("rb")
        self.logs: list[dict[str, Any]] = []
        self._logged: queue.Queue[dict[str, Any]] = queue.Queue()
        self.calls: list[dict[str, Any]] = []
        self.answer: Callable[[dict[str, Any]], tuple[Any, str | None]] = lambda _: (None, None)
        self.folder = folder
        self._number = 0
        read = memory_of(self.process.pid) if read_memory else None
        self.engine = Engine(pairs["execute"][0], pairs["calls"][0], read)
        self._orders: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read_control, daemon=True)
        self._reader.start()
        self.initialized: dict[str, Any] = {}
        if initialize:
            self.initialized = self.initialize(name, config, decoupled, read_memory, model_file, log_verbose)

    def initialize(
        self,
        name: str = "model",
        config: dict[str, Any] | None = None,
        decoupled: bool = False,
        read_memory: bool = True,
        model_file: str = "model.py",
        log_verbose: int = 0,
    ) -> dict[str, Any]:
        self.order(
            op="initialize",
            args={
                "model_config": json.dumps(config or {"name": name}),
                "model_instance_kind": "CPU",
                "model_instance_name": f"{name}_0",
                "model_instance_device_id": "0",
                "model_repository": str(self.folder),
                "model_version": "1",
                "model_name": name,
            },
            version_directory=str(self.folder / "1"),
            model_file=model_file,
            decoupled=decoupled,
            read_memory=read_memory,
            log_verbose=log_verbose,
        )
        return self.next()

    def auto_complete(self, config: dict[str, Any], model_file: str = "model.py") -> dict[str, Any]:
        self.order(
            op="auto_complete",
            model_directory=str(self.folder),
            version_directory=str(self.folder / "1"),
            model_file=model_file,
            config=config,
        )
        return self.next()

    def order(self, **order: Any) -> None:
        self.control.sendall(json.dumps(order).encode() + b"\n")

    def next(self, timeout: float = 30) -> dict[str, Any]:
        """Return the next object that is neither a log nor a call."""
        order = self._orders.get(timeout=timeout)
        assert order is not None, f"the process has ended: {self.process.communicate()[0]}"
        return order

    def next_log(self) -> dict[str, Any]:
        """Return the next line for the log, which comes on its own way."""
        return self._logged.get(timeout=20)

    def is_ready(self) -> dict[str, Any]:
        self._number += 1
        self.order(op="is_ready", id=self._number)
        answer = self.next()
        assert answer["op"] == "answer" and answer["id"] == self._number
        return answer

    def finalize(self) -> dict[str, Any]:
        """Let the model end; the process must do so too."""
        self.engine.end_execute()
        self.order(op="finalize")
        answer = self.next()
        assert answer["op"] == "finalized"
        assert self.process.wait(20) == 0
        return answer

    def wait(self) -> int:
        return self.process.wait(20)

    def output(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.read()

    def __enter__(self) -> ModelProcess:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.engine.close()
        self.control.shutdown(socket.SHUT_RDWR)
        self._reader.join(10)
        self._lines.close()
        self.control.close()
        assert self.process.stdout is not None
        self.process.stdout.close()
        if kind is None:
            self.engine.check()

    def _read_control(self) -> None:
        with contextlib.suppress(ConnectionResetError):  # A process that left answers unread.
            for line in self._lines:
                self._handle(json.loads(line))
        self._orders.put(None)

    def _handle(self, order: dict[str, Any]) -> None:
        if order["op"] == "log":
            self.logs.append(order)
            self._logged.put(order)
        elif order["op"] == "call":
            self.calls.append(order)
            value, error = self.answer(order)
            with contextlib.suppress(BrokenPipeError):  # What is dropped at the end waits for no answer.
                self.order(op="answer", id=order["id"], value=value, error=error)
        else:
            self._orders.put(order)


def write_model(folder: Path, source: str, version: str = "1", file: str = "model.py") -> Path:
    """Write a model; return its folder."""
    path = folder / version / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source)
    return folder

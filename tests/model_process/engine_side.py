"""The engine's side of a model's sockets, in plain Python: what the native side does, for tests of the model's."""

from __future__ import annotations

import json
import os
import queue
import socket
import struct
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from model_process.engine_lane import Lane
from model_process.records import (
    AWAY,
    CANCEL_INFER,
    CANCELLED,
    EXECUTE,
    EXECUTED,
    IN_FILE,
    INFER,
    INFER_KIND,
    INFER_RESPONSE,
    IS_CANCELLED,
    LAST,
    RELEASE,
    REQUEST,
    RESPONSE,
    RESPONSES,
    TAKEN,
    Answer,
    Asked,
    Inference,
    Reply,
    Value,
)


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

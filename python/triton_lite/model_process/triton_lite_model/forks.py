"""Processes that a model forks: what they ask of the engine, they ask through the model's own process.

Only one process can read the sockets. So a child lets go of them, and has a connection to a thread of its parent in
their place: for inferences, questions, calls and logs. Responses cannot be sent from a child. It ends with its parent.
"""

from __future__ import annotations

import os
import pickle
import select
import signal
import socket
import struct
import threading
from typing import TYPE_CHECKING, Any

from . import bridge
from .control import Control
from .errors import TritonError, TritonModelException
from .inference_request import InferenceRequest
from .inference_response import InferenceResponse
from .tensor import Tensor

if TYPE_CHECKING:
    from .instance import Instance

_LENGTH = struct.Struct("<Q")

_instance: list[Instance] = []
_pairs = threading.local()


def watch(instance: Instance) -> None:
    """Give the children of this process a way to the instance's engine."""
    if not _instance:
        os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
    _instance[:] = [instance]


def _before() -> None:
    _pairs.pair = socket.socketpair()


def _in_parent() -> None:
    ours, theirs = _pairs.pair
    theirs.close()
    threading.Thread(target=_serve, args=(ours, _instance[0]), name="child", daemon=True).start()


def _in_child() -> None:
    ours, theirs = _pairs.pair
    ours.close()
    # The signals that the model's process disregards are what ends its children.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    parent = Parent(theirs)
    _instance[0].become_child(parent)
    bridge.set_control(_ChildControl(parent))
    threading.Thread(target=_end_with, args=(theirs.fileno(),), name="parent", daemon=True).start()


def _end_with(connection: int) -> None:
    """Wait until the other side of a connection has gone, and leave the process."""
    poll = select.poll()
    poll.register(connection, 0)  # That it has been closed is told in any case.
    poll.poll()
    os._exit(1)


def _send(connection: socket.socket, value: object) -> None:
    data = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    connection.sendall(_LENGTH.pack(len(data)) + data)


def _receive(connection: socket.socket) -> Any:
    """Return what the other side sent; None at the end. Both sides are the model's own code."""
    head = _receive_exactly(connection, _LENGTH.size)
    if head is None:
        return None
    data = _receive_exactly(connection, _LENGTH.unpack(head)[0])
    return None if data is None else pickle.loads(data)


def _receive_exactly(connection: socket.socket, size: int) -> bytearray | None:
    data = bytearray(size)
    done = 0
    while done < size:
        count = connection.recv_into(memoryview(data)[done:])
        if count == 0:
            return None
        done += count
    return data


def _serve(connection: socket.socket, instance: Instance) -> None:
    """Do what a child asks for, until it ends."""
    with connection:
        try:
            while True:
                asked = _receive(connection)
                if asked is None:
                    return
                try:
                    answer = (True, _do(instance, *asked))
                except TritonModelException as error:
                    answer = (False, str(error))
                _send(connection, answer)
        except OSError:
            return


def _do(instance: Instance, what: str, *arguments: Any) -> Any:
    if what == "infer":
        fields, inputs, decoupled = arguments
        answer = instance.infer(InferenceRequest(inputs=[_unpack(one) for one in inputs], **fields), decoupled)
        return [_pack_response(one) for one in (answer if not isinstance(answer, InferenceResponse) else (answer,))]
    if what == "is_cancelled":
        return instance.is_cancelled(*arguments)
    method, fields = arguments
    if what == "call":
        return bridge.control().call(method, **fields)
    getattr(bridge.control(), method)(**fields)
    return None


def _pack(tensor: Tensor) -> tuple[str, int, tuple[int, ...], bytes]:
    content = tensor._content()
    data = content if isinstance(content, bytes) else content.tobytes()
    return tensor._name, tensor._datatype, tensor._shape, data


def _unpack(packed: tuple[str, int, tuple[int, ...], bytes]) -> Tensor:
    name, datatype, shape, data = packed
    return Tensor._received(name, datatype, shape, bytearray(data), 0, len(data))


def _pack_response(response: InferenceResponse) -> tuple[list[Any], Any, str]:
    error = response._error
    told = None if error is None else (error._message, error._code)
    return [_pack(one) for one in response._outputs], told, response._parameters


class Parent:
    """A child's connection to its parent: one question at a time."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    def infer(self, request: InferenceRequest, decoupled: bool) -> list[InferenceResponse]:
        """Run a request and return all of its responses."""
        fields = {
            "request_id": request.request_id(),
            "correlation_id": request.correlation_id(),
            "requested_output_names": sorted(request.requested_output_names()),
            "model_name": request.model_name(),
            "model_version": request._model_version if not request._key else -1,
            "flags": request.flags(),
            "timeout": request.timeout(),
            "parameters": request._given_parameters(),
        }
        packed = self.ask("infer", fields, [_pack(one) for one in request.inputs()], decoupled)
        responses = []
        for outputs, error, parameters in packed:
            told = None if error is None else TritonError(*error)
            responses.append(InferenceResponse._received([_unpack(one) for one in outputs], told, parameters))
        return responses

    def ask(self, *question: Any) -> Any:
        """Ask, and return the answer; an error comes as an exception."""
        with self._lock:
            try:
                _send(self._connection, question)
                answer = _receive(self._connection)
            except OSError:
                answer = None
        if answer is None:
            raise TritonModelException("The process of the model has ended.")
        good, value = answer
        if not good:
            raise TritonModelException(value)
        return value


class _ChildControl(Control):
    """What a child has in place of the control connection."""

    def __init__(self, parent: Parent) -> None:
        self._parent = parent

    def call(self, method: str, **fields: Any) -> Any:
        return self._parent.ask("call", method, fields)

    def tell(self, method: str, **fields: Any) -> None:
        """Do nothing: what a child drops, its parent may still have."""

    def log(self, level: str, message: str, file: str, line: int) -> None:
        self._parent.ask("tell", "log", {"level": level, "message": message, "file": file, "line": line})

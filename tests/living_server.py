"""A real server whose processes are watched and killed: which there are, and what they left."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from processes import descendants, gone, parent_of
from server_process import ServerProcess, serve, stop

WAIT_SECONDS = 20
_pause = threading.Event()

# A number that ONNX Runtime keeps for itself, the same file for all who use it.
_OF_ONNXRUNTIME = ".ses"

SLOW = """\
backend: "identity"
max_batch_size: 0
input [ { name: "INPUT0" data_type: TYPE_UINT8 dims: [ -1 ] } ]
output [ { name: "OUTPUT0" data_type: TYPE_UINT8 dims: [ -1 ] } ]
instance_group [ { count: COUNT } ]
parameters { key: "execute_delay_ms" value: { string_value: "DELAY" } }
MORE
"""


def write_slow(repository: Path, name: str, milliseconds: int, instances: int = 1, more: str = "") -> None:
    """Add a model that answers INPUT0, [n] UINT8, as OUTPUT0, after a while."""
    (repository / name / "1").mkdir(parents=True)
    text = SLOW.replace("COUNT", str(instances)).replace("DELAY", str(milliseconds)).replace("MORE", more)
    (repository / name / "config.pbtxt").write_text(text)


def until(holds: Callable[[], Any], what: str, seconds: float = WAIT_SECONDS) -> Any:
    """Wait until `holds()` is true, and return what it returns."""
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < deadline, what
        _pause.wait(0.01)
    return found


def ask(address: str, path: str, body: Any = None, timeout: float = WAIT_SECONDS) -> tuple[int, Any]:
    """One request on a connection of its own; status and JSON (or what else the body is). 0: nobody answered."""
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(f"http://{address}{path}", data, timeout) as answer:
            status, text = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read()
    except (urllib.error.URLError, OSError):
        return 0, None
    try:
        return status, json.loads(text or b"null")
    except ValueError:
        return status, text


def is_ready(server: ServerProcess) -> bool:
    """Whether the server says that it is ready, over HTTP."""
    return ask(server.http, "/v2/health/ready")[0] == 200


def slow_request(name: str = "", size: int = 1) -> dict[str, Any]:
    """The body of a request to a model of `write_slow`."""
    tensor = {"name": "INPUT0", "datatype": "UINT8", "shape": [size], "data": [7] * size}
    return {"id": name, "inputs": [tensor]} if name else {"inputs": [tensor]}


def engine_of(process_id: int) -> int:
    """The engine below a supervisor."""
    return one_of(process_id, "triton_lite.engine")


def one_of(process_id: int, command: str) -> int:
    """A process below another, by a part of its command line: the one that was started last; 0 without."""
    return max((child for child, line in descendants(process_id).items() if command in line), default=0)


def workers_of(process_id: int) -> list[int]:
    """gunicorn's workers."""
    lines = descendants(process_id)
    return [child for child, line in lines.items() if "gunicorn" in line and parent_of(child) in lines]


def leftovers(runtime: Path, temporary: Path) -> list[str]:
    """What lies in the folders that a server writes to."""
    paths = [path for folder in (runtime, temporary) for path in folder.rglob("*")]
    return sorted(str(path) for path in paths if path.name != _OF_ONNXRUNTIME)


@contextlib.contextmanager
def living(folder: Path, *arguments: str, **env: str) -> Iterator[ServerProcess]:
    """`serve` with runtime and temporary folders below `folder`, which are empty when it has ended in order."""
    runtime, temporary = folder / "run", folder / "tmp"
    temporary.mkdir(exist_ok=True)
    with serve(*arguments, TRITON_LITE_RUNTIME_DIR=str(runtime), TMPDIR=str(temporary), **env) as server:
        yield server
        if server.process.poll() is None:
            assert stop(server.process) == 0, server.text()
            assert leftovers(runtime, temporary) == []


def kill(process_id: int) -> None:
    """kill -9, and wait until it has ended."""
    os.kill(process_id, signal.SIGKILL)
    until(lambda: gone(process_id), f"{process_id} does not end")

"""PyTriton's quick start, ported: few lines differ, and it does what it says."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import tritonclient.grpc
import tritonclient.http
from server_process import run_script

PORT = Path(__file__).resolve().parents[1] / "examples" / "function" / "quick_start.py"

# The program of the quick start in PyTriton's README (0.7), without empty lines: what serves, and what asks.
SERVES = """\
import numpy as np
from pytriton.decorators import batch
@batch
def infer_fn(data):
    result = data * np.array([[-1]], dtype=np.float32)  # Process inputs and produce result
    return [result]
from pytriton.model_config import Tensor
from pytriton.triton import Triton
triton = Triton()
triton.bind(
    model_name="Linear",
    infer_func=infer_fn,
    inputs=[Tensor(name="data", dtype=np.float32, shape=(-1,)),],
    outputs=[Tensor(name="result", dtype=np.float32, shape=(-1,)),],
)
triton.run()
""".splitlines()
ASKS = """\
from pytriton.client import ModelClient
client = ModelClient("localhost", "Linear")
data = np.array([1, 2, ], dtype=np.float32)
print(client.infer_sample(data=data))
client.close()
triton.stop()
""".splitlines()
MOST_CHANGED = 10


def program() -> str:
    """The example's text without what is said about it."""
    return PORT.read_text().rpartition("# ruff: noqa: D103\n")[2]


def is_client(line: str) -> bool:
    return line.startswith(("from tritonclient", "client", "data =", "sample =", "print", "triton.stop"))


def changed(old: list[str], new: list[str]) -> tuple[list[str], list[str]]:
    """Lines that are gone and lines that are new; those that only moved are neither."""
    return list((Counter(old) - Counter(new)).elements()), list((Counter(new) - Counter(old)).elements())


def test_at_most_ten_lines_are_changed():
    lines = [line for line in program().splitlines() if line]
    # To serve, however one counts: what is gone, what is new.
    gone, new = changed(SERVES, [line for line in lines if not is_client(line)])
    assert 0 < max(len(gone), len(new)) <= MOST_CHANGED
    # With another client's lines, which is no part of triton_lite: what one has to write.
    _, new = changed([*SERVES, *ASKS], lines)
    assert 0 < len(new) <= MOST_CHANGED


def test_the_whole_program():
    free = {f"TRITON_LITE_{name}_PORT": "0" for name in ("HTTP", "GRPC", "METRICS")}
    done = run_script(sys.executable, PORT, **free)
    assert (done.returncode, done.stdout) == (0, "{'result': array([-1., -2.], dtype=float32)}\n"), done.stderr


def test_over_both_protocols(monkeypatch: pytest.MonkeyPatch):
    for name in ("HTTP", "GRPC", "METRICS"):
        monkeypatch.setenv(f"TRITON_LITE_{name}_PORT", "0")
    names: dict = {}
    exec(compile(program().partition("\nclient = ")[0], PORT, "exec"), names)
    serving = names["serving"]
    try:
        for kind, port in ((tritonclient.http, serving.http_port), (tritonclient.grpc, serving.grpc_port)):
            with kind.InferenceServerClient(f"localhost:{port}") as client:
                sent = kind.InferInput("data", [2, 3], "FP32")
                value = np.arange(6, dtype=np.float32).reshape(2, 3)
                sent.set_data_from_numpy(value)
                assert np.array_equal(client.infer("Linear", [sent]).as_numpy("result"), -value)
                assert client.get_model_metadata("Linear")
    finally:
        names["triton"].stop()

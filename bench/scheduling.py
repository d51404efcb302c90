"""What the dynamic batcher costs and gives, and who waits for whom under overload; builds and runs the native loops."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from bench import inprocess, threads
from triton_lite.engine.onnxruntime_library import find_library


def report(rounds: int, seconds: float) -> str:
    """Run schedule_bench on an MLP written for it. Returns its lines."""
    program = inprocess.build("schedule_bench")
    with tempfile.TemporaryDirectory() as folder:
        mlp = Path(folder) / "mlp.onnx"
        threads.write_mlp(mlp, rows=None)
        command = [str(program), str(find_library()), str(inprocess.MODEL), str(mlp), str(rounds), str(seconds)]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

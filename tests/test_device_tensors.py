"""Tensors on a GPU for an engine in the same process: DLPack and the CUDA array interface, with the fake driver."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from device_tensor_cases import CASES
from fake_cuda import Control
from golden_server import make_models


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_models(tmp_path_factory.mktemp("device_tensors"))


@pytest.mark.parametrize("name", CASES)
def test_device_tensors(repository: Path, tmp_path: Path, name: str) -> None:
    control = Control(tmp_path / "control")
    program = [sys.executable, str(Path(__file__).with_name("device_tensor_cases.py")), name, str(repository)]
    environment = os.environ | control.environment()
    done = subprocess.run(program, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr[-3000:]

"""What the engine finds on its machine: ONNX Runtime's library and GPUs."""

import importlib.machinery
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from triton_lite.engine import cuda_libraries, devices, onnxruntime_library
from triton_lite.errors import Code, TritonError


def at(monkeypatch, *locations):
    spec = importlib.machinery.ModuleSpec("onnxruntime", None, is_package=True)
    spec.submodule_search_locations = [str(one) for one in locations]
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec if locations else None)


def test_finds_the_library_without_importing_the_package():
    program = (
        "import sys; from triton_lite.engine.onnxruntime_library import find_library; print(find_library());"
        "sys.exit('onnxruntime' in sys.modules or 'numpy' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert Path(result.stdout.strip()).is_file()


def test_says_what_to_install(monkeypatch, tmp_path):
    at(monkeypatch)
    with pytest.raises(TritonError, match=r"ONNX Runtime is not installed; install it with `pip install onnx") as error:
        onnxruntime_library.find_library()
    assert error.value.code is Code.UNAVAILABLE
    at(monkeypatch, tmp_path)
    with pytest.raises(TritonError, match=r"has no capi/libonnxruntime.so"):
        onnxruntime_library.find_library()


def test_gpus(monkeypatch, tmp_path):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(cuda_libraries, "available", lambda: True)
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm"):
        (tmp_path / name).touch()
    assert devices.find_gpus(str(tmp_path)) == {0, 1}
    for visible, expected in (("1", {0}), ("", set()), ("-1", set()), ("0,1,2", {0, 1})):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        assert devices.find_gpus(str(tmp_path)) == expected
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setenv("TRITON_SERVER_CPU_ONLY", "1")
    assert devices.find_gpus(str(tmp_path)) == set()
    monkeypatch.delenv("TRITON_SERVER_CPU_ONLY")
    monkeypatch.setattr(cuda_libraries, "available", lambda: False)
    assert devices.find_gpus(str(tmp_path)) == set()
    assert devices.find_gpus(str(tmp_path / "none")) == set()


def test_cuda_libraries_of_packages(monkeypatch, tmp_path):
    """As the packages for CUDA 12 (a folder for each library) and 13 (one for all) have them."""
    for path in ("cublas/lib/libcublas.so.12", "cublas/lib/libcublasLt.so.12", "cudnn/lib/libcudnn.so.9"):
        (tmp_path / "twelve" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "twelve" / path).touch()
    (tmp_path / "thirteen/cu13/lib").mkdir(parents=True)
    (tmp_path / "thirteen/cu13/lib/libcudart.so.13").touch()
    at(monkeypatch, tmp_path / "twelve", tmp_path / "thirteen")
    names = ["libcudart.so.13", "libcublasLt.so.12", "libcublas.so.12", "libcudnn.so.9"]
    assert [Path(path).name for path in cuda_libraries.find()] == names
    assert cuda_libraries.available()
    at(monkeypatch)
    assert cuda_libraries.find() == []


def test_a_cuda_library_that_is_none_is_only_told(monkeypatch, tmp_path, caplog):
    (tmp_path / "cudnn/lib").mkdir(parents=True)
    (tmp_path / "cudnn/lib/libcudnn.so.9").touch()
    at(monkeypatch, tmp_path)
    cuda_libraries.load.cache_clear()
    cuda_libraries.load()
    cuda_libraries.load.cache_clear()
    assert "libcudnn.so.9" in caplog.text

"""Backends that are written in Python (`backends/`), and models of them (`based/`): servers over them, and a table of
requests.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from server_process import ServerProcess, environment, free_ports, serve, started

from python_models import calls
from python_models.calls import Address, Answer, Call
from python_models.live import address_of
from python_models.table import FOLDER

EXPECTED = FOLDER / "expected_based.json"
_LIBRARY = re.compile(r"(/\S+/python)/libtriton_python\.so")


def _copied(folder: Path) -> tuple[Path, Path]:
    ignore = shutil.ignore_patterns("__pycache__", ".gitkeep")
    repository, backends = folder / "repository", folder / "backends"
    shutil.copytree(FOLDER / "based", repository, ignore=ignore)
    shutil.copytree(FOLDER / "backends", backends, ignore=ignore)
    return repository, backends


def _arguments(repository: Path, backends: Path) -> list[str]:
    options = ["--model-control-mode=explicit", f"--backend-directory={backends}"]
    return [f"--model-repository={repository}", *options, "--load-model=plus", "--load-model=times"]


@contextlib.contextmanager
def ours(folder: Path) -> Iterator[Address]:
    """`triton-lite serve`, ready."""
    repository, backends = _copied(folder)
    with serve(*_arguments(repository, backends)) as server:
        yield address_of(server, [repository, backends])


@contextlib.contextmanager
def triton(oracle: Path, folder: Path) -> Iterator[Address]:
    """The real Triton, ready: `oracle` is its program. Its own Python backend joins those of the folder."""
    repository, backends = _copied(folder)
    (backends / "python").symlink_to(_python_backend(oracle, folder))
    with _started(oracle, _arguments(repository, backends)) as server:
        yield address_of(server, [repository, backends])


def _python_backend(oracle: Path, folder: Path) -> str:
    """The folder of Triton's own Python backend, which it tells when it has one to load a model for."""
    models = folder / "models"
    shutil.copytree(FOLDER / "repository" / "add_sub", models / "add_sub")
    options = [f"--model-repository={models}", "--model-control-mode=explicit", "--load-model=add_sub"]
    with _started(oracle, options) as server:
        found = _LIBRARY.search(server.text())
    assert found is not None, f"Triton does not say where its Python backend is:\n{server.text()}"
    return found.group(1)


def _started(oracle: Path, options: list[str]) -> contextlib.AbstractContextManager[ServerProcess]:
    ports = free_ports(3)
    flags = [f"--{name}-port={port}" for name, port in zip(("http", "grpc", "metrics"), ports, strict=True)]
    return started([str(oracle), *options, *flags], environment(), ports)


def ask(address: Address) -> dict[str, list[Answer]]:
    """The whole table: name -> answers."""
    sides = {"LEFT": np.array([1, 2], np.float32), "RIGHT": np.array([10, 20], np.float32)}
    batch = {name: np.stack([side, side + 1]) for name, side in sides.items()}
    answers: dict[str, list[Answer]] = {}
    for name in ("given", "refuse", "no_file", "no_operation", "no_backend", "no_code", "other_runtime", "of_python"):
        answers[f"{name}/load"] = calls.over_path(address, f"/v2/repository/models/{name}/load", {})
    answers["in_the_model/load"] = calls.over_path(address, "/v2/repository/models/in_the_model/load", {})
    override = {"parameters": {"config": json.dumps({"backend": "arithmetic", "max_batch_size": 0})}}
    answers["in_the_model/override"] = calls.over_path(address, "/v2/repository/models/in_the_model/load", override)
    for name in ("plus", "times", "given", "in_the_model"):
        answers[f"{name}/config"] = calls.over_path(address, f"/v2/models/{name}/config")
        answers[f"{name}/metadata"] = calls.over_path(address, f"/v2/models/{name}")
    asked = [Call("plus", sides), Call("given", sides, ("OUT",)), Call("refuse", sides), Call("plus", batch)]
    asked += [Call("times", batch, options={"model_version": version}) for version in ("1", "2")]
    for way, over in (("http", calls.over_http), ("grpc", calls.over_grpc)):
        answers[f"infer/{way}"] = over(address, asked)
    answers["plus/unload"] = calls.over_path(address, "/v2/repository/models/plus/unload", {})
    return json.loads(json.dumps(answers))

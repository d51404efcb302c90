"""Servers over the models: ours, and the real Triton."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

from server_process import ServerProcess, environment, free_ports, serve, started

from python_models.calls import Address, Answer
from python_models.table import FOLDER, cases, models

EXPECTED = FOLDER / "expected.json"


def copied(folder: Path) -> list[Path]:
    """The repositories, copied to `folder` (models may leave compiled files)."""
    ignore = shutil.ignore_patterns("__pycache__")
    copies = [folder / name for name in ("repository", "broken")]
    for copy in copies:
        shutil.copytree(FOLDER / copy.name, copy, ignore=ignore)
    for empty in folder.rglob(".gitkeep"):
        empty.unlink()
    (folder / "broken" / "syntax" / "1" / "model.py").write_text("class TritonPythonModel\n")
    return copies


def arguments(repositories: list[Path]) -> list[str]:
    """Options of the server, ours or Triton's."""
    options = [f"--model-repository={repository}" for repository in repositories]
    options += ["--model-control-mode=explicit", "--rate-limit=execution_count", "--rate-limit-resource=line:1"]
    return options + [f"--load-model={name}" for name in models(repositories[0])]


def address_of(server: ServerProcess, repositories: list[Path]) -> Address:
    """Where a server listens; the names of its folders stand for them in answers."""
    folders = {str(repository): f"<{repository.name}>" for repository in repositories}
    return Address(server.http, server.grpc, f"127.0.0.1:{server.metrics_port}", folders)


@contextlib.contextmanager
def ours(folder: Path) -> Iterator[tuple[ServerProcess, Address]]:
    """`triton-lite serve`, ready."""
    repositories = copied(folder)
    with serve(*arguments(repositories)) as server:
        yield server, address_of(server, repositories)


@contextlib.contextmanager
def triton(oracle: Path, folder: Path) -> Iterator[tuple[ServerProcess, Address]]:
    """The real Triton, ready: `oracle` is its program."""
    repositories = copied(folder)
    ports = free_ports(3)
    flags = [f"--{name}-port={port}" for name, port in zip(("http", "grpc", "metrics"), ports, strict=True)]
    with started([str(oracle), *arguments(repositories), *flags], environment(), ports) as server:
        yield server, address_of(server, repositories)


def ask(address: Address) -> dict[str, list[Answer]]:
    """The whole table: name of the case -> answers."""
    answers: dict[str, list[Answer]] = {}
    for case in cases():
        assert case.name not in answers, case.name
        try:
            answers[case.name] = json.loads(json.dumps(case.run(address)))
        except Exception as error:
            error.add_note(f"in the case {case.name}")
            raise
    return answers

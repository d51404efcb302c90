"""Spoiled label files, and names of them: labels line by line, or a TritonError; never a file outside of the model.

As many as a printed seed gives in seconds; with --long 1,000,000 (docs/fuzzing.md).
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from mutations import Mutations

from triton_lite.errors import TritonError
from triton_lite.proto import messages
from triton_lite.repository import labels as label_files
from triton_lite.repository.labels import read_labels
from triton_lite.repository.source import ModelSource

CONTENTS = ["zero\none\ntwo\n", "", "\n", "a\r\nb\r\n", "caf\u00e9 \u2028 x\ny", "\ufeffa\n" * 30]
NAMES = ["labels.txt", "sub/labels.txt", "../outside.txt", "./labels.txt", "sub/../labels.txt", "/etc/passwd"]
TOKENS = ["/", "..", "../", "\0", "\n", "\r", ".", "~", "//", "\u2028", "x" * 300, "sub/", "%2e%2e/", "labels.txt", " "]


@pytest.fixture
def source(tmp_path: Path) -> ModelSource:
    (tmp_path / "m" / "sub").mkdir(parents=True)
    (tmp_path / "outside.txt").write_text("a secret")
    (tmp_path / "m" / "labels.txt").write_text("a\nb\n")
    return ModelSource("m", str(tmp_path), str(tmp_path / "m"))


def read(source: ModelSource, name: str) -> list[str]:
    config = messages.ModelConfig(name="m")
    config.output.add(name="O", label_filename=name)
    return read_labels(config, source).get("O", [])


def bytes_of(contents: Iterator[str], seed: int) -> Iterator[bytes]:
    chosen = random.Random(seed)
    for content in contents:
        spoiled = bytearray(content.encode())
        spoiled.insert(chosen.randint(0, len(spoiled)), chosen.randrange(256))
        yield bytes(spoiled)


@pytest.mark.timeout(7200)
def test_contents(source: ModelSource, mutation_count: int, mutation_seed: int) -> None:
    path = Path(source.directory) / "labels.txt"
    for content in bytes_of(Mutations(mutation_seed, CONTENTS, TOKENS).take(mutation_count), mutation_seed):
        path.write_bytes(content)
        labels = read(source, "labels.txt")
        assert len(labels) == content.removesuffix(b"\n").count(b"\n") + 1
        assert "\n".join(labels) == content.decode(errors="replace").removesuffix("\n")


@pytest.mark.timeout(7200)
def test_names(source: ModelSource, mutation_count: int, mutation_seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    def watched(path: str, **options: str) -> str:
        opened.append(path)
        return label_files_read(path, **options)

    label_files_read = label_files.read_text
    monkeypatch.setattr(label_files, "read_text", watched)
    found = 0
    for name in Mutations(mutation_seed, NAMES, TOKENS, longest=600).take(mutation_count):
        try:
            labels = read(source, name)
        except TritonError as error:
            assert error.text
        else:
            assert labels == (["a", "b"] if name else [])
            found += 1
    assert 0 < found < mutation_count
    assert opened
    assert all(os.path.normpath(path).startswith(source.directory + "/") for path in opened)

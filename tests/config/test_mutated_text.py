"""Spoiled configurations: each is read or refused with a ConfigError that says where, and nothing else happens.

As many as a printed seed gives in seconds; with --long 1,000,000 of each form (docs/fuzzing.md).
"""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from google.protobuf import text_format
from mutations import Mutations
from test_rules import check_config

from triton_lite import _native
from triton_lite.config import quick_text, text
from triton_lite.config.error import ConfigError, field_name
from triton_lite.config.json_form import to_json
from triton_lite.config.json_input import from_json
from triton_lite.config.position import strange
from triton_lite.config.spec import VersionFiles, model_spec
from triton_lite.proto import messages, pool

TESTS = Path(__file__).resolve().parents[1]
SOURCES = [*TESTS.glob("config/invalid/*.pbtxt"), *TESTS.parent.glob("models/*/config.pbtxt")]
SOURCES += [*TESTS.glob("*_models/**/config.pbtxt"), *TESTS.parent.glob("examples/**/config.pbtxt")]
TEXTS = [path.read_text() for path in sorted(SOURCES)]

TOKENS = [*"{}[]<>:;,'\"\\#-+.\n\0é", "name", "input", "output", "dims", "key", "value", "reshape { shape: [ ] }"]
TOKENS += ["max_batch_size: 8", "sequence_batching { ", "dynamic_batching { }", "ensemble_scheduling { step { } }"]
TOKENS += ["instance_group", "model_warmup { ", "TYPE_FP32", "TYPE_STRING", "KIND_GPU", "999", "-1", "0x1F", "1e999"]
TOKENS += ["9" * 40, "18446744073709551615", "nan", "inf", "true", "'\\777'", '"\\ud800"', "\u2028", "[a.b/c.D] { }"]
TOKENS += ["null", '"":', '"a":{', "[[", "backend: 'onnxruntime'", "platform: 'ensemble'", "{ " * 120, "[" * 120]

JSON_TEXTS = [(TESTS / "config" / "json_input.json").read_text()]

FILES = VersionFiles(1, "/models/m/1", "/models/m/1/model.onnx")


def check_place(error: ConfigError, content: str) -> None:
    """What is said is short, and the place is one of the text."""
    assert error.text
    assert len(error.advice()) < 4000
    assert isinstance(field_name(error.field), str)
    assert 0 <= error.line <= len(content.split("\n"))
    assert error.column >= 0


def check_quick(content: str) -> None:
    """The quick reader answers only what protobuf answers, and the same."""
    quick = quick_text.parse(content)
    if quick is not None:
        assert strange(content) is None
        config = messages.ModelConfig()
        text_format.Parse(content, config, descriptor_pool=pool.get())
        # Not by ==, to which a NaN is not equal.
        assert quick.SerializeToString(deterministic=True) == config.SerializeToString(deterministic=True)


def check_read(config: messages.ModelConfig, content: str) -> None:
    """A configuration that could be read is taken or refused, can be shown, and makes a specification."""
    json.dumps(to_json(config))
    try:
        check_config(config, "m")
    except ConfigError as error:
        check_place(text.placed(error, "config.pbtxt", content), content)
        return
    model_spec(_native, config, FILES, {}, {})


@pytest.mark.timeout(7200)
def test_text_is_read_or_refused(mutation_count: int, mutation_seed: int) -> None:
    read = 0
    for content in Mutations(mutation_seed, TEXTS, TOKENS).take(mutation_count):
        try:
            check_quick(content)
            try:
                config = text.parse(content, "config.pbtxt")
            except ConfigError as error:
                assert error.text == "failed to read text proto from config.pbtxt"
                assert error.path == "config.pbtxt"
                check_place(error, content)
            else:
                read += 1
                check_read(config, content)
        except Exception:
            print(repr(content))
            raise
    assert 0 < read < mutation_count


@pytest.mark.timeout(7200)
def test_bytes_are_read_or_refused(mutation_count: int, mutation_seed: int, tmp_path: Path) -> None:
    path = tmp_path / "config.pbtxt"
    chosen = random.Random(mutation_seed)
    for content in Mutations(mutation_seed, TEXTS, TOKENS).take(mutation_count // 10):
        spoiled = bytearray(content.encode())
        for _ in range(chosen.randint(1, 3)):
            spoiled[chosen.randint(0, len(spoiled)) :][:1] = bytes([chosen.randrange(256)])
            spoiled.insert(chosen.randint(0, len(spoiled)), chosen.randrange(256))
        path.write_bytes(spoiled)
        try:
            text.read(str(path))
        except ConfigError as error:
            assert error.path == str(path)
            assert error.text == f"failed to read text proto from {path}"


@pytest.mark.timeout(7200)
def test_json_is_read_or_refused(mutation_count: int, mutation_seed: int) -> None:
    read = 0
    for content in Mutations(mutation_seed, [*JSON_TEXTS, *shown()], TOKENS).take(mutation_count):
        try:
            try:
                config = from_json(content)
            except ConfigError as error:
                assert error.text
                field_name(error.field)
            else:
                read += 1
                assert isinstance(config, messages.ModelConfig)
        except Exception:
            print(repr(content))
            raise
    assert 0 < read < mutation_count


def shown() -> list[str]:
    """The configurations as JSON."""
    texts = []
    for content in TEXTS:
        try:
            texts.append(json.dumps(to_json(text.parse(content, ""))))
        except ConfigError:
            continue  # Refused by the reader already.
    return texts

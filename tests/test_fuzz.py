"""Runs the fuzz targets of tests/native/fuzz: over the stored inputs, and over new ones (docs/fuzzing.md).

A build of their own, so only with --sanitize. With --long 1,000,000 inputs for each target, from a printed seed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from native_programs import ROOT, build_fuzzers

FUZZ = ROOT / "tests" / "native" / "fuzz"
TARGETS = sorted(source.stem.removesuffix("_fuzz") for source in FUZZ.glob("*_fuzz.cc"))
READS_JSON = {"generate", "http_infer", "json"}
INPUTS = 10_000
LONG_INPUTS = 1_000_000

# A size that no memory has is refused, as it is without the sanitizer.
ENVIRONMENT = {**os.environ, "ASAN_OPTIONS": "allocator_may_return_null=1:max_allocation_size_mb=1024"}


def has_libfuzzer(folder: Path) -> bool:
    """Whether clang++ is there with its run-time libraries, which Debian has in a package of their own."""
    if shutil.which("clang++") is None:
        return False
    source = folder / "empty.cc"
    source.write_text('extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }')
    command = ["clang++", "-fsanitize=fuzzer,address,undefined", str(source), "-o", str(folder / "empty")]
    return subprocess.run(command, capture_output=True, timeout=100).returncode == 0


@pytest.fixture(scope="session")
def fuzzes(tmp_path_factory: pytest.TempPathFactory) -> bool:
    return has_libfuzzer(tmp_path_factory.mktemp("libfuzzer"))


@pytest.fixture(scope="session")
def programs(request: pytest.FixtureRequest, fuzzes: bool) -> Path:
    if not request.config.getoption("--sanitize"):
        pytest.skip("only with --sanitize")
    return build_fuzzers("clang++" if fuzzes else "c++")


def run(command: list[str], seconds: int) -> str:
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=seconds, env=ENVIRONMENT)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-12000:]
    return done.stdout + done.stderr


@pytest.mark.timeout(1300)
@pytest.mark.parametrize("target", TARGETS)
def test_stored_inputs(programs: Path, fuzzes: bool, target: str) -> None:
    stored = FUZZ / "corpus" / target
    inputs = sorted(str(path) for path in stored.iterdir())
    said = run([str(programs / f"fuzz_{target}"), *inputs], 300)
    # libFuzzer names each file that it runs; ours counts them.
    assert said.count("Executed ") == len(inputs) if fuzzes else f"Replayed {len(inputs)} inputs." in said


@pytest.mark.timeout(7300)
@pytest.mark.parametrize("target", TARGETS)
def test_new_inputs(request: pytest.FixtureRequest, programs: Path, fuzzes: bool, target: str, tmp_path: Path) -> None:
    if not fuzzes:
        pytest.skip("needs clang++ with libFuzzer (Debian: clang and libclang-rt-dev)")
    is_long = request.config.getoption("--long")
    count = LONG_INPUTS if is_long else INPUTS
    options = [f"-runs={count}", f"-seed={0 if is_long else 1}", "-max_len=1024", "-timeout=1200"]  # Seed 0: any.
    options += [f"-artifact_prefix={tmp_path}/", "-print_final_stats=1"]
    options += [f"-dict={FUZZ / 'json.dict'}"] if target in READS_JSON else []
    found = tmp_path / "found"
    found.mkdir()
    said = run([str(programs / f"fuzz_{target}"), *options, str(found), str(FUZZ / "corpus" / target)], 7200)
    print(said)
    assert f"stat::number_of_executed_units: {count}" in said

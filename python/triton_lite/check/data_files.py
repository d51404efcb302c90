"""Checks the data that a configuration takes from files: warm-up samples and initial states of sequences."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from triton_lite.check.finding import Findings
from triton_lite.check.model import Candidate
from triton_lite.config import datatypes
from triton_lite.config.error import ConfigError, FieldPath
from triton_lite.config.rules import warmup
from triton_lite.config.signature import shape_text
from triton_lite.proto import messages
from triton_lite.repository.source import inside

_SIZES = {"BOOL": 1, "UINT8": 1, "UINT16": 2, "UINT32": 4, "UINT64": 8, "INT8": 1, "INT16": 2, "INT32": 4, "INT64": 8}
_SIZES |= {"FP16": 2, "BF16": 2, "FP32": 4, "FP64": 8}


def check_data_files(candidate: Candidate, findings: Findings) -> None:
    """Check the files of model_warmup and of initial states, and what warm-up says of the inputs."""
    config = candidate.config
    if config is None:
        return
    for index, sample in enumerate(config.model_warmup):
        _check_sample(candidate, index, sample, findings)
    for at, state in enumerate(config.sequence_batching.state):
        for index, initial in enumerate(state.initial_state):
            if initial.data_file:
                field = ("sequence_batching", "state", at, "initial_state", index, "data_file")
                _check_file(candidate, "initial_state", initial.data_file, _size(initial), field, findings)


def _check_sample(candidate: Candidate, index: int, sample: messages.Message, findings: Findings) -> None:
    config = candidate.config
    assert config is not None
    _check_batch_size(candidate, index, sample, findings)
    if not sample.batch_size:
        return
    inputs = {tensor.name: tensor for tensor in config.input}
    controls = {tensor.name for tensor in config.sequence_batching.control_input}
    unknown = [name for name in sorted(sample.inputs) if inputs and name not in inputs and name not in controls]
    for name, given in sorted(sample.inputs.items()):
        sampled = _Sampled(candidate, index, sample.name, name, findings)
        if name in unknown:
            sampled.report(
                "is none of the model's",
                expected="inputs among " + ", ".join(inputs),
                write=f'key: "{next(iter(inputs))}"',
            )
        elif name in inputs:
            _check_tensor(sampled, given, inputs[name])
        _check_data(sampled, given)
    missing = [name for name in inputs if name not in sample.inputs and not inputs[name].optional]
    for name in missing if not unknown else ():
        _Sampled(candidate, index, sample.name, name, findings).report(
            "is missing", expected="every input of the model", write=f'inputs {{ key: "{name}" value {{ … }} }}'
        )


def _check_batch_size(candidate: Candidate, index: int, sample: messages.Message, findings: Findings) -> None:
    assert candidate.config is not None
    largest = max(candidate.config.max_batch_size, 1)
    field = ("model_warmup", index, "batch_size")
    prefix = f"warmup sample '{sample.name}' of model '{candidate.source.name}'"
    if sample.batch_size > largest:
        error = ConfigError(
            f"{prefix} has batch size {sample.batch_size}, the largest batch is {largest}",
            field=field,
            expected=f"a batch size up to {largest}",
            write=f"batch_size: {largest}",
        )
        candidate.add(error, findings)
    elif not sample.batch_size:
        error = ConfigError(f"{prefix} has no batch size: nothing is run", field=field, write="batch_size: 1")
        findings.of_config(error, candidate.document, severity="warning")


@dataclass(frozen=True)
class _Sampled:
    """One input of one warm-up sample, and where findings about it go."""

    candidate: Candidate
    index: int
    sample: str
    name: str
    findings: Findings

    def report(self, what: str, *, expected: str, write: str) -> None:
        model = self.candidate.source.name
        text = f"input '{self.name}' of warmup sample '{self.sample}' of model '{model}' {what}"
        self.add(ConfigError(text, expected=expected, write=write))

    def add(self, error: ConfigError) -> None:
        error.field = ("model_warmup", self.index, "inputs")
        self.candidate.add(_at(error, _place(self.candidate, self.name, error.field)), self.findings)


def _check_tensor(sampled: _Sampled, given: messages.Message, stated: messages.Message) -> None:
    wanted = datatypes.config_name(stated.data_type)
    if given.data_type != stated.data_type:
        found = datatypes.config_name(given.data_type)
        sampled.report(f"is {found}, the model takes {wanted}", expected=wanted, write=f"data_type: {wanted}")
    dims, wide = list(given.dims), list(stated.dims)
    fits = len(dims) == len(wide) and all(a in (b, -1) or b == -1 for a, b in zip(dims, wide, strict=True))
    if not fits:
        sampled.report(
            f"has shape {shape_text(dims)}, the model takes {shape_text(wide)}",
            expected="the shape of one element of the batch",
            write=f"dims: {[max(size, 1) for size in wide]}",
        )


def _check_data(sampled: _Sampled, given: messages.Message) -> None:
    for rule in (warmup.sizes_are_given, warmup.data_is_given):
        try:
            rule(sampled.name, given)
        except ConfigError as error:
            sampled.add(error)
    if given.WhichOneof("input_data_type") == "input_data_file":
        field = ("model_warmup", sampled.index, "inputs", sampled.name, "input_data_file")
        _check_file(sampled.candidate, "warmup", given.input_data_file, _size(given), field, sampled.findings)


def _check_file(
    candidate: Candidate, folder: str, filename: str, size: int | None, field: FieldPath, findings: Findings
) -> None:
    directory = os.path.join(candidate.source.directory, folder)
    path = inside(directory, filename)
    place = _place(candidate, filename, field)
    if path is None:
        error = ConfigError(
            f"data file '{filename}' is outside of the model's folder {folder}",
            field=field,
            expected=f"a file in {directory}",
            write=f'"{os.path.basename(filename)}"',
        )
        candidate.add(_at(error, place), findings)
        return
    if not os.path.isfile(path):
        error = ConfigError(
            f"failed to open text file for read {path}: No such file or directory",
            field=field,
            expected="a file" + (f" of {size} bytes" if size is not None else ""),
            write=f"cp FILE {path}",
        )
        candidate.add(_at(error, place), findings)
        return
    found = os.path.getsize(path)
    if size is not None and found != size:
        error = ConfigError(
            f"data file '{filename}' has {found} bytes",
            field=field,
            expected=f"{size} bytes, from dims and data_type of one element of the batch",
            write="dims and data_type as the file has them",
        )
        if found < size:
            candidate.add(_at(error, place), findings)
        else:  # The rest is not read.
            findings.of_config(_at(error, place), candidate.document, severity="warning")


def _size(given: messages.Message) -> int | None:
    """Bytes of a tensor; None where its elements have no fixed size."""
    size = _SIZES.get(datatypes.protocol_name(given.data_type))
    dims: Sequence[int] = given.dims
    return None if size is None or any(dim < 0 for dim in dims) else size * prod(dims)


def _place(candidate: Candidate, string: str, field: FieldPath) -> tuple[int, int]:
    """Find a string of the file: keys of a map have no place of their own in the path of a field."""
    text = candidate.document.text
    start = text.find(str(field[0])) if field else 0
    found = re.compile(f"[\"']{re.escape(string)}[\"']").search(text, max(start, 0))
    if found is None:
        return 0, 0
    before = text[: found.start()]
    return before.count("\n") + 1, found.start() - (before.rfind("\n") + 1) + 1


def _at(error: ConfigError, place: tuple[int, int]) -> ConfigError:
    error.line, error.column = place
    return error

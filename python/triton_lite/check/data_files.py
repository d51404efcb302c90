"""Checks the data that a configuration takes from files: warm-up samples and initial states of sequences."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from math import prod

from triton_lite.check.finding import Findings
from triton_lite.check.model import Candidate
from triton_lite.config import datatypes
from triton_lite.config.error import ConfigError, FieldPath
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
    inputs = {tensor.name: tensor for tensor in config.input}
    if sample.batch_size > max(config.max_batch_size, 1):
        error = ConfigError(
            f"warm-up sample '{sample.name}' has batch size {sample.batch_size}, more than the model's"
            f" {config.max_batch_size}",
            field=("model_warmup", index, "batch_size"),
            expected=f"a batch size up to {max(config.max_batch_size, 1)}",
            write=f"batch_size: {max(config.max_batch_size, 1)}",
        )
        candidate.add(error, findings)
    for name, given in sorted(sample.inputs.items()):
        place = _place(candidate, name, ("model_warmup", index, "inputs"))
        if inputs and name not in inputs:
            error = ConfigError(
                f"warm-up sample '{sample.name}' gives input '{name}', which model '{config.name}' does not have",
                field=("model_warmup", index, "inputs"),
                expected="inputs among " + ", ".join(inputs),
                write=f'key: "{next(iter(inputs))}"',
            )
            candidate.add(_at(error, place), findings)
        elif inputs and given.data_type != inputs[name].data_type:
            wanted = datatypes.config_name(inputs[name].data_type)
            error = ConfigError(
                f"warm-up sample '{sample.name}' gives input '{name}' as {datatypes.config_name(given.data_type)},"
                f" the model takes {wanted}",
                field=("model_warmup", index, "inputs"),
                expected=wanted,
                write=f"data_type: {wanted}",
            )
            candidate.add(_at(error, place), findings)
        if given.input_data_file:
            field = ("model_warmup", index, "inputs", name, "input_data_file")
            _check_file(candidate, "warmup", given.input_data_file, _size(given), field, findings)


def _check_file(
    candidate: Candidate, folder: str, filename: str, size: int | None, field: FieldPath, findings: Findings
) -> None:
    directory = os.path.join(candidate.source.directory, folder)
    path = inside(directory, filename)
    text = expected = write = ""
    if path is None:
        text = f"data file '{filename}' is outside of the model's folder {folder}"
        expected = f"a file in {directory}"
        write = f'"{os.path.basename(filename)}"'
    elif not os.path.isfile(path):
        text = f"data file '{filename}' is not there"
        expected = f"a file {path}" + (f" of {size} bytes" if size is not None else "")
        write = f"cp FILE {path}"
    elif size is not None and os.path.getsize(path) != size:
        text = f"data file '{filename}' has {os.path.getsize(path)} bytes"
        expected = f"{size} bytes, from dims and data_type of one element of the batch"
        write = "dims and data_type as the file has them"
    if text:
        error = ConfigError(text, field=field, expected=expected, write=write)
        candidate.add(_at(error, _place(candidate, filename, field)), findings)


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

"""The inputs of one request as arrays: those that the user gives, and random data for the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from triton_lite.cli.model.usage_error import UsageError
from triton_lite.errors import TritonError
from triton_lite.tensors import datatype_of

Array = np.ndarray[Any, Any]
Given = dict[str, tuple[str, Array]]
"""Datatype of the protocol and array, by name of the input."""


def arrays(
    stated: Mapping[str, Mapping[str, Any]],
    content: Mapping[str, Any],
    npy: Sequence[str],
    shapes: Sequence[str],
    seed: int,
) -> Given:
    """Gather the inputs.

    stated: the model's inputs by name, as its metadata says. content: nested lists by name. npy: NAME=FILE. shapes:
    NAME:SIZES of random data, for inputs that are not given. Raises UsageError for what no input can be.
    """
    wanted = _shapes(shapes)
    given: Given = {name: _of_list(name, _known(stated, name), value) for name, value in content.items()}
    for entry in npy:
        name, equals, path = entry.partition("=")
        if not equals:
            raise UsageError(f"--npy {entry}: expected NAME=FILE, as X=x.npy")
        given[name] = _of_file(_known(stated, name), path)
    for name in wanted:
        _known(stated, name)
        if name in given:
            raise UsageError(f"--shape {name}: the input is given; --shape is for random data")
    random = np.random.default_rng(seed)
    for name, tensor in stated.items():
        if name not in given and not (given and tensor.get("optional")):
            shape = wanted.get(name) or [1 if size < 0 else size for size in tensor["shape"]]
            given[name] = (tensor["datatype"], _random(random, tensor["datatype"], shape))
    return given


def _known(stated: Mapping[str, Mapping[str, Any]], name: str) -> Mapping[str, Any]:
    if name not in stated:
        raise UsageError(f"the model has no input {name!r}; write one of {', '.join(stated)}")
    return stated[name]


def _shapes(given: Sequence[str]) -> dict[str, list[int]]:
    shapes = {}
    for entry in given:
        name, _, sizes = entry.rpartition(":")
        try:
            shapes[name] = [int(size) for size in sizes.split(",")]
        except ValueError:
            raise UsageError(f"--shape {entry}: expected NAME:SIZES, as X:1,3,224,224") from None
        if not name or min(shapes[name]) < 0:
            raise UsageError(f"--shape {entry}: expected NAME:SIZES, as X:1,3,224,224")
    return shapes


def _of_list(name: str, tensor: Mapping[str, Any], value: Any) -> tuple[str, Array]:
    datatype = tensor["datatype"]
    try:
        if datatype == "BYTES":
            array = np.asarray(value, dtype=object)
            return datatype, np.vectorize(lambda item: str(item).encode(), otypes=[object])(array)
        if datatype == "BF16":
            return datatype, _bfloat16(np.asarray(value, np.float32))
        return datatype, np.asarray(value).astype(_dtype(datatype))
    except (ValueError, TypeError, OverflowError) as error:
        raise UsageError(f"input {name!r}: not a {datatype} tensor: {error}") from None


def _of_file(tensor: Mapping[str, Any], path: str) -> tuple[str, Array]:
    try:
        array: Array = np.load(path, allow_pickle=False)
        return datatype_of(array), array
    except OSError as error:
        raise UsageError(f"--npy: cannot read {path}: {error.strerror or error}") from None
    except (ValueError, TritonError) as error:
        raise UsageError(f"--npy {path}: {error}; expected a {tensor['datatype']} array of numpy.save") from None


def _random(random: np.random.Generator, datatype: str, shape: Sequence[int]) -> Array:
    """Random data that most models take: 0 to 1, small whole numbers, short words."""
    if datatype == "BYTES":
        numbers = random.integers(0, 1000, shape)
        words: Array = np.vectorize(lambda number: f"word{number}".encode(), otypes=[object])(numbers)
        return words
    if datatype == "BF16":
        return _bfloat16(random.random(shape, np.float32))
    dtype = _dtype(datatype)
    if dtype.kind == "f":
        fractions: Array = random.random(shape, np.float32).astype(dtype)
        return fractions
    whole: Array = random.integers(0, 2 if dtype.kind == "b" else 10, shape).astype(dtype)
    return whole


def _dtype(datatype: str) -> np.dtype[Any]:
    """The numpy type of a datatype of fixed size. Raises TypeError for one that numpy does not have."""
    return np.dtype(datatype.lower().replace("fp", "float"))


def _bfloat16(values: Array) -> Array:
    """Cut FP32 to the upper 16 bits of each."""
    return (np.ascontiguousarray(values, np.float32).view(np.uint32) >> 16).astype(np.uint16)

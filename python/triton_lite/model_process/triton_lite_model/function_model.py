"""A model made of a plain function: called with numpy arrays by the names of inputs, its arrays are the outputs.

It has the methods of a model's class, so that an instance runs it like any other.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Callable, NamedTuple

import numpy as np

from .datatypes import BF16, BF16_CARRIER, NUMPY_DTYPES, STRING
from .errors import INTERNAL_STATUS, Refusal, TritonError, code_of, describe
from .inference_response import FailedResponse, InferenceResponse
from .response_sender import COMPLETE_FINAL
from .tensor import Tensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .datatypes import Array
    from .inference_request import InferenceRequest
    from .response_sender import InferenceResponseSender

_TEXTS = "OSU"
_LOOK_AGAIN = 0.01


class Output(NamedTuple):
    """One output as it was declared. dims: without the batch dimension, -1 for any size."""

    name: str
    datatype: int
    dims: tuple[int, ...]


class Function:
    """What all kinds have in common.

    batched: arrays have a batch dimension. status_of: tells code (gRPC's) and text of an exception that has them.
    """

    def __init__(
        self,
        name: str,
        function: Callable[..., Any],
        outputs: Sequence[Output],
        *,
        batched: bool,
        status_of: Callable[[BaseException], tuple[int, str] | None],
        log_error: Callable[[str], None],
    ) -> None:
        self._name = name
        self._function = function
        self._outputs = outputs
        self._names = {output.name for output in outputs}
        self._batched = batched
        self._status_of = status_of
        self._log_error = log_error

    def _groups(self, requests: list[InferenceRequest]) -> list[list[int]]:
        """Return which requests go into one call: those with the same inputs, since some may be left out."""
        if len(requests) == 1 or not self._batched:
            return [[index] for index in range(len(requests))]
        groups: dict[tuple[str, ...], list[int]] = {}
        for index, request in enumerate(requests):
            groups.setdefault(tuple(sorted(tensor.name() for tensor in request.inputs())), []).append(index)
        return list(groups.values())

    def _gather(self, requests: list[InferenceRequest]) -> tuple[dict[str, Array], list[int]]:
        """Return the arguments of a call, and how many rows of them are each request's."""
        first = requests[0].inputs()
        if len(requests) == 1:
            arguments = {tensor.name(): _array(tensor) for tensor in first}
            return arguments, [_rows(first) if self._batched else 0]
        parts: dict[str, list[Array]] = {tensor.name(): [] for tensor in first}
        for request in requests:
            for tensor in request.inputs():
                parts[tensor.name()].append(_array(tensor))
        sizes = [_rows(request.inputs()) for request in requests]
        return {name: np.concatenate(arrays) for name, arrays in parts.items()}, sizes

    def _scatter(self, result: Any, sizes: list[int]) -> list[InferenceResponse]:
        """Return the responses to the requests of a call."""
        arrays = self._check(result, sum(sizes) if self._batched else None)
        if len(sizes) == 1:
            return [_response(self._outputs, arrays)]
        responses = []
        start = 0
        for size in sizes:
            end = start + size
            responses.append(_response(self._outputs, [array[start:end] for array in arrays]))
            start = end
        return responses

    def _check(self, result: Any, rows: int | None, *, any_rows: bool = False) -> list[Array]:
        """Return the arrays of the outputs in their order."""
        return [
            self._array_of(output, value, rows, any_rows) for output, value in zip(self._outputs, self._values(result))
        ]

    def _values(self, result: Any) -> list[Any]:
        """Return what a call gave for each output."""
        outputs = self._outputs
        if isinstance(result, dict):
            if result.keys() != self._names:
                raise Refusal(
                    f"function '{self._name}' returned the outputs {sorted(map(str, result))}, declared are "
                    f"{sorted(self._names)}"
                )
            return [result[output.name] for output in outputs]
        if not isinstance(result, (list, tuple)):
            if result is None or len(outputs) != 1:
                raise Refusal(
                    f"function '{self._name}' returned {type(result).__name__}, not a dict, list or tuple of its "
                    f"{len(outputs)} outputs" + (" or an array" if len(outputs) == 1 else "")
                )
            return [result]
        if len(result) != len(outputs):
            raise Refusal(f"function '{self._name}' returned {len(result)} outputs, declared are {len(outputs)}")
        return list(result)

    def _array_of(self, output: Output, value: Any, rows: int | None, any_rows: bool) -> Array:
        array = self._typed(output, value)
        shape, dims = array.shape, output.dims
        rest = shape[1:] if self._batched else shape
        batched = self._batched and len(shape) > 0
        if len(rest) != len(dims) or self._batched != batched or any(d not in (-1, s) for d, s in zip(dims, rest)):
            expected = (("batch", *dims) if self._batched else dims) if dims or self._batched else ()
            text = ", ".join(str(size) for size in expected)
            raise Refusal(
                f"output '{output.name}' of function '{self._name}' has the shape {list(shape)}, declared is [{text}]"
            )
        if rows is not None and not any_rows and shape[0] != rows:
            raise Refusal(
                f"output '{output.name}' of function '{self._name}' has {shape[0]} rows for a batch of {rows}"
            )
        return array

    def _typed(self, output: Output, value: Any) -> Array:
        """Return an array of the declared type; lists and numbers are converted, arrays have to be of it."""
        given = isinstance(value, (np.ndarray, np.generic))
        datatype = output.datatype
        if datatype == STRING:
            array = np.asarray(value) if given else _texts(value)
            if array.dtype.kind not in _TEXTS:
                raise self._wrong_type(output, array, "bytes")
            return array.astype(object) if array.dtype.kind == "U" else array
        if datatype == BF16:
            array = np.asarray(value)
            if array.dtype.name != "bfloat16":
                raise self._wrong_type(output, array, "bfloat16")
            return array
        dtype = NUMPY_DTYPES[datatype]
        if not given:
            try:
                return np.asarray(value, dtype)
            except (TypeError, ValueError, OverflowError) as error:
                raise Refusal(
                    f"output '{output.name}' of function '{self._name}' cannot be converted to {dtype.name}: {error}"
                ) from None
        array = np.asarray(value)
        if array.dtype.newbyteorder("=") != dtype:
            raise self._wrong_type(output, array, dtype.name)
        return array if array.dtype == dtype else array.astype(dtype)

    def _wrong_type(self, output: Output, array: Array, declared: str) -> Refusal:
        return Refusal(f"output '{output.name}' of function '{self._name}' is {array.dtype}, declared is {declared}")

    def _failure(self, error: BaseException) -> InferenceResponse:
        """Return the response to a call that failed, having logged it."""
        known = self._status_of(error)
        if known is not None:
            return InferenceResponse(error=TritonError(known[1], code_of(known[0])))
        text = f"Failed to process the request(s) for model '{self._name}', message: {describe(error)}"
        self._log_error(text)
        return FailedResponse(error=TritonError(text, code_of(INTERNAL_STATUS)))


class ArraysFunction(Function):
    """A function that returns its outputs."""

    def execute(self, requests: list[InferenceRequest]) -> list[InferenceResponse | None]:
        """Answer a batch with one call, unless inputs that may be left out make it several."""
        responses: list[InferenceResponse | None] = [None] * len(requests)
        for group in self._groups(requests):
            try:
                arguments, sizes = self._gather([requests[index] for index in group])
                answers = self._scatter(self._function(**arguments), sizes)
                del arguments
            except BaseException as error:
                answers = [self._failure(error)] * len(group)
            for index, answer in zip(group, answers):
                responses[index] = answer
        return responses


class CoroutineFunction(Function):
    """A function that is awaited for its outputs."""

    async def execute(self, requests: list[InferenceRequest]) -> list[InferenceResponse | None]:
        """Answer a batch, while others are under way."""
        responses: list[InferenceResponse | None] = [None] * len(requests)
        for group in self._groups(requests):
            try:
                arguments, sizes = self._gather([requests[index] for index in group])
                answers = self._scatter(await self._function(**arguments), sizes)
                del arguments
            except BaseException as error:
                answers = [self._failure(error)] * len(group)
            for index, answer in zip(group, answers):
                responses[index] = answer
        return responses


class GeneratorFunction(Function):
    """A function that yields its outputs any number of times: each request has a call of its own."""

    def execute(self, requests: list[InferenceRequest]) -> None:
        """Answer each request as often as its generator yields."""
        for request in requests:
            sender = request.get_response_sender()
            failure = None
            try:
                arguments, _ = self._gather([request])
                results = self._function(**arguments)
                del arguments
                try:
                    for result in results:
                        if sender.is_cancelled():
                            break
                        self._send(sender, result)
                        del result
                finally:
                    results.close()
            except BaseException as error:
                failure = self._failure(error)
            _finish(sender, failure)

    def _send(self, sender: InferenceResponseSender, result: Any) -> None:
        sender.send(_response(self._outputs, self._check(result, None, any_rows=True)))


class AsyncGeneratorFunction(GeneratorFunction):
    """The same with `async def`: requests overlap."""

    async def execute(self, requests: list[InferenceRequest]) -> None:  # type: ignore[override]
        """Answer all requests side by side."""
        await asyncio.gather(*[self._answer(request) for request in requests])

    async def _answer(self, request: InferenceRequest) -> None:
        sender = request.get_response_sender()
        failure = None
        try:
            arguments, _ = self._gather([request])
            results = self._function(**arguments)
            del arguments, request
            try:
                async for result in results:
                    while not sender._has_room():  # Others of the loop go on meanwhile.
                        await asyncio.sleep(_LOOK_AGAIN)
                    if sender.is_cancelled():
                        break
                    self._send(sender, result)
                    del result
            finally:
                await results.aclose()
        except BaseException as error:
            failure = self._failure(error)
        _finish(sender, failure)


def _finish(sender: InferenceResponseSender, failure: InferenceResponse | None) -> None:
    if failure is None:
        sender.send(flags=COMPLETE_FINAL)
    else:
        sender.send(failure, COMPLETE_FINAL)


def _rows(tensors: list[Tensor]) -> int:
    return tensors[0].shape()[0]


def _array(tensor: Tensor) -> Array:
    if tensor.triton_dtype() != BF16:
        return tensor.as_numpy()
    import ml_dtypes  # type: ignore[import-not-found,unused-ignore] # Who declares a bfloat16 has it.

    return tensor._carrier().view(ml_dtypes.bfloat16)


def _response(outputs: Sequence[Output], arrays: list[Array]) -> InferenceResponse:
    tensors = []
    for output, array in zip(outputs, arrays):
        if output.datatype == BF16:
            tensor = Tensor(output.name, np.ascontiguousarray(array).view(BF16_CARRIER))
            tensor._datatype = BF16
        else:
            tensor = Tensor(output.name, array)
        tensors.append(tensor)
    return InferenceResponse(tensors)


def _texts(value: Any) -> Array:
    """Make an array of texts of one text or nested lists; numpy's own conversion would cut zeros at their ends."""
    if isinstance(value, (bytes, str)):
        array = np.empty((), np.object_)
        array[()] = value
        return array
    return np.array(value, np.object_)

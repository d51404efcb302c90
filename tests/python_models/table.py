"""The table of requests: what is asked of the models in `repository/`, in this order."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from python_models import calls
from python_models.calls import Address, Answer, Call
from python_models.probes import EXPRESSIONS

FOLDER = Path(__file__).parent
NOT_LOADED = {"spare"}


@dataclass(frozen=True)
class Case:
    """A few requests; `run` gives their answers."""

    name: str
    run: Callable[[Address], list[Answer]]


def models(repository: Path = FOLDER / "repository") -> list[str]:
    """The models that are loaded at the start."""
    return sorted(path.name for path in repository.iterdir() if path.is_dir() and path.name not in NOT_LOADED)


def text(*values: str) -> np.ndarray:
    """A vector of BYTES."""
    return np.array([value.encode() for value in values], np.object_)


def _case(name: str, run: Callable[..., list[Answer]], *arguments: Any, **named: Any) -> Case:
    return Case(name, functools.partial(_swapped, run, arguments, named))


def _swapped(
    run: Callable[..., list[Answer]], arguments: Sequence[Any], named: Mapping[str, Any], address: Address
) -> list[Answer]:
    return run(address, *arguments, **named)


def _unary(name: str, *each: Call) -> Iterator[Case]:
    """The same calls over both protocols."""
    yield _case(f"{name}/http", calls.over_http, list(each))
    yield _case(f"{name}/grpc", calls.over_grpc, list(each))


def _stream(name: str, *each: Call) -> Iterator[Case]:
    """On streams, with and without final answers that are empty."""
    yield _case(f"{name}/stream", calls.over_stream, list(each))
    yield _case(f"{name}/stream_without_final", calls.over_stream, list(each), final=False)


def _mode(model: str, mode: str, shape: tuple[int, ...] = (1,)) -> Call:
    return Call(model, {"MODE": text(mode).reshape(shape)})


def _basics() -> Iterator[Case]:
    left, right = np.array([1, 2, 3, 4], np.float32), np.array([0.5, -1, 0, 9], np.float32)
    both = {"INPUT0": left, "INPUT1": right}
    yield from _unary("add_sub", Call("add_sub", both), Call("add_sub", both, ("OUTPUT1",)))
    yield from _unary("add_sub/refused", Call("add_sub", {"INPUT0": left}), Call("add_sub", both, ("OUTPUT2",)))
    yield from _stream("add_sub", Call("add_sub", both, options={"request_id": "seven"}))
    scale = {"INPUT": np.array([[1, 2, 3]], np.int32), "SCALE": np.array([[5]], np.int32)}
    yield from _unary("completed", Call("completed", scale), Call("completed", {"INPUT": scale["INPUT"]}))
    yield from _stream("completed_stream", Call("completed_stream", {"COUNT": np.array([3], np.int32)}))
    for model in ("completed", "completed_stream", "kinds", "letters_ensemble"):
        yield _case(f"{model}/config", calls.over_path, f"/v2/models/{model}/config")
        yield _case(f"{model}/metadata", calls.over_path, f"/v2/models/{model}")
    yield from _unary("kinds", Call("kinds", {}), Call("kinds", {"UNUSED": np.zeros(1, np.int8)}))
    yield from _unary("letters_ensemble", Call("letters_ensemble", {"TEXT": text("abracadabra")}))
    yield from _unary("talkative", Call("talkative", {"WORD": text("hello")}))


def _types() -> Iterator[Case]:
    numbers = [
        np.arange(6).reshape(2, 3).astype(kind)
        for kind in ("u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8")
    ]
    names = ("UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP16", "FP32", "FP64")
    inputs = {f"IN_{name}": array for name, array in zip(names, numbers, strict=True)}
    inputs["IN_BOOL"] = np.array([[True, False]])
    inputs["IN_STRING"] = np.array([["", "größer"], ["a\nb", "x" * 300]], np.object_)
    for name, array in inputs.items():
        yield from _unary(f"types/{name}", Call("types", {name: array}))
    yield from _unary("types/none", Call("types", {}))
    yield from _unary("types/together", Call("types", {name: inputs[name] for name in ("IN_FP16", "IN_STRING")}))
    yield from _unary("types/empty", Call("types", {"IN_INT32": np.zeros((0, 3), np.int32)}))
    bf16 = np.array([1.5, -2, 0.25], ml_dtypes.bfloat16)
    yield from _unary("bfloat16", Call("bfloat16", {"INPUT": bf16}))


def _views() -> Iterator[Case]:
    one = {"INPUT0": np.array([1, 2], np.int32)}
    view = functools.partial(Call, "request_view")
    options: list[Mapping[str, Any]] = [
        {"request_id": "an id"},
        {"sequence_id": 7, "sequence_start": True},
        {"sequence_id": "a text", "sequence_end": True},
        {"timeout": 123456},
        {"parameters": {"flag": True, "count": -3, "name": "text"}},
    ]
    yield from _unary("request_view", view(one), view({}), *(view(one, options=each) for each in options))
    yield from _unary("request_view/outputs", view(one, ("OTHER",)), view(one, ("VIEW", "OTHER")))
    doubles = {"parameters": {"ratio": 0.25}}
    yield from _unary("request_view/double", view(one, options=doubles))
    yield from _stream("request_view", view(one, options={"request_id": "s"}))
    for number, expression in enumerate(EXPRESSIONS):
        yield _case(f"probe/{number:02}", calls.over_http, [Call("probe", {"EXPRESSION": text(expression)})])


def _faults() -> Iterator[Case]:
    codes = [
        "UNKNOWN",
        "INTERNAL",
        "NOT_FOUND",
        "INVALID_ARG",
        "UNAVAILABLE",
        "UNSUPPORTED",
        "ALREADY_EXISTS",
        "CANCELLED",
    ]
    modes = [f"error {code}" for code in codes]
    modes += [
        "good",
        "raises",
        "raises_model_exception",
        "raises_from",
        "raises_deep",
        "raises_unicode",
        "raises_empty",
    ]
    modes += ["error_default", "error_empty", "error_and_outputs", "returns_dict", "returns_tuple", "returns_single"]
    modes += ["returns_too_many", "returns_none_of_them", "returns_number_inside", "unknown_output", "missing_output"]
    modes += ["no_output", "wrong_type", "wrong_shape", "wrong_batch", "wrong_rank", "scalar"]
    for mode in modes:
        yield from _unary(f"faulty/{mode}", _mode("faulty", mode, (1, 1)))
    named = Call("faulty", {"MODE": text("missing_output").reshape(1, 1)}, ("SECOND",))
    yield from _unary("faulty/missing_output_asked", named)
    yield from _stream("faulty/raises", _mode("faulty", "raises", (1, 1)))
    yield _case("partly", _together, [5, -6, 7, -8])
    yield _case("partly/statistics", _counts, "partly")
    for mode in ("good", "error INTERNAL", "raises", "returns_none_of_them"):
        yield _case(f"faulty/{mode}/statistics", _counted, _mode("faulty", mode, (1, 1)))
    for mode in ("raises", "sends_errors"):
        yield _case(f"decoupled_faulty/{mode}/statistics", _counted, _mode("decoupled_faulty", mode))
    for mode in [
        "raises",
        "raises_after_one",
        "raises_after_final",
        "returns_list",
        "sends_after_final",
        "sends_nothing",
        "sends_unknown_flag",
        "sends_errors",
    ]:
        yield from _stream(f"decoupled_faulty/{mode}", _mode("decoupled_faulty", mode))
    for mode in ("return", "send_final", "send final", "later", "final"):
        yield from _unary(f"sender/{mode}", _mode("sender", mode))
    # A second answer breaks what Triton 2.51 says over HTTP, and without the last flag it never ends a request.
    for mode in ("return", "send_final", "send final", "later", "final", "send send", "send return"):
        yield from _stream(f"sender/{mode}", _mode("sender", mode))


def _together(address: Address, values: Sequence[int]) -> list[Answer]:
    """One request for each value, at once: they make a batch."""
    answers: dict[int, list[Answer]] = {}

    def ask(value: int) -> None:
        answers[value] = calls.over_grpc(address, [Call("partly", {"VALUE": np.array([[value]], np.int32)})])

    threads = [threading.Thread(target=ask, args=(value,)) for value in values]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [answers[value][0] for value in values]


def _statistics(address: Address, model: str, executions: int = 0) -> dict[str, int]:
    """What the statistics say, once there are more executions; they may come a moment after the answers."""
    deadline = time.monotonic() + 20
    while True:
        (answer,) = calls.over_path(address, f"/v2/models/{model}/stats")
        (found,) = answer["content"]["model_stats"]
        if found["execution_count"] > executions or time.monotonic() > deadline:
            counted = {name: found[name] for name in ("inference_count", "execution_count")}
            return counted | {name: found["inference_stats"][name].get("count", 0) for name in ("success", "fail")}
        threading.Event().wait(0.02)


def _counts(address: Address, model: str) -> list[Answer]:
    """What the statistics say of all requests to a model."""
    return [_statistics(address, model)]


def _counted(address: Address, call: Call) -> list[Answer]:
    """What the statistics say more after a call."""
    before = _statistics(address, call.model, -1)
    calls.over_stream(address, [call])
    after = _statistics(address, call.model, before["execution_count"])
    return [{name: after[name] - before[name] for name in after}]


def _decoupled() -> Iterator[Case]:
    for count in (0, 1, 3):
        values = np.arange(10, 10 + count, dtype=np.int32)
        yield from _stream(f"repeat/{count}", Call("repeat", {"IN": values}, options={"request_id": f"r{count}"}))
        last = {"IN": values, "FINAL_WITH_LAST": np.array([True])}
        yield from _stream(f"repeat/{count}_final_with_last", Call("repeat", last))
    yield from _unary("repeat/unary", Call("repeat", {"IN": np.array([1], np.int32)}))
    for value in (2, 0, -1, -2):
        yield from _stream(f"square/{value}", Call("square", {"IN": np.array([[value]], np.int32)}))
    yield from _stream("square_ensemble", Call("square_ensemble", {"IN": np.array([[3]], np.int32)}))
    yield from _stream("square_ensemble/none", Call("square_ensemble", {"IN": np.array([[0]], np.int32)}))
    yield from _stream("countdown", Call("countdown", {"IN": np.array([[3]], np.int32)}))
    for mode in ("", "answers too early"):
        yield from _unary(f"second_try/{mode or 'plain'}", _mode("second_try", mode, (1, 1)))
    for body in (
        {"TEXT": "one two three"},
        {"TEXT": "one two three", "upper": True, "most": 2},
        {"TEXT": "stop", "STREAM": True},
        {"TEXT": "one stop two", "STREAM": True},
        {"TEXT": "one two three", "STREAM": True, "upper": True, "id": "mine"},
        {"TEXT": ""},
        {"STREAM": True},
        {"TEXT": 5},
    ):
        for path in ("generate", "generate_stream"):
            name = " ".join(f"{key}={value}" for key, value in body.items())
            yield _case(f"words/{name}/{path}", calls.over_path, f"/v2/models/words/{path}", body)


def _business() -> Iterator[Case]:
    modes = "plain by_name one_output no_output_named unknown_output unknown_model unknown_version known_version"
    modes += " missing_input unknown_input wrong_type wrong_shape failing_model raising_model decoupled_model_unary"
    modes += " ensemble sequence passes_everything_on own_request empty_tensor again_and_again"
    modes += " not_decoupled_as_stream unknown_model_as_stream"
    for mode in modes.split():
        yield _case(f"bls_sync/{mode}", calls.over_grpc, [_mode("bls_sync", mode)])
    for count in (1, 8, 21):
        yield _case(f"bls_async/{count}", calls.over_http, [Call("bls_async", {"COUNT": np.array([count], np.int32)})])
    for value in (3, 1, -2):
        call = Call("bls_stream", {"IN": np.array([[value]], np.int32)})
        yield from _unary(f"bls_stream/{value}", call)
    values = {"VALUES": np.array([2, 3, -1, 4], np.int32)}
    yield from _stream("bls_stream_async", Call("bls_stream_async", values))
    for mode in ["readiness", "load", "unload_unknown", "load_files"]:
        yield _case(f"loader/{mode}", calls.over_http, [_mode("loader", mode)])


def _sequences() -> Iterator[Case]:
    def step(sequence: int, value: int, **flags: bool) -> Call:
        inputs = {"VALUE": np.array([[value]], np.int32)}
        return Call("sequence", inputs, options={"sequence_id": sequence, **flags})

    yield from _unary(
        "sequence",
        step(11, 5, sequence_start=True),
        step(12, 100, sequence_start=True),
        step(11, 6),
        step(12, 1, sequence_end=True),
        step(11, 7, sequence_end=True),
        step(11, 8),
        step(11, 9, sequence_start=True, sequence_end=True),
    )


def _metrics() -> Iterator[Case]:
    yield _case("measured/before", calls.metrics, "model_amount")
    amounts = (2.5, 4)
    each = [Call("measured", {"AMOUNT": np.array([amount], np.float32)}) for amount in amounts]
    yield _case("measured/http", calls.over_http, each)
    yield _case("measured/after", calls.metrics, "model_amount")


def _broken() -> Iterator[Case]:
    for name in sorted(path.name for path in (FOLDER / "broken").iterdir() if path.is_dir()):
        yield _case(f"broken/{name}/load", calls.over_path, f"/v2/repository/models/{name}/load", {})
    yield _case("broken/index", _states)
    yield _case("broken/no_execute/infer", calls.over_http, [Call("no_execute", {"X": np.array([1], np.int32)})])
    for name in ("finalize_raises", "no_execute"):
        yield _case(f"broken/{name}/unload", calls.over_path, f"/v2/repository/models/{name}/unload", {})


def _states(address: Address) -> list[Answer]:
    (answer,) = calls.over_path(address, "/v2/repository/index", {})
    broken = {path.name for path in (FOLDER / "broken").iterdir()}
    return [model for model in answer["content"] if model["name"] in broken]


def cases() -> list[Case]:
    """All of them. Models keep state: they are asked in this order, once for each start of a server."""
    parts = (_basics, _types, _views, _decoupled, _business, _sequences, _metrics, _faults, _broken)
    return [case for part in parts for case in part()]

"""The models that run on the GPU, and some that run beside them on the CPU."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from unittest import mock

import numpy as np
import onnx
import server_process
from onnx import TensorProto, helper, numpy_helper
from server_process import ServerProcess, serve

START_SECONDS = 100
"""The first process that loads NVIDIA's libraries reads gigabytes."""
GPU, CPU = "KIND_GPU", "KIND_CPU"
WIDTH = 16
"""Elements of a row of `add_sub`."""
DEPTH, COLUMNS = 256, 128
"""The shape of the weights of `matmul`."""
IMAGE = 32
"""Rows and columns of what `convolution` takes."""
STATE = 4096
"""Elements of the state of `accumulator`: enough to stay where it is."""
FLOAT, INT64, STRING = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING
_TYPES = {FLOAT: "TYPE_FP32", INT64: "TYPE_INT64", STRING: "TYPE_STRING"}
_DELAYED = """\
backend: "identity"
max_batch_size: 0
parameters [ { key: "execute_delay_ms" value: { string_value: "1000" } } ]
input [ { name: "INPUT0" data_type: TYPE_FP32 dims: [ 16 ] } ]
output [ { name: "OUTPUT0" data_type: TYPE_FP32 dims: [ 16 ] } ]
"""

Dims = Sequence[int | str | None]
Tensors = Mapping[str, tuple[int, Dims]]
"""Element type and dimensions by name, without the dimension of the batch."""


def weights() -> np.ndarray:
    """What `matmul` multiplies by."""
    return np.random.default_rng(1).uniform(-1, 1, (DEPTH, COLUMNS)).astype(np.float32)


def kernels() -> np.ndarray:
    """What `convolution` folds with."""
    return np.random.default_rng(2).uniform(-1, 1, (4, 3, 3, 3)).astype(np.float32)


def table() -> np.ndarray:
    """What `int_gather` takes rows of."""
    return np.arange(400, dtype=np.float32).reshape(100, 4)


def option(key: str, value: str) -> str:
    """An entry of the configuration's parameters."""
    return f'parameters {{ key: "{key}" value {{ string_value: "{value}" }} }}\n'


def accelerator(name: str, parameters: Mapping[str, str] | None = None) -> str:
    """An execution accelerator for GPUs."""
    entries = "".join(f' parameters {{ key: "{key}" value: "{value}" }}' for key, value in (parameters or {}).items())
    return (
        f'optimization {{ execution_accelerators {{ gpu_execution_accelerator [ {{ name: "{name}"{entries} }} ] }} }}\n'
    )


def _tensor_text(name: str, element: int, dims: Dims) -> str:
    numbers = ", ".join(str(dim) if isinstance(dim, int) else "-1" for dim in dims)
    return f'{{ name: "{name}" data_type: {_TYPES[element]} dims: [ {numbers} ] }}'


def write_model(
    repository: Path,
    name: str,
    nodes: list[onnx.NodeProto],
    inputs: Tensors,
    outputs: Tensors,
    *,
    kind: str = GPU,
    batch: int = 0,
    constants: Mapping[str, np.ndarray] | None = None,
    hidden: Sequence[str] = (),
    group: str = "",
    more: str = "",
) -> None:
    """Write a model. hidden: inputs and outputs that are no client's. group: more of the instance group."""

    def infos(tensors: Tensors) -> list[onnx.ValueInfoProto]:
        return [
            helper.make_tensor_value_info(key, element, [*(["N"] if batch else []), *dims])
            for key, (element, dims) in tensors.items()
        ]

    graph = helper.make_graph(
        nodes,
        name,
        infos(inputs),
        infos(outputs),
        [numpy_helper.from_array(value, key) for key, value in (constants or {}).items()],
    )
    folder = repository / name
    (folder / "1").mkdir(parents=True)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(folder / "1" / "model.onnx"))
    lines = ['backend: "onnxruntime"', f"max_batch_size: {batch}", f"instance_group [ {{ kind: {kind} {group} }} ]"]
    for what, tensors in (("input", inputs), ("output", outputs)):
        texts = [_tensor_text(key, *tensor) for key, tensor in tensors.items() if key not in hidden]
        lines.append(f"{what} [ {', '.join(texts)} ]")
    (folder / "config.pbtxt").write_text("\n".join([*lines, more]))


_ROW: tuple[int, Dims] = (FLOAT, [WIDTH])


def write_add_sub(repository: Path, name: str, kind: str = GPU, group: str = "", more: str = "") -> None:
    """OUTPUT0 is the sum, OUTPUT1 the difference of INPUT0 and INPUT1."""
    nodes = [helper.make_node(kind, ["INPUT0", "INPUT1"], [f"OUTPUT{i}"]) for i, kind in enumerate(("Add", "Sub"))]
    write_model(
        repository,
        name,
        nodes,
        {"INPUT0": _ROW, "INPUT1": _ROW},
        {"OUTPUT0": _ROW, "OUTPUT1": _ROW},
        kind=kind,
        batch=8,
        group=group,
        more=more,
    )


def write_matmul(repository: Path, name: str, more: str = "") -> None:
    """Y is X times `weights`."""
    nodes = [helper.make_node("MatMul", ["X", "W"], ["Y"])]
    x, y = {"X": (FLOAT, [DEPTH])}, {"Y": (FLOAT, [COLUMNS])}
    write_model(repository, name, nodes, x, y, batch=8, constants={"W": weights()}, more=more)


def _write_accumulator(repository: Path) -> None:
    """OUTPUT is the sum of all INPUTs of the sequence so far."""
    nodes = [
        helper.make_node("Sub", ["ONE", "START"], ["keep"]),
        helper.make_node("Mul", ["STATE_IN", "keep"], ["old"]),
        helper.make_node("Add", ["INPUT", "old"], ["OUTPUT"]),
        helper.make_node("Add", ["INPUT", "old"], ["STATE_OUT"]),
    ]
    write_model(
        repository,
        "accumulator",
        nodes,
        {"INPUT": (FLOAT, [STATE]), "START": (FLOAT, [1]), "STATE_IN": (FLOAT, [STATE])},
        {"OUTPUT": (FLOAT, [STATE]), "STATE_OUT": (FLOAT, [STATE])},
        batch=4,
        constants={"ONE": np.ones(1, np.float32)},
        hidden=("START", "STATE_IN", "STATE_OUT"),
        more=f"""\
sequence_batching {{
  max_sequence_idle_microseconds: 60000000
  oldest {{ max_candidate_sequences: 8 max_queue_delay_microseconds: 5000 }}
  control_input [ {{ name: "START" control [ {{ kind: CONTROL_SEQUENCE_START fp32_false_true: [ 0, 1 ] }} ] }} ]
  state [ {{ input_name: "STATE_IN" output_name: "STATE_OUT" data_type: TYPE_FP32 dims: [ {STATE} ] }} ]
}}
""",
    )


def _step(model: str, inputs: Mapping[str, str], outputs: Mapping[str, str]) -> str:
    maps = [f'input_map {{ key: "{key}" value: "{value}" }}' for key, value in inputs.items()]
    maps += [f'output_map {{ key: "{key}" value: "{value}" }}' for key, value in outputs.items()]
    return f'{{ model_name: "{model}" model_version: -1 {" ".join(maps)} }}'


def _write_chain(repository: Path) -> None:
    """`add_sub` on the GPU, its difference doubled on the CPU, and `add_sub` on the GPU of both."""
    steps = [
        _step("add_sub", {"INPUT0": "INPUT0", "INPUT1": "INPUT1"}, {"OUTPUT0": "sum", "OUTPUT1": "difference"}),
        _step("double_cpu", {"X": "difference"}, {"Y": "doubled"}),
        _step("add_sub", {"INPUT0": "sum", "INPUT1": "doubled"}, {"OUTPUT0": "OUTPUT0", "OUTPUT1": "OUTPUT1"}),
    ]
    inputs, outputs = (", ".join(_tensor_text(f"{what}{i}", *_ROW) for i in range(2)) for what in ("INPUT", "OUTPUT"))
    (repository / "chain" / "1").mkdir(parents=True)
    (repository / "chain" / "config.pbtxt").write_text(
        f'platform: "ensemble"\nmax_batch_size: 8\ninput [ {inputs} ]\noutput [ {outputs} ]\n'
        f"ensemble_scheduling {{ step [ {', '.join(steps)} ] }}\n"
    )


def _write_shapes(repository: Path) -> None:
    """Models whose outputs have sizes that only the model knows, or that it computes on the CPU."""
    node = helper.make_node
    line = (FLOAT, ["n"])
    write_model(repository, "identity_fp32", [node("Identity", ["X"], ["Y"])], {"X": line}, {"Y": line})
    found: Tensors = {"Y": (INT64, [1, "found"])}
    write_model(repository, "nonzero", [node("NonZero", ["X"], ["Y"])], {"X": line}, found)
    write_model(
        repository,
        "shape_of",
        [node("Shape", ["X"], ["S"]), node("Add", ["X", "X"], ["Y"])],
        {"X": (FLOAT, ["rows", "columns"])},
        {"S": (INT64, [2]), "Y": (FLOAT, ["rows", "columns"])},
    )
    write_model(
        repository,
        "int_gather",
        [node("Gather", ["table", "INDICES"], ["Y"])],
        {"INDICES": (INT64, ["n"])},
        {"Y": (FLOAT, ["n", 4])},
        constants={"table": table()},
    )


def _write_broken(repository: Path) -> None:
    """Models for tests of loading; some of them cannot be loaded."""
    tuned = {"cudnn_conv_algo_search": "HEURISTIC", "arena_extend_strategy": "kSameAsRequested"}
    tuned |= {"gpu_mem_limit": str(1 << 30), "cudnn_conv_use_max_workspace": "1", "do_copy_in_default_stream": "1"}
    write_add_sub(repository, "cuda_tuned", more=accelerator("cuda", tuned))
    numbers = {"cudnn_conv_algo_search": "1", "arena_extend_strategy": "1", "gpu_mem_limit": str(1 << 30)}
    write_add_sub(repository, "cuda_numbers", more="".join(option(*entry) for entry in numbers.items()))
    write_add_sub(repository, "cuda_option", more=accelerator("cuda", {"no_such_option": "1"}))
    write_add_sub(repository, "cuda_value", more=accelerator("cuda", {"gpu_mem_limit": "much"}))
    write_add_sub(repository, "cuda_number", more=option("cudnn_conv_algo_search", "9"))
    write_add_sub(repository, "unknown_accelerator", more=accelerator("no_such_accelerator"))
    write_add_sub(repository, "tensorrt", more=accelerator("tensorrt", {"precision_mode": "FP16"}))
    write_add_sub(repository, "far_gpu", group="gpus: [ 7 ]")
    write_add_sub(repository, "auto", kind="KIND_AUTO")
    write_add_sub(repository, "three_instances", group="count: 3")


def write_repository(repository: Path) -> Path:
    """Write all models of this file; returns the folder."""
    node = helper.make_node
    batching = "dynamic_batching { max_queue_delay_microseconds: 20000 }\n"
    write_add_sub(repository, "add_sub", more=batching)
    write_add_sub(repository, "add_sub_cpu", kind=CPU, more=batching)
    write_matmul(repository, "matmul")
    write_matmul(repository, "matmul_exact", more=accelerator("cuda", {"use_tf32": "0"}))
    write_model(
        repository,
        "convolution",
        [node("Conv", ["X", "K"], ["Y"])],
        {"X": (FLOAT, [3, IMAGE, IMAGE])},
        {"Y": (FLOAT, [4, IMAGE - 2, IMAGE - 2])},
        batch=4,
        constants={"K": kernels()},
        more=accelerator("cuda", {"cudnn_conv_algo_search": "HEURISTIC", "use_tf32": "0"}),
    )
    doubled: Tensors = {"Y": _ROW}
    write_model(repository, "double_cpu", [node("Add", ["X", "X"], ["Y"])], {"X": _ROW}, doubled, kind=CPU, batch=8)
    words: tuple[int, Dims] = (STRING, ["n"])
    write_model(repository, "identity_bytes", [node("Identity", ["X"], ["Y"])], {"X": words}, {"Y": words}, kind=CPU)
    (repository / "delayed" / "1").mkdir(parents=True)
    (repository / "delayed" / "config.pbtxt").write_text(_DELAYED)
    _write_shapes(repository)
    _write_accumulator(repository)
    _write_chain(repository)
    _write_broken(repository)
    return repository


SERVED = (
    *("add_sub", "matmul", "matmul_exact", "convolution", "identity_fp32", "nonzero", "shape_of", "int_gather"),
    *("accumulator", "chain", "add_sub_cpu", "double_cpu", "identity_bytes", "delayed"),
)
"""What the server of most tests has."""
running: list[ServerProcess] = []
"""The servers that `serve_models` started and that still run."""


@contextlib.contextmanager
def serve_models(repository: Path, *names: str, **env: str) -> Iterator[ServerProcess]:
    """A server with these models of the repository, ready also where some did not load."""
    flags = ["--model-control-mode=explicit", "--exit-on-error=false", "--strict-readiness=false"]
    flags += ["--metrics-interval-ms=200", *(f"--load-model={name}" for name in names)]
    with (
        mock.patch.object(server_process, "START_SECONDS", START_SECONDS),
        serve(f"--model-repository={repository}", *flags, **env) as server,
    ):
        running.append(server)
        try:
            yield server
        finally:
            running.remove(server)

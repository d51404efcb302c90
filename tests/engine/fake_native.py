"""A data plane without C++: it reads signatures with the onnx package and remembers what is served."""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass, field
from types import SimpleNamespace

import onnx

from triton_lite.errors import Code, TritonError

# ONNX element types -> DataType numbers.
_TYPES = {1: 11, 2: 2, 3: 6, 4: 3, 5: 7, 6: 8, 7: 9, 8: 13, 9: 1, 10: 10, 11: 12, 12: 4, 13: 5, 16: 14}

TensorSpec = InstanceGroupSpec = ExecutionAcceleratorSpec = SimpleNamespace
DefaultSchedulerSpec = DynamicBatchingSpec = QueuePolicySpec = SimpleNamespace
SequenceBatchingSpec = SequenceControlSpec = SequenceStateSpec = InitialStateSpec = SimpleNamespace
DirectStrategySpec = OldestStrategySpec = SimpleNamespace
EnsembleSpec = EnsembleStepSpec = WarmupSpec = WarmupInputSpec = SimpleNamespace
ModelMetricsSpec = SimpleNamespace
BatchInputSpec = BatchOutputSpec = RateLimiterSpec = RateLimiterResourceSpec = SimpleNamespace


class ModelSpec(SimpleNamespace):
    def alike(self, name, version, version_directory, model_file, instance_groups):
        groups = [
            SimpleNamespace(**vars(group) | {"name": group_name})
            for group, group_name in zip(self.instance_groups, instance_groups, strict=True)
        ]
        new = {"name": name, "version": version, "version_directory": version_directory, "model_file": model_file}
        return ModelSpec(**vars(self) | new | {"instance_groups": groups})


def configure_onnxruntime(path: str) -> None:
    assert path


def prepare_onnxruntime(backend_config: dict[str, str]) -> None:
    pass


def place_instances(spec):
    placed = []
    for index, group in enumerate(spec.instance_groups):
        for count in range(group.count):
            for device in group.gpus or [0]:
                placed.append(SimpleNamespace(name=f"{group.name}_{count}", kind=2, device_id=device, group=index))
    return placed


@dataclass(frozen=True)
class Tensor:
    name: str
    datatype: int
    dims: list[int]
    optional: bool = False
    is_tensor: bool = True


@dataclass
class Signature:
    inputs: list[Tensor] = field(default_factory=list)
    outputs: list[Tensor] = field(default_factory=list)
    known: bool = True


def read_signature(path: str) -> Signature:
    try:
        graph = onnx.load(path).graph
    except Exception as error:
        raise TritonError(
            Code.INTERNAL, f"onnx runtime error 7: Load model from {path} failed:Protobuf parsing failed."
        ) from error
    defaults = {initializer.name for initializer in graph.initializer}

    def tensors(infos):
        for info in infos:
            of = info.type.tensor_type
            dims = [dim.dim_value if dim.HasField("dim_value") else -1 for dim in of.shape.dim]
            yield Tensor(info.name, _TYPES[of.elem_type], dims, info.name in defaults)

    return Signature(list(tensors(graph.input)), list(tensors(graph.output)))


class FakeEngine:
    """Serves nothing; `served` tells what it was given, `updates` how many instances were made and which removed."""

    def __init__(self) -> None:
        self.served: dict[str, dict[int, object]] = {}
        self.unready: dict[str, list[int]] = {}
        self.aliases: dict[str, object] = {}
        self.made: list[int] = []  # Places of instances, of which some may have been discarded.
        self.discarded = 0
        self.updates: list[tuple[int, list[int]]] = []
        self.free_numbers: dict[int, list[int]] = {}
        self.refuses_instances: TritonError | None = None
        self.drained = threading.Event()
        self.drained.set()
        self.calls: queue.Queue = queue.Queue()

    def open_model(self, spec):
        if spec.backend == "identity":
            return SimpleNamespace(signature=Signature(known=False))
        if spec.backend != "onnxruntime":
            raise TritonError(
                Code.INVALID_ARGUMENT,
                f"unable to find backend library for backend '{spec.backend}', try specifying runtime on the model"
                " configuration.",
            )
        return SimpleNamespace(signature=read_signature(spec.model_file))

    def load_model(self, spec, opened=None, metrics=None):
        return spec

    def load_alike(self, models):
        return [self._load_alike(*model) for model in models]

    def _load_alike(self, spec, signature, metrics):
        try:
            opened = self.open_model(spec)
            return (None, opened) if opened.signature != signature else (self.load_model(spec, opened, metrics), None)
        except TritonError:
            return None, None

    def make_instances(self, model, spec, ordinals, opened=None):
        if self.refuses_instances is not None:
            raise self.refuses_instances
        self.made += ordinals
        return SimpleNamespace(count=len(ordinals), discard=lambda: setattr(self, "discarded", self.discarded + 1))

    def update_instances(self, model, added, removed):
        count = added.count if added is not None else 0
        self.updates.append((count, list(removed)))
        free = self.free_numbers.setdefault(id(model), [])
        numbers = [free.pop(0) if free else 100 + place for place in range(count)]
        free += removed
        return numbers, SimpleNamespace(wait=lambda timeout=None: True)

    def publish(self, name, versions, unready=()):
        self.served.pop(name, None)
        if versions:
            self.served[name] = versions
        self.unready[name] = list(unready)

    def retract(self, name):
        self.served.pop(name, None)
        return SimpleNamespace(wait=lambda timeout=None: self.drained.wait(timeout))

    def alias(self, name, target):
        self.aliases[name] = target

    def refuse(self, name, code, text):
        if code:
            self.aliases[name] = (code, text)
        elif name in self.aliases and isinstance(self.aliases[name], tuple):
            del self.aliases[name]

    def next_control_call(self, timeout=None):
        return self.calls.get()


class FakeCall:
    """A control call whose answer can be waited for."""

    def __init__(self, method: int, message: bytes) -> None:
        self.method = method
        self.message = message
        self.answer: queue.Queue = queue.Queue()

    def reply(self, message: bytes) -> None:
        self.answer.put((0, message))

    def fail(self, code: int, text: str) -> None:
        self.answer.put((code, text))

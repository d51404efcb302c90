"""The groups Memory/Device Management and Shared Memory."""

from functools import partial

from triton_lite.options.option import Option, Scope, Support
from triton_lite.options.values import boolean, byte_size, count, host_policy, integer, number, pair

_memory = partial(Option, group="Memory/Device Management", scope=Scope.ENGINE)

OPTIONS = (
    _memory(
        "pinned-memory-pool-byte-size",
        parse=byte_size,
        default=268435456,
        value="BYTES",
        help="The most pinned memory for copies between CPU and GPU.",
    ),
    _memory(
        "cuda-memory-pool-byte-size",
        parse=pair(integer, byte_size, ":"),
        default=(),
        repeatable=True,
        value="GPU:BYTES",
        help="The memory of a GPU for copies between CPU and GPU. Default: 64 MB each.",
        support=Support.MACHINERY,
        note="There is no such pool; ONNX Runtime keeps its own memory of the GPU.",
    ),
    _memory(
        "cuda-virtual-address-size",
        parse=pair(integer, byte_size, ":"),
        default=(),
        repeatable=True,
        value="GPU:BYTES",
        help="The largest implicit state in growable memory. Default: 1 GB.",
        support=Support.NO_EFFECT,
        note="There is no growable memory here.",
    ),
    _memory(
        "min-supported-compute-capability",
        parse=number,
        default=6.0,
        value="VERSION",
        help="GPUs older than this are not used.",
        support=Support.NO_EFFECT,
        note="ONNX Runtime says which GPUs it can use.",
    ),
    _memory(
        "buffer-manager-thread-count",
        parse=count,
        default=0,
        value="COUNT",
        help="Threads that gather and scatter batches.",
        support=Support.NO_EFFECT,
        note="The instance's thread does it.",
    ),
    _memory(
        "host-policy",
        parse=host_policy,
        default=(),
        repeatable=True,
        value="POLICY,SETTING=VALUE",
        help="Where the instances of a host policy run: numa-node=N or cpu-cores=A-B.",
        support=Support.PENDING,
        note="Instances run on any core.",
    ),
    _memory(
        "model-load-gpu-limit",
        parse=pair(integer, number, ":"),
        default=(),
        repeatable=True,
        value="GPU:FRACTION",
        help="Refuse to load a model while more than this part of the GPU's memory is used.",
        support=Support.PENDING,
        note="Models load whatever the GPU's memory.",
    ),
    Option(
        "allow-client-shm",
        group="Shared Memory",
        scope=Scope.ENGINE,
        parse=boolean,
        default=None,
        value="BOOL",
        help="Clients may register shared memory and use it. Default: those on this machine may (loopback, Unix "
        "socket), others may not; in Triton nobody may.",
        since="2.68",
    ),
)

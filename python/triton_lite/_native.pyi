"""The data plane of triton_lite: engine, channel and codecs (csrc/).

Errors are raised as `triton_lite.errors.TritonError`. Whatever may wait (files, models, calls) lets go of the GIL.
"""

from collections.abc import Sequence
from typing import TypeAlias

from typing_extensions import Buffer

# --- csrc/bindings/log.cc ---------------------------------------------------------------------------------------------

def configure_log(settings: int, file: str = "", page: str = "", escape: bool = True) -> None:
    """Say what native threads log, and how: `logs.native_options()` of this process. They write to standard error.

    `settings`: LogSettings.word(), until others are set in the file `page`. `file`: what standard error is open for.
    """

def start_access_log(path: str) -> None:
    """Write a line for each inference request of this process's engines to a file, "-": to the log.

    Raises TritonError(INTERNAL) where it cannot be opened.
    """

def install_crash_traces() -> None:
    """Have the native stack of a thread that crashes written to standard error. Call once."""

def stop_access_log() -> None:
    """Write what is left. For when no engine runs any more."""

# --- csrc/bindings/model_spec.cc -------------------------------------------------------------------------------------
# What the engine needs to know of one version of a model. Attributes read as copies and are assigned whole:
# `spec.inputs.append(x)` changes nothing, `spec.inputs = [...]` does. Enumerations are their numbers in
# protos/model_config.proto; shapes are lists of int, -1 for a variable dimension.

class TensorSpec:
    """An input or output; `dims` without the batch dimension."""

    name: str
    datatype: int
    dims: list[int]
    reshape: list[int] | None
    optional: bool
    is_shape_tensor: bool
    is_non_linear_format_io: bool
    allow_ragged_batch: bool
    labels: list[str]

    def __init__(self) -> None: ...

class InstanceGroupSpec:
    """`count` instances for each of `gpus`, or in all unless `kind` is KIND_GPU (1); KIND_AUTO (0) comes resolved."""

    name: str
    kind: int
    count: int
    gpus: list[int]
    passive: bool
    rate_limiter: RateLimiterSpec

    def __init__(self) -> None: ...

class ExecutionAcceleratorSpec:
    """An accelerator of ModelConfig.optimization ("cuda", "tensorrt", …)."""

    name: str
    parameters: dict[str, str]

    def __init__(self) -> None: ...

class DefaultSchedulerSpec:
    """One request at a time on each instance."""

    def __init__(self) -> None: ...

class QueuePolicySpec:
    """How long requests of one priority level may wait, and how many. `timeout_action`: 0 REJECT, 1 DELAY."""

    timeout_action: int
    default_timeout_microseconds: int
    allow_timeout_override: bool
    max_queue_size: int

    def __init__(self) -> None: ...

class DynamicBatchingSpec:
    """ModelConfig.dynamic_batching."""

    preferred_batch_size: list[int]
    max_queue_delay_microseconds: int
    preserve_ordering: bool
    priority_levels: int
    default_priority_level: int
    default_queue_policy: QueuePolicySpec
    priority_queue_policy: dict[int, QueuePolicySpec]

    def __init__(self) -> None: ...

class SequenceControlSpec:
    """One control of one input. `kind`: 0 start, 1 ready, 2 end, 3 correlation id; `datatype`: of the last only."""

    input_name: str
    kind: int
    int32_false_true: list[int]
    fp32_false_true: list[float]
    bool_false_true: list[bool]
    datatype: int

    def __init__(self) -> None: ...

class InitialStateSpec:
    """What a state holds when a sequence starts. `data_file`: relative to MODEL/initial_state."""

    name: str
    datatype: int
    dims: list[int]
    zero_data: bool
    data_file: str

    def __init__(self) -> None: ...

class SequenceStateSpec:
    """A tensor that the server carries from one request of a sequence to the next."""

    input_name: str
    output_name: str
    datatype: int
    dims: list[int]
    initial_state: list[InitialStateSpec]
    use_same_buffer_for_input_output: bool
    use_growable_memory: bool

    def __init__(self) -> None: ...

class DirectStrategySpec:
    """ModelConfig.sequence_batching.direct."""

    max_queue_delay_microseconds: int
    minimum_slot_utilization: float

    def __init__(self) -> None: ...

class OldestStrategySpec:
    """ModelConfig.sequence_batching.oldest."""

    max_candidate_sequences: int
    preferred_batch_size: list[int]
    max_queue_delay_microseconds: int
    preserve_ordering: bool

    def __init__(self) -> None: ...

class SequenceBatchingSpec:
    """ModelConfig.sequence_batching."""

    max_sequence_idle_microseconds: int
    strategy: DirectStrategySpec | OldestStrategySpec
    control_input: list[SequenceControlSpec]
    state: list[SequenceStateSpec]
    iterative_sequence: bool

    def __init__(self) -> None: ...

class EnsembleStepSpec:
    """One step. Maps: (name of the model, name in the ensemble)."""

    model_name: str
    model_version: int
    input_map: list[tuple[str, str]]
    output_map: list[tuple[str, str]]

    def __init__(self) -> None: ...

class EnsembleSpec:
    """ModelConfig.ensemble_scheduling."""

    steps: list[EnsembleStepSpec]
    max_inflight_requests: int

    def __init__(self) -> None: ...

SchedulerSpec: TypeAlias = DefaultSchedulerSpec | DynamicBatchingSpec | SequenceBatchingSpec | EnsembleSpec

class BatchInputSpec:
    """An input that the backend fills from what the batch is made of. `kind`: as in model_config.proto."""

    kind: int
    target_names: list[str]
    datatype: int
    source_inputs: list[str]

    def __init__(self) -> None: ...

class BatchOutputSpec:
    """Outputs that are divided among the requests by the shape of an input."""

    target_names: list[str]
    source_inputs: list[str]

    def __init__(self) -> None: ...

class RateLimiterResourceSpec:
    """`count` of a resource; `global_`: shared by all devices."""

    name: str
    global_: bool
    count: int

    def __init__(self) -> None: ...

class RateLimiterSpec:
    """What an instance takes of the resources while it runs; priority 2 gets half of the turns of priority 1."""

    resources: list[RateLimiterResourceSpec]
    priority: int

    def __init__(self) -> None: ...

class WarmupInputSpec:
    """An input of a warm-up sample. `data`: 1 zeros, 2 random, 3 of `input_data_file`, 0 not said (an error)."""

    name: str
    datatype: int
    dims: list[int]
    data: int
    input_data_file: str

    def __init__(self) -> None: ...

class WarmupSpec:
    """A sample that every instance runs before the model is ready: `batch_size` requests at once, `count` times."""

    name: str
    batch_size: int
    inputs: list[WarmupInputSpec]
    count: int

    def __init__(self) -> None: ...

class ModelSpec:
    """One version of a model. `version_directory` and `model_file` are absolute paths."""

    name: str
    version: int
    platform: str
    backend: str
    version_directory: str
    model_file: str
    max_batch_size: int
    decoupled: bool
    inputs: list[TensorSpec]
    outputs: list[TensorSpec]
    instance_groups: list[InstanceGroupSpec]
    scheduler: SchedulerSpec
    batch_input: list[BatchInputSpec]
    batch_output: list[BatchOutputSpec]
    response_cache: bool
    parameters: dict[str, str]
    backend_config: dict[str, str]
    graph_optimization_level: int
    eager_batching: bool
    gpu_execution_accelerators: list[ExecutionAcceleratorSpec]
    cpu_execution_accelerators: list[ExecutionAcceleratorSpec]
    model_warmup: list[WarmupSpec]

    def __init__(self) -> None: ...
    def alike(
        self, name: str, version: int, version_directory: str, model_file: str, instance_groups: Sequence[str]
    ) -> ModelSpec:
        """Return the same for another model. `instance_groups`: their names."""

# --- csrc/bindings/backends.cc ---------------------------------------------------------------------------------------

def configure_onnxruntime(library_path: str) -> None:
    """Say where libonnxruntime.so lies, before the first ONNX model opens; later calls change nothing."""

def prepare_onnxruntime(backend_config: dict[str, str]) -> None:
    """Load the library ahead of the first model, which tells what is wrong with it."""

# --- csrc/bindings/engine.cc -----------------------------------------------------------------------------------------

class SignatureTensor:
    """A tensor as the model's own file states it; `dims` with every dimension of the file."""

    @property
    def name(self) -> str: ...
    @property
    def datatype(self) -> int: ...
    @property
    def dims(self) -> list[int]: ...
    @property
    def optional(self) -> bool: ...
    @property
    def is_tensor(self) -> bool: ...

class ModelSignature:
    """Inputs and outputs of a model's file; `known` is False for backends whose files state none."""

    @property
    def inputs(self) -> list[SignatureTensor]: ...
    @property
    def outputs(self) -> list[SignatureTensor]: ...
    @property
    def known(self) -> bool: ...

class ModelMetricsSpec:
    """How a model appears in the metrics."""

    labels: dict[str, str]
    buckets: dict[str, list[float]]
    """Of histograms, by the names of their families; they increase."""
    load_start: int
    """Nanoseconds of the steady clock, from which the time of the load counts."""

    def __init__(self) -> None: ...

class MetricsText:
    """Families of one type each in Prometheus' text format, between which other families of that type may stand."""

    @property
    def counters(self) -> bytes: ...
    @property
    def gauges(self) -> bytes: ...
    @property
    def cache(self) -> bytes:
        """The gauges of the local response cache."""
    @property
    def distributions(self) -> bytes:
        """Histograms, then summaries."""

class InstancePlacement:
    """Where one instance of a model runs."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> int: ...
    @property
    def device_id(self) -> int: ...
    @property
    def group(self) -> int:
        """Its instance group, counted from 0."""

class ModelLink:
    """One instance of a Python model, whatever process runs it at the time. Without one, its requests fail at once."""

    def __init__(self, name: str) -> None: ...
    def attach(self, execute_fd: int, calls_fd: int, pid: int) -> None:
        """Give the sockets of an initialised process; they are taken even if this fails.

        Raises TritonError (FAILED_PRECONDITION) when the instance is gone.
        """
    def detach(self) -> None:
        """Take the process for dead: what it was given fails, what comes waits for the next one."""
    def give_up(self) -> None:
        """Say that no process comes soon: what waits for one and what comes until there is one fails."""
    def set_execute_timeout(self, nanoseconds: int) -> None:
        """Limit how long a batch may run before its process is killed; 0: no limit."""
    def set_concurrency(self, batches: int) -> None:
        """Say how many batches the model runs at the same time (coroutines)."""
    def wait_closed(self, deadline_ns: int) -> bool:
        """Wait until the instance is gone; False at `deadline_ns` (CLOCK_MONOTONIC; 0: none)."""
    @property
    def attached(self) -> bool:
        """Whether there is a process; not any more before the first request hears of its death."""
    @property
    def wanted(self) -> bool:
        """Whether requests have failed since the last process came, for want of one or by its death."""
    @property
    def closed(self) -> bool: ...
    @property
    def name(self) -> str: ...
    @staticmethod
    def reads_memory(pid: int) -> bool:
        """Tell whether the memory of that process can be read from this one."""

def place_instances(spec: ModelSpec) -> list[InstancePlacement]:
    """Return the instances of a complete specification, in the order in which they are made."""

class OpenedModel:
    """A model's file, opened: what a configuration is completed from."""

    @property
    def signature(self) -> ModelSignature: ...

class LoadedModel:
    """One version with its instances, not served until it is published."""

class MadeInstances:
    """Instances that no model has yet."""

    def discard(self) -> None:
        """End them. Idempotent; not once they were given to a model."""

class Retirement:
    """What is left of models that were retracted, or of instances that were removed: the requests that were in them."""

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the last request has ended, and the instances; False when `timeout` (seconds) passed first.

        Signals do not end it.
        """

class ControlCall:
    """A call that the control plane answers, once; dropped unanswered, the client gets INTERNAL."""

    @property
    def method(self) -> int:
        """Number of the channel's Method (`triton_lite.proto.METHODS`)."""
    @property
    def message(self) -> bytes: ...
    @property
    def segments(self) -> list[bytes]: ...
    @property
    def peer_process_id(self) -> int: ...
    @property
    def peer_name(self) -> str: ...
    def reply(self, message: bytes) -> None:
        """Answer with an encoded response message."""
    def fail(self, code: int, text: str) -> None:
        """Answer with an error: a gRPC status code and the text that the client sees."""

class RemoteCacheTask:
    """A lookup in a cache of another process, or an answer to keep there. A lookup that is dropped is a miss."""

    @property
    def is_lookup(self) -> bool: ...
    def content(self) -> list[memoryview]:
        """Give what is to be hashed, as one; valid until `found` or `missed`."""
    @property
    def key(self) -> bytes:
        """Under which an answer is to be kept."""
    @property
    def value(self) -> bytes: ...
    def found(self, value: bytes, key: bytes) -> None:
        """Answer the request; a value that is no answer is a miss, after which the answer is kept under `key`."""
    def missed(self, key: bytes = b"") -> None:
        """Ask the model; its answer is kept under `key`, unless that is empty."""

class DurationSum:
    """How often something happened, and how long that took in sum."""

    @property
    def count(self) -> int: ...
    @property
    def nanoseconds(self) -> int: ...

class BatchDurations:
    """Executions of batches of one size."""

    @property
    def compute_input(self) -> DurationSum: ...
    @property
    def compute_infer(self) -> DurationSum: ...
    @property
    def compute_output(self) -> DurationSum: ...

class ModelStatistics:
    """What was counted of one version of a model since it was loaded: a snapshot.

    inference_count: elements that the model ran, without answers of the cache. failures: by reason (other, rejected,
    canceled, backend). by_batch_size: elements in a batch to its executions.
    """

    @property
    def last_inference_milliseconds(self) -> int: ...
    @property
    def inference_count(self) -> int: ...
    @property
    def execution_count(self) -> int: ...
    @property
    def success(self) -> DurationSum: ...
    @property
    def failure(self) -> DurationSum: ...
    @property
    def queue(self) -> DurationSum: ...
    @property
    def compute_input(self) -> DurationSum: ...
    @property
    def compute_infer(self) -> DurationSum: ...
    @property
    def compute_output(self) -> DurationSum: ...
    @property
    def cache_hit(self) -> DurationSum: ...
    @property
    def cache_miss(self) -> DurationSum: ...
    @property
    def failures(self) -> list[int]: ...
    @property
    def by_batch_size(self) -> dict[int, BatchDurations]: ...

class TraceConfig:
    """What is traced from the start on. `level`: bits 1 for timestamps, 2 for tensors; `count`: -1 for no limit.

    `file` and `log_frequency` are for trace files; with `opentelemetry` traces are for `Engine.next_traces` instead.
    """

    def __init__(
        self,
        level: int = 0,
        rate: int = 1000,
        count: int = -1,
        log_frequency: int = 0,
        file: str = "",
        opentelemetry: bool = False,
    ) -> None: ...

class TracedRequest:
    """One request of a trace. Events: name and time, in nanoseconds of the monotonic clock; REQUEST_START first."""

    @property
    def id(self) -> int: ...
    @property
    def parent_id(self) -> int:
        """Of the request that gave rise to it; 0 for the client's own."""
    @property
    def model_name(self) -> str: ...
    @property
    def model_version(self) -> int: ...
    @property
    def request_id(self) -> bytes: ...
    @property
    def span_id(self) -> str:
        """Hexadecimal; empty unless its model was told."""
    @property
    def events(self) -> list[tuple[str, int]]: ...

class TraceRecord:
    """One trace. `received` and `sent` are the front end's events. Times as in TracedRequest."""

    @property
    def requests(self) -> list[TracedRequest]: ...
    @property
    def received(self) -> list[tuple[str, int]]: ...
    @property
    def sent(self) -> list[tuple[str, int]]: ...
    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...
    @property
    def wall_offset(self) -> int:
        """What a time has to be added for nanoseconds since 1970."""
    @property
    def parent(self) -> tuple[str, str, int, str] | None:
        """The client's W3C trace context: trace id, span id, flags, tracestate."""
    @property
    def trace_id(self) -> str:
        """Hexadecimal; empty unless a model was told, and with a parent."""

class Engine:
    """Owns models and schedulers; answers inference without Python. Thread-safe."""

    def __init__(
        self,
        rate_limit: Sequence[tuple[str, int, int | None]] | None = None,
        local_cache_byte_size: int = 0,
        remote_cache: bool = False,
        counters: bool = True,
        histograms: bool = False,
        summaries: Sequence[tuple[float, float]] | None = None,
        trace: TraceConfig = ...,
        pinned_memory_byte_size: int | None = None,
    ) -> None:
        """`rate_limit`: how much there is of the rate limiter's resources (name, count, device or None for each).

        None: instances run as soon as they are free. `local_cache_byte_size`: of the response cache; 0: there is none.
        `remote_cache`: somebody takes the tasks of `next_cache_task`. `counters`, `histograms`, `summaries` (quantiles
        and their errors): the metrics that there are. `pinned_memory_byte_size`: the most that this process pins.
        """
    def listen(self, socket_path: str, answer_budget_byte_size: int = ...) -> None:
        """Serve the channel on a Unix socket (once). `answer_budget_byte_size`: bytes of answers in flight, a peer."""
    def open_python_model(self, links: Sequence[ModelLink]) -> OpenedModel:
        """Take links, one for each instance in the order of `place_instances`, as an opened model."""
    def open_model(self, spec: ModelSpec) -> OpenedModel:
        """Open the model's file; `spec` may lack what the file tells. Raises TritonError with the backend's text."""
    def load_model(
        self, spec: ModelSpec, opened: OpenedModel | None = None, metrics: ModelMetricsSpec | None = None
    ) -> LoadedModel:
        """Create the instances of a complete and checked `spec` and warm them up.

        `opened` is used up: a second load of it opens the file again. `metrics`: None, and the model has none.
        Raises TritonError.
        """
    def load_alike(
        self, models: Sequence[tuple[ModelSpec, ModelSignature, ModelMetricsSpec | None]]
    ) -> list[tuple[LoadedModel | None, OpenedModel | None]]:
        """Open and load several, each complete and checked for a file of this signature; one's load begins when the
        one before has ended, whatever `load_start` says.

        Where a file has another signature it is given as opened; neither is given where anything fails.
        """
    def make_instances(
        self, model: LoadedModel, spec: ModelSpec, ordinals: Sequence[int], opened: OpenedModel | None = None
    ) -> MadeInstances:
        """Make and warm up more instances for a model: those at `ordinals` of what `place_instances` gives for `spec`.

        `spec` differs from the model's in its instance groups alone. `opened`: of a Python model, a link for each.
        Raises TritonError.
        """
    def update_instances(
        self, model: LoadedModel, added: MadeInstances | None, removed: Sequence[int]
    ) -> tuple[list[int], Retirement]:
        """Give a model instances, and take others away, while it runs. Returns the numbers of those added.

        Instances are numbered from 0 in the order of `place_instances`; a number that has become free is given again.
        One that is removed ends its batch, or its sequences, first, which may be waited for.
        """
    def publish(self, name: str, versions: dict[int, LoadedModel], unready: Sequence[int] = ...) -> None:
        """Serve `versions` under `name`, replacing at once all that was served there.

        `unready`: versions that exist but failed to load; they are answered "… is not at ready state".
        A version that was replaced or retracted ends its requests in the background and cannot be published again.
        """
    def retract(self, name: str) -> Retirement:
        """Serve nothing under `name` any more; its versions become unready. May be waited for."""
    def statistics(self, name: str, version: int = -1) -> ModelStatistics:
        """Read the counters of a served version (-1: the latest). Raises TritonError as a request to it would."""
    def alias(self, name: str, target: str) -> None:
        """Let `name`, under which nothing was published, stand for whatever `target` serves."""
    def refuse(self, name: str, code: int, text: str) -> None:
        """Answer requests for `name`, under which nothing was published, with a status. Code OK: not any more."""
    def register_system_region(self, name: str, key: str, offset: int, byte_size: int) -> None:
        """Map a part of a POSIX shared-memory object for inference requests that name it. Raises TritonError."""
    def system_regions(self, name: str = "") -> list[tuple[str, str, int, int]]:
        """Name, key, offset and byte size of each region, or of the one of that name. Raises TritonError."""
    def unregister_system_region(self, name: str = "") -> None:
        """Forget a region, or all; requests that use it end undisturbed. An unknown name is no error."""
    def register_cuda_region(self, name: str, handle: bytes, device_id: int, byte_size: int) -> None:
        """Open memory of a GPU by its cudaIpcMemHandle_t, as the above. Raises TritonError."""
    def cuda_regions(self, name: str = "") -> list[tuple[str, int, int]]:
        """Name, device id and byte size of each region, or of the one of that name. Raises TritonError."""
    def unregister_cuda_region(self, name: str = "") -> None:
        """Forget a region on a GPU, or all, as unregister_system_region."""
    @property
    def pinned_memory_in_use(self) -> int:
        """Bytes of pinned memory that copies from and to GPUs use now, in this process."""
    def metrics_text(self) -> MetricsText:
        """Write the metrics of all models."""
    def end_metrics_interval(self, seconds: float) -> None:
        """Let gauges of an interval show what happened since the last call, `seconds` ago."""
    def next_control_call(self, timeout: float | None = None) -> ControlCall | None:
        """Wait for the next call that is no inference; None after `timeout` seconds or once the engine stopped."""
    def next_cache_task(self, timeout: float) -> RemoteCacheTask | None:
        """Wait for work for a remote cache; None after `timeout` seconds, or at once if there is none or it stopped."""
    def suspend_cache(self, seconds: float) -> None:
        """Let everything miss the remote cache that waits for it or comes within `seconds`."""
    def update_trace(self, model: str, changes: dict[str, int | None]) -> None:
        """Change trace settings (trace_level in bits, trace_rate, trace_count, log_frequency); None clears one.

        `model`: "" for the server's own. Raises TritonError(INVALID_ARGUMENT) for what cannot be traced.
        """
    def trace_values(self, model: str) -> tuple[int, int, int, int]:
        """Level, rate, count and log frequency that hold for a model, or for the server ("")."""
    def next_traces(self, timeout: float) -> list[TraceRecord] | None:
        """Wait for traces of mode opentelemetry; none after `timeout` seconds, None once the engine has stopped."""
    @property
    def dropped_traces(self) -> int:
        """Traces that nobody took in time."""
    def stop(self) -> None:
        """Take no more calls, wait for the requests taken so far, answer pending control calls UNAVAILABLE."""
    @property
    def peer_count(self) -> int: ...
    def peers(self) -> list[tuple[int, str]]:
        """List the front ends that are connected: process id, and what each calls itself."""
    @property
    def idle_seconds(self) -> float:
        """Seconds without a peer; 0 while there is one or the engine does not listen."""

# --- csrc/bindings/http_codec.cc -------------------------------------------------------------------------------------

class HttpInferCall:
    """An HTTP inference request, ready for `ChannelClient.send_http`; remembers how its answer is to be written."""

    @property
    def raw_binary(self) -> bool: ...
    @property
    def message(self) -> bytes:
        """The ModelInferRequest of the call, without raw contents."""

    @property
    def header_id(self) -> bytes:
        """The request's id where it can be the value of a header, else empty."""

    def copy_segments(self) -> list[bytes]:
        """The bytes of each input that is not in shared memory, in order."""

    def deny_regions(self) -> None:
        """Have the engine refuse the call if a tensor lies in shared memory."""

def decode_http_infer(
    model_name: str,
    model_version: str,
    body: Buffer,
    header_length: str | None,
    forwarded: Sequence[tuple[str, str]] = (),
    max_input_size: int = 0,
) -> HttpInferCall:
    """Read the JSON of a request and find its binary tail. Raises TritonError with Triton's text.

    `header_length`: value of Inference-Header-Content-Length; `forwarded`: headers that become parameters;
    `max_input_size`: bytes that the JSON, and each input given in it, may take (0: any number). An error of the header
    length has an attribute `content_type` ("text/plain"), as Triton answers it.
    Protocol: v2 inference; binary tensor data, classification and parameters extensions.
    """

def encode_http_infer(answer: Answer, call: HttpInferCall) -> tuple[bytes, int | None]:
    """Write the body of an answer, and the Inference-Header-Content-Length if it has a binary tail."""

def is_whole_message(message: bytes) -> bool:
    """Tell whether a protobuf message consists of whole fields, so that others can be put behind it."""

# --- csrc/bindings/http_exchange.cc ----------------------------------------------------------------------------------

class InferExchange:
    """A usual inference request over HTTP/1.1, from its first bytes to its answer. Used from one thread."""

    @property
    def call(self) -> int:
        """The call that it was sent as; 0 until then."""
    @property
    def model_name(self) -> str: ...
    @property
    def model_version(self) -> str: ...
    @property
    def header_id(self) -> bytes:
        """The x-request-id of its answer: the request's own id, else the one of its headers, else empty."""
    def room(self) -> memoryview:
        """The memory for the rest of its body."""
    def take(self, byte_size: int) -> bool:
        """Note that so much was written to `room`; True when the body is there."""
    def send(self, client: ChannelClient, max_input_size: int) -> bool:
        """Send it, now that its body is there. False, and nothing was done, if it cannot be read or sent."""
    def given(self) -> bytes:
        """What came of it, until it is sent."""
    def reply(self, answer: Answer, more_headers: bytes) -> list[Buffer]:
        """Encode the HTTP response of an answer that is OK, in parts: one, or the tensors as views of the answer.

        more_headers: whole lines. Raises TritonError if the answer cannot be encoded as the request wants it.
        """

def begin_http_infer(
    client: ChannelClient, data: bytes, max_input_size: int, deny_regions: bool
) -> InferExchange | None:
    """Take a request by what came first of it: the whole head, and some or all of its body, which is sent then.

    None, and nothing was done, for what is no POST …/infer, has anything unusual in its head, cannot be read or sent;
    and while the engine traces. Protocol: v2 inference; binary tensor data extension.
    """

# --- csrc/bindings/device_memory.cc ----------------------------------------------------------------------------------

class DeviceMemory:
    """A run of bytes on a GPU of this process, kept by whatever owns it."""

    def __init__(self, pointer: int, byte_size: int, owner: object, stream: int | None = None) -> None:
        """Lend memory that lives as long as `owner`, after what its producer does on the CUDA stream `stream`.

        Raises TritonError where `pointer` does not lie on a GPU.
        """
    @property
    def pointer(self) -> int: ...
    @property
    def byte_size(self) -> int: ...
    @property
    def device_id(self) -> int: ...
    def to_host(self) -> memoryview:
        """Copy it to the host. Raises TritonError."""
    @staticmethod
    def from_dlpack(capsule: object) -> tuple[DeviceMemory, tuple[int, int], list[int]]:
        """Take a tensor: its memory, DLPack's type code and bits, and shape. Raises TritonError unless contiguous."""
    def to_dlpack(self, code: int, bits: int, shape: list[int]) -> object:
        """Make a DLPack capsule of it."""

# --- csrc/bindings/client.cc -----------------------------------------------------------------------------------------

class Answer:
    """One answer of the engine; owns engine memory until it and every view of it are collected."""

    @property
    def call(self) -> int: ...
    @property
    def last(self) -> bool: ...
    @property
    def code(self) -> int: ...
    @property
    def text(self) -> str: ...
    @property
    def traced(self) -> bool:
        """The engine wants to know when it was sent (method TRACE_SENT, csrc/wire/call_metadata.h)."""
    @property
    def many(self) -> bool:
        """Its call may have many answers, in no order with those of other calls; each is to be acknowledged."""
    def acknowledge(self) -> None:
        """Say that it was sent on: the engine may send another one of this call. At the latest its collection does."""
    @property
    def message(self) -> bytes: ...
    @property
    def segments(self) -> list[memoryview | DeviceMemory]:
        """Tensor bytes. On a GPU only where a call in process asked for that."""
    def framed(self, in_stream: bool) -> bytes:
        """Give the complete ModelInferResponse (or ModelStreamInferResponse) with its raw_output_contents."""

class ChannelClient:
    """Front ends' side of the channel. Thread-safe; not usable after fork in the child."""

    def __init__(
        self,
        socket_path: str,
        name: str = "client",
        max_calls: int = 1024,
        body_budget_byte_size: int = ...,
        stream_window: int = ...,
    ) -> None:
        """Connect to an engine process. Raises TritonError(UNAVAILABLE) when nobody listens.

        stream_window: answers of one call, of those that may have many, that wait to be acknowledged at once (64).
        """
    @staticmethod
    def direct(engine: Engine) -> ChannelClient:
        """Connect to an engine of this process."""
    def send(
        self, method: int, message: Buffer, segments: Sequence[Buffer] = (), since: int = 0, about: bytes = b""
    ) -> int:
        """Copy and send a call; gives its number. Raises TritonError(UNAVAILABLE) past the bounds or without engine.

        method: with REGIONS_DENIED for a client that may not use shared memory. since: when the request began to come,
        nanoseconds of the monotonic clock; 0: nobody wants to know. about: what else is said of it, packed as
        csrc/wire/call_metadata.h says.
        """
    def lend(
        self, method: int, message: Buffer, tensors: Sequence[Buffer | DeviceMemory], device_outputs: bool = False
    ) -> int:
        """Like `send`, to an engine of this process, which uses the tensors where they are.

        They must not change until the answer is there. `device_outputs`: outputs may stay on a GPU.
        """
    def send_http(self, call: HttpInferCall, since: int = 0, about: bytes = b"") -> int: ...
    def allocate_body(self, byte_size: int) -> memoryview:
        """Give writable memory for a large body, sent without another copy. Raises TritonError(UNAVAILABLE)."""
    def cancel(self, call: int) -> None:
        """Ask the engine to give up; a last answer still comes."""
    def fileno(self) -> int:
        """Readable when answers wait."""
    def poll(self) -> list[Answer]:
        """Take what is there without waiting."""
    def arm(self) -> bool:
        """Ask for a wake-up through `fileno`; False: answers are there, poll again."""
    def wait(self, call: int, timeout: float | None = None) -> Answer | None:
        """Wait for the next answer of `call`; None after `timeout` seconds."""
    @property
    def connected(self) -> bool: ...
    @property
    def tracing(self) -> int:
        """What the engine is to be told of requests: 0 nothing, 1 their times, 2 their trace context too."""

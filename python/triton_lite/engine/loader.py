"""Makes a model of a repository ready to serve: reads and completes its configuration, loads its versions."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from triton_lite.config import backends, rules
from triton_lite.config.autocomplete import autocomplete
from triton_lite.config.error import ConfigError
from triton_lite.config.model_completion import take_over
from triton_lite.config.normalize import normalize, normalize_instance_groups
from triton_lite.config.signature_rules import check_signature
from triton_lite.config.spec import VersionFiles, alike_spec, complete, model_spec, opening_spec
from triton_lite.engine import cuda_libraries, instances, onnxruntime_library
from triton_lite.engine.alike import Example, Examples, Likeness, likeness_of
from triton_lite.engine.instance_update import InstanceUpdate
from triton_lite.engine.loaded_version import Handle, LoadedVersion
from triton_lite.engine.model_processes.running import RunningModel
from triton_lite.engine.model_processes.service import ModelProcesses
from triton_lite.engine.options import EngineOptions
from triton_lite.errors import Code, TritonError
from triton_lite.functions.source import FunctionSource
from triton_lite.metrics.model_spec import metrics_spec
from triton_lite.proto import messages
from triton_lite.repository.labels import read_labels
from triton_lite.repository.source import ModelSource, ReadConfig, check_kind

if TYPE_CHECKING:
    from triton_lite.engine.model_processes.model import ModelVersion

_log = logging.getLogger(__name__)

_DEFAULT_MAX_BATCH_SIZE = 4
_QUICK_BYTE_SIZE = 1 << 20

# The word for a code that Triton puts before the reason of a failed load.
_CODE_NAMES = {
    Code.UNKNOWN: "Unknown",
    Code.INTERNAL: "Internal",
    Code.NOT_FOUND: "Not found",
    Code.INVALID_ARGUMENT: "Invalid argument",
    Code.UNAVAILABLE: "Unavailable",
    Code.UNIMPLEMENTED: "Unsupported",
    Code.ALREADY_EXISTS: "Already exists",
    Code.CANCELLED: "Cancelled",
}


class DataPlane(Protocol):
    """What the loader and the lifecycle need of `_native.Engine`."""

    def open_model(self, spec: Any) -> Any: ...  # noqa: D102
    def open_python_model(self, links: Any) -> Any: ...  # noqa: D102
    def load_model(self, spec: Any, opened: Any = None, metrics: Any = None) -> Any: ...  # noqa: D102
    def load_alike(self, models: Any) -> list[tuple[Any, Any]]: ...  # noqa: D102
    def make_instances(self, model: Any, spec: Any, ordinals: list[int], opened: Any = None) -> Any: ...  # noqa: D102
    def update_instances(self, model: Any, added: Any, removed: list[int]) -> Any: ...  # noqa: D102
    def publish(self, name: str, versions: dict[int, Any], unready: list[int] = ...) -> None: ...  # noqa: D102
    def retract(self, name: str) -> Any: ...  # noqa: D102
    def alias(self, name: str, target: str) -> None: ...  # noqa: D102
    def refuse(self, name: str, code: int, text: str) -> None: ...  # noqa: D102


@dataclass(frozen=True)
class FoundModel:
    """A model whose configuration was read, completed as far as possible without its file, and found valid."""

    source: ModelSource
    read: ReadConfig
    config: messages.ModelConfig
    likeness: Likeness | None = None


def status_text(error: TritonError) -> str:
    """Spell an error as the repository index does: `Invalid argument: …`."""
    return f"{_CODE_NAMES.get(error.code, 'Unknown')}: {error.text}"


class Loader:
    """Loads models into a data plane. Thread-safe; several versions may be loaded at once."""

    def __init__(
        self,
        native: Any,
        engine: DataPlane,
        options: EngineOptions,
        gpus: frozenset[int],
        processes: ModelProcesses,
    ) -> None:
        self._native = native
        self._engine = engine
        self._options = options
        self._gpus = gpus
        self._processes = processes
        self._runtime_lock = threading.Lock()
        self._runtime_ready = False
        self._beginning: threading.Thread | None = None
        self._examples = Examples()

    def find(self, source: ModelSource, override: messages.ModelConfig | None = None) -> FoundModel:
        """Read the configuration of a model, or take `override` for it, and check it by itself. Raises TritonError."""
        with _only_this_model(source.name):
            if override is not None:
                read = ReadConfig(override, given=True)
            else:
                read = source.read_config(self._options.model_config_name)
            config = messages.ModelConfig()
            config.CopyFrom(read.config)
            try:
                likeness = self._check_alone(config, source, read)
            except ConfigError as error:
                raise read.placed(error) from None
            if likeness is not None and self._beginning is None:
                self._beginning = threading.Thread(target=self._begin_runtime, args=(config,), daemon=True)
                self._beginning.start()
            return FoundModel(source, read, config, likeness)

    def _check_alone(self, config: messages.ModelConfig, source: ModelSource, read: ReadConfig) -> Likeness | None:
        if self._options.disable_auto_complete_config and not read.provided and not source.bare_file:
            raise ConfigError(
                f"failed to open text file for read {source.directory}/config.pbtxt: No such file or directory",
                code=Code.INTERNAL,
                expected="a complete configuration, since auto-completion is switched off",
                write="config.pbtxt",
            )
        backends.fill(config, source.name, source.first_version_directory)
        normalize(config)
        likeness = likeness_of(config, source, read)
        if not self._examples.is_valid(likeness):
            rules.check_config(config)
            if self._options.disable_auto_complete_config and read.provided:
                rules.check_io(config)
            self._examples.add(likeness)
        if config.name != source.name:
            raise ConfigError(
                f"unexpected directory name '{source.name}' for model '{config.name}', directory name must equal"
                " model name",
                field=("name",),
                write=f'name: "{source.name}", or no name',
            )
        return likeness

    def has_example(self, found: FoundModel) -> bool:
        """Tell whether a model like this one was loaded."""
        return self._examples.find(found.likeness) is not None

    def load_alike(self, wanted: Sequence[tuple[FoundModel, int]]) -> list[tuple[LoadedVersion | None, Any]]:
        """Load versions at once that are as others that were loaded.

        Returns each, or else None and the model's file as opened, if it was: all that there is to be said of it, `load`
        says. Large ones are left to it, too, since they would hold the others up.
        """
        results: list[tuple[LoadedVersion | None, Any]] = [(None, None)] * len(wanted)
        places, versions, models = [], [], []
        for place, (found, version) in enumerate(wanted):
            example = self._examples.find(found.likeness)
            if example is None:
                continue
            with suppress(Exception):
                files, byte_size = self._files(found, version)
                if byte_size < _QUICK_BYTE_SIZE:
                    config = self._config_like(example, found)
                    spec = alike_spec(example.spec, config, files)
                    models.append((spec, example.signature, self._metrics(found, config, version)))
                    versions.append(config)
                    places.append(place)
        for place, config, (model, opened) in zip(places, versions, self._engine.load_alike(models), strict=True):
            results[place] = (None if model is None else LoadedVersion(config, {}, Handle(model)), opened)
        return results

    def _config_like(self, example: Example, found: FoundModel) -> messages.ModelConfig:
        """Complete a configuration as that of the example was completed."""
        config = messages.ModelConfig()
        config.CopyFrom(example.config)
        config.name = found.config.name
        config.ClearField("instance_group")
        config.instance_group.extend(found.config.instance_group)
        normalize_instance_groups(config, self._gpus)
        return config

    def _files(self, found: FoundModel, version: int) -> tuple[VersionFiles, int]:
        """Name the files of a version. Returns the size of the model's file, too. Raises TritonError."""
        files = found.source.files(version, found.config.default_model_filename)
        return files, check_kind(files.model_file, found.source.name)

    def load(
        self, found: FoundModel, version: int, more_labels: Mapping[str, list[str]], opened: Any = None
    ) -> LoadedVersion:
        """Load one version. more_labels: labels that an ensemble takes from its models. opened: see `load_alike`.

        Raises TritonError.
        """
        with _only_this_model(found.source.name):
            try:
                return self._load(found, version, more_labels, opened, time.monotonic_ns())
            except ConfigError as error:
                raise found.read.placed(error) from None

    def _load(
        self,
        found: FoundModel,
        version: int,
        more_labels: Mapping[str, list[str]],
        opened: Any,
        load_start: int,
    ) -> LoadedVersion:
        files, _ = self._files(found, version)
        config = messages.ModelConfig()
        config.CopyFrom(found.config)
        folders, backend_directory = (files.directory, found.source.directory), self._options.backend_directory
        backends.find_python_based(config, folders, backend_directory)
        rules.check_runtime(config, folders, backend_directory)
        settings = self._options.settings_of(*backends.settings_of(config))
        normalize_instance_groups(config, self._gpus)
        rules.check_instance_groups(config, self._gpus)
        is_python = config.backend == backends.PYTHON or backends.is_python_based(config)
        spec = None
        if isinstance(found.source, FunctionSource):
            completed = True
        elif is_python:
            completed = self._complete_python(found, config, files, settings)
        elif config.HasField("ensemble_scheduling"):
            completed = False
        else:
            spec, opened, completed = self._open(found, config, files, settings, opened)
        rules.check_given(config, provided=found.read.provided or bool(found.source.bare_file), completed=completed)
        rules.check_config(config)
        rules.check_io(config)
        labels = {**more_labels, **read_labels(config, found.source)}
        if opened is not None:
            check_signature(config, opened.signature)
        rules.check_serving(config, found.source.directory)
        if spec is None:
            spec = opening_spec(self._native, config, files, settings)
        complete(self._native, spec, _with_keys(config), labels)
        metrics = self._metrics(found, config, version, load_start)
        if is_python:
            if isinstance(found.source, FunctionSource):
                processes = self._start_function(found.source, config, spec)
            else:
                processes = self._start_python(found, config, files, settings, spec)
            return LoadedVersion(config, labels, self._link(processes, spec, metrics), processes)
        handle = Handle(self._engine.load_model(spec, opened, metrics))
        if opened is not None and not labels:
            self._examples.add(found.likeness, Example(config, spec, opened.signature))
        return LoadedVersion(config, labels, handle)

    def _open(
        self,
        found: FoundModel,
        config: messages.ModelConfig,
        files: VersionFiles,
        settings: Mapping[str, str],
        opened: Any,
    ) -> tuple[Any, Any, bool]:
        """Open a model's file, unless it is `opened`, and complete `config` by what it says.

        Returns the specification that it was opened with, the opened file, and whether it said what the model takes.
        """
        if config.backend == backends.ONNXRUNTIME:
            self._prepare_runtime(config)
        spec = opening_spec(self._native, config, files, settings)
        if opened is None:
            opened = self._engine.open_model(spec)
        if not self._options.disable_auto_complete_config or found.source.bare_file:
            autocomplete(config, opened.signature, _default_max_batch_size(settings))
            normalize(config)
        return spec, opened, opened.signature.known and not self._options.disable_auto_complete_config

    def _metrics(self, found: FoundModel, config: messages.ModelConfig, version: int, load_start: int = 0) -> Any:
        """Make the specification of a version's metrics; None where there are to be none."""
        if not self._options.allow_metrics:
            return None
        namespace = found.source.repository if self._options.model_namespacing else None
        return metrics_spec(self._native, config, version, namespace, load_start)

    def close(self) -> None:
        """Wait for what was begun aside."""
        if self._beginning is not None:
            self._beginning.join()

    def may_update(self, found: FoundModel, loaded: LoadedVersion) -> bool:
        """Tell whether the instances of a version can be changed while it is served, if they alone differ."""
        if loaded.config.HasField("ensemble_scheduling") or isinstance(found.source, FunctionSource):
            return False
        # The rate limiter is asked for all instances of a model or for none.
        wanted, has = instances.needs_resources(found.config), instances.needs_resources(loaded.config)
        return self._options.rate_limit == "off" or wanted == has

    def prepare_update(self, found: FoundModel, version: int, loaded: LoadedVersion) -> InstanceUpdate:
        """Make the instances that a version lacks for the instance groups of `found`. Raises TritonError."""
        with _only_this_model(found.source.name):
            try:
                return self._prepare_update(found, version, loaded)
            except ConfigError as error:
                raise found.read.placed(error) from None

    def _prepare_update(self, found: FoundModel, version: int, loaded: LoadedVersion) -> InstanceUpdate:
        config = messages.ModelConfig()
        config.CopyFrom(loaded.config)
        for field in ("instance_group", "version_policy"):
            config.ClearField(field)
        config.instance_group.extend(found.config.instance_group)
        config.version_policy.CopyFrom(found.config.version_policy)
        normalize_instance_groups(config, self._gpus)
        rules.check_instance_groups(config, self._gpus)
        rules.check_serving(config, found.source.directory)
        if config.backend == backends.ONNXRUNTIME:
            self._prepare_runtime(config)
        settings = self._options.settings_of(*backends.settings_of(config))
        files = found.source.files(version, config.default_model_filename)
        spec = model_spec(self._native, config, files, settings, loaded.labels)
        running = loaded.instances
        if running is None:
            before = model_spec(self._native, loaded.config, files, settings, loaded.labels)
            running = instances.first(instances.placed(self._native, loaded.config, before))
        wanted = instances.placed(self._native, config, spec)
        update = InstanceUpdate(self._engine, loaded, running, config, wanted)
        if loaded.processes is not None:
            from triton_lite.engine.model_processes.placement import place

            update.start(spec, self._python_version(found, config, files), place(self._native, spec))
        else:
            update.make(spec)
        return update

    def _complete_python(
        self, found: FoundModel, config: messages.ModelConfig, files: VersionFiles, settings: Mapping[str, str]
    ) -> bool:
        """Let a Python model complete its configuration. Returns whether it was asked. Raises TritonError."""
        from triton_lite.engine.model_processes.settings import python_settings

        limits = python_settings(settings, config)
        version = self._python_version(found, config, files)
        version.check_code()
        if self._options.disable_auto_complete_config:
            return False
        completed = self._processes.complete(version, limits)
        if completed is not None:
            take_over(config, completed)
            normalize(config)
        return True

    def _start_python(
        self,
        found: FoundModel,
        config: messages.ModelConfig,
        files: VersionFiles,
        settings: Mapping[str, str],
        spec: Any,
    ) -> RunningModel:
        """Start the processes of a Python model. Raises TritonError."""
        from triton_lite.engine.model_processes.placement import place
        from triton_lite.engine.model_processes.settings import python_settings

        placements = place(self._native, spec)
        version = self._python_version(found, config, files)
        return self._processes.open(version, placements, python_settings(settings, config))

    def _start_function(self, source: FunctionSource, config: messages.ModelConfig, spec: Any) -> RunningModel:
        """Start the threads of a function."""
        names = [one.name for one in self._native.place_instances(spec)]
        link = self._native.ModelLink
        reads_memory = link.reads_memory(os.getpid())
        return self._processes.adopt(lambda on_gone: source.run(config, names, link, reads_memory, on_gone))

    def _link(self, processes: RunningModel, spec: Any, metrics: Any) -> Handle:
        """Give processes to the data plane. Raises TritonError; they end then."""
        opened = None
        try:
            opened = self._engine.open_python_model(processes.give_links())
            return Handle(self._engine.load_model(spec, opened, metrics))
        except BaseException:
            # The processes end when the data plane has let go of them, of which this frame may hold the last share.
            opened = None
            processes.stop()
            raise

    def _python_version(self, found: FoundModel, config: messages.ModelConfig, files: VersionFiles) -> ModelVersion:
        from triton_lite.engine.model_processes.model import ModelVersion

        source = found.source
        key = f"{source.repository}::{source.name}" if self._options.model_namespacing else source.name
        return ModelVersion(key, config, source.directory, files, self._options.backend_directory)

    def _begin_runtime(self, config: messages.ModelConfig) -> None:
        """Have ONNX Runtime loaded while the other configurations are read, which takes as long."""
        with suppress(Exception):  # The first load says it.
            self._prepare_runtime(config)
            self._native.prepare_onnxruntime(self._options.settings_of(config.backend))

    def _prepare_runtime(self, config: messages.ModelConfig) -> None:
        """Point the data plane at ONNX Runtime and what it needs, before the first model that needs it."""
        on_gpu = any(group.kind == messages.ModelInstanceGroup.KIND_GPU for group in config.instance_group)
        with self._runtime_lock:
            if on_gpu:
                cuda_libraries.load()
            if not self._runtime_ready:
                self._native.configure_onnxruntime(onnxruntime_library.find_library())
                self._runtime_ready = True


def _with_keys(config: messages.ModelConfig) -> messages.ModelConfig:
    """Name the models of an ensemble's steps by their keys, which the data plane serves them under."""
    if not any(step.model_namespace for step in config.ensemble_scheduling.step):
        return config
    keyed = messages.ModelConfig()
    keyed.CopyFrom(config)
    for step in keyed.ensemble_scheduling.step:
        if step.model_namespace:
            step.model_name = f"{step.model_namespace}::{step.model_name}"
    return keyed


@contextmanager
def _only_this_model(name: str) -> Iterator[None]:
    """Turn an error that nobody thought of into one of this model, so that the others are served."""
    try:
        yield
    except TritonError:
        raise
    except Exception as error:
        _log.exception("loading '%s' ended unexpectedly", name)
        raise TritonError(Code.INTERNAL, f"unexpected error while loading model '{name}': {error}") from error


def _default_max_batch_size(settings: Mapping[str, str]) -> int:
    value = settings.get("default-max-batch-size", str(_DEFAULT_MAX_BATCH_SIZE))
    try:
        return int(value)
    except ValueError:
        raise TritonError(
            Code.INVALID_ARGUMENT, f"--backend-config=default-max-batch-size: expected an integer, got '{value}'"
        ) from None

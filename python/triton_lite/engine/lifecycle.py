"""Loads and unloads models: finds them, orders them, loads versions side by side, and serves what is complete."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field

from triton_lite.config.ensemble import check_ensemble
from triton_lite.config.error import ConfigError, advice_of, explain
from triton_lite.engine import plan
from triton_lite.engine.loader import DataPlane, FoundModel, LoadedVersion, Loader, status_text
from triton_lite.engine.notice import unbuilt_features
from triton_lite.engine.options import EngineOptions
from triton_lite.engine.state import UNLOADED, ModelTable, Problem, State
from triton_lite.errors import Code, TritonError
from triton_lite.proto import messages
from triton_lite.repository import scan, versions

_log = logging.getLogger(__name__)


@dataclass
class _Loading:
    """One model on its way: what became of its versions so far."""

    found: FoundModel
    wanted: list[int]
    loaded: dict[int, LoadedVersion] = field(default_factory=dict)
    failed: dict[int, TritonError] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        return len(self.loaded) + len(self.failed) == len(self.wanted)


class Lifecycle:
    """The models of one engine. Thread-safe: calls for different models run side by side, for the same in turn."""

    def __init__(self, loader: Loader, engine: DataPlane, options: EngineOptions) -> None:
        self.table = ModelTable()
        self._loader = loader
        self._engine = engine
        self._options = options
        self._pool = ThreadPoolExecutor(options.model_load_thread_count, thread_name_prefix="model-load")
        self._free = threading.Condition()
        self._busy: set[str] = set()  # Guarded by _free.
        self._served: dict[str, dict[int, LoadedVersion]] = {}  # Written under the model's turn.
        self._known: set[str] = set()  # Models whose configuration was once found valid.

    def initial_models(self) -> list[str]:
        """Name the models to load at start. Raises TritonError when a repository is not there."""
        scan.check_repositories(self._options.model_repository)
        if self._options.model_control_mode == "explicit" and self._options.load_model != ["*"]:
            return list(dict.fromkeys(self._options.load_model))
        return list(scan.scan(self._options.model_repository))

    def load(self, names: Iterable[str]) -> dict[str, TritonError]:
        """Load or reload models, and the models that ensembles among them need.

        Returns what went wrong, by name; the others are served when this returns. A model that was served before
        and fails to reload is served as before.
        """
        found, failures = self._find(names)
        self._known |= found.keys()
        with self._turn(found):
            self._refuse_circles(found, failures)
            healthy = {name: model.config for name, model in found.items() if name not in failures}
            for level in plan.levels(healthy, healthy):
                failures |= self._load_level([found[name] for name in level], failures)
        for name, error in failures.items():
            self.table.set_problem(name, Problem(error.text, advice_of(error)))
        for name in found.keys() - failures.keys():
            self.table.set_problem(name, None)
        return failures

    def unload(self, name: str) -> None:
        """Stop serving a model; requests that are in it end on it."""
        with self._turn([name]):
            ready = self.table.ready_versions(name)
            for version in ready:
                self.table.advance(name, version, State.UNLOADING)
            self._engine.retract(name)
            self._served.pop(name, None)
            for version in ready:
                self.table.advance(name, version, State.UNAVAILABLE, reason=UNLOADED)
                _log.info("successfully unloaded '%s' version %d", name, version)

    def close(self) -> None:
        """Stop loading: what has not begun is dropped."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _find(self, names: Iterable[str]) -> tuple[dict[str, FoundModel], dict[str, TritonError]]:
        """Read the configurations of models, and of those that ensembles need and that are not served yet."""
        found: dict[str, FoundModel] = {}
        failures: dict[str, TritonError] = {}
        waiting = list(names)
        for name in waiting:
            if name in found or name in failures:
                continue
            try:
                found[name] = self._find_one(name)
            except TritonError as error:
                _log.error("Poll failed for model directory '%s': %s", name, explain(error))
                failures[name] = error
                continue
            waiting += [needed for needed in plan.steps_of(found[name].config) if needed not in self._served]
        return found, failures

    def _find_one(self, name: str) -> FoundModel:
        sources = scan.find(self._options.model_repository, name)
        if not sources:
            raise TritonError(Code.INTERNAL, f"failed to poll model '{name}': model not found in any model repository.")
        if len(sources) > 1:
            raise TritonError(Code.INTERNAL, f"failed to poll model '{name}': not unique across all model repositories")
        return self._loader.find(sources[0])

    @contextmanager
    def _turn(self, names: Iterable[str]) -> Iterator[None]:
        """Wait until nobody else loads or unloads any of the models."""
        wanted = set(names)
        with self._free:
            self._free.wait_for(lambda: not (wanted & self._busy))
            self._busy |= wanted
        try:
            yield
        finally:
            with self._free:
                self._busy -= wanted
                self._free.notify_all()

    def _refuse_circles(self, found: Mapping[str, FoundModel], failures: dict[str, TritonError]) -> None:
        configs = {name: model.config for name, model in found.items()}
        for name in found:
            by = plan.find_circle(name, configs)
            if by:
                text = f"circular dependency between ensembles: {name} -> ... -> {by} -> {name}"
                failures[name] = ConfigError(text, field=("ensemble_scheduling",))
                _log.error("%s", status_text(failures[name]))

    def _load_level(self, models: Iterable[FoundModel], earlier: Mapping[str, TritonError]) -> dict[str, TritonError]:
        """Load models that do not need each other. Returns what went wrong."""
        failures: dict[str, TritonError] = {}
        jobs: dict[Future[LoadedVersion], tuple[_Loading, int]] = {}
        for found in models:
            name = found.source.name
            try:
                self._check_models(found, earlier)
            except ConfigError as error:
                failures[name] = found.read.placed(error)
                _log.error("%s", status_text(error))
                continue
            loading = _Loading(found, versions.select(found.config, found.source.versions()))
            if not loading.wanted:
                self.table.try_without_version(name)
                failures[name] = _no_version(found)
                _log.error("failed to load model '%s': %s", name, explain(failures[name]))
            for version in loading.wanted:
                jobs[self._begin(loading, version)] = (loading, version)
        for job in as_completed(jobs):
            loading, version = jobs[job]
            try:
                loading.loaded[version] = job.result()
            except TritonError as error:
                loading.failed[version] = error
            if loading.complete:
                self._finish(loading, failures)
        return failures

    def _check_models(self, ensemble: FoundModel, earlier: Mapping[str, TritonError]) -> None:
        """Check that the models of an ensemble are served and fit together. Raises ConfigError."""
        name, config = ensemble.source.name, ensemble.config
        needed = plan.steps_of(config)
        missing = sorted(needed.keys() - self._known)
        if missing:
            raise ConfigError(
                f"ensemble {name} contains models that are not available or ambiguous: {', '.join(missing)}",
                field=("ensemble_scheduling",),
            )
        for model, wanted in needed.items():
            prefix = f"ensemble '{name}' depends on '{model}' "
            served = self._served.get(model, {})
            if not served:
                text = f"{prefix}which has no loaded version."
                if model in earlier:
                    text += f" Model '{model}' loading failed with error: {earlier[model].text}"
                raise ConfigError(text, field=("ensemble_scheduling",))
            for version in sorted(wanted - {-1} - served.keys()):
                raise ConfigError(
                    f"{prefix}whose required version {version} is not loaded.", field=("ensemble_scheduling",)
                )
        if needed:
            check_ensemble(config, self._config_of)

    def _config_of(self, model: str) -> messages.ModelConfig:
        served = self._served[model]
        return served[max(served)].config

    def _begin(self, loading: _Loading, version: int) -> Future[LoadedVersion]:
        name = loading.found.source.name
        _log.info("loading: %s:%d", name, version)
        if version not in self._served.get(name, {}):  # A reload is made aside, while the version is served.
            self.table.advance(name, version, State.LOADING)
        return self._pool.submit(self._load_version, loading.found, version, self._labels_for(loading.found.config))

    def _labels_for(self, config: messages.ModelConfig) -> dict[str, list[str]]:
        """Take the labels of an ensemble's outputs from the models that produce them."""
        labels: dict[str, list[str]] = {}
        for step in config.ensemble_scheduling.step:
            served = self._served[step.model_name]
            known = served[step.model_version if step.model_version in served else max(served)].labels
            labels |= {mapped: known[output] for output, mapped in step.output_map.items() if output in known}
        return labels

    def _load_version(self, found: FoundModel, version: int, labels: Mapping[str, list[str]]) -> LoadedVersion:
        for left in range(self._options.model_load_retry_count, -1, -1):
            try:
                return self._loader.load(found, version, labels)
            except TritonError as error:
                _log.error("failed to load '%s' version %d: %s", found.source.name, version, explain(error))
                if not left:
                    raise
        raise AssertionError("model_load_retry_count is negative")

    def _finish(self, loading: _Loading, failures: dict[str, TritonError]) -> None:
        """Serve all versions of a model, or none of the new ones."""
        name = loading.found.source.name
        before = self._served.get(name, {})
        if loading.failed:
            failures[name] = self._give_up(loading, before)
            _log.info("failed to load '%s'", name)
            return
        self._engine.publish(name, {version: one.handle for version, one in loading.loaded.items()}, [])
        self._served[name] = dict(loading.loaded)
        for version in before.keys() - loading.loaded.keys():
            self.table.advance(name, version, State.UNLOADING)
            self.table.advance(name, version, State.UNAVAILABLE, reason=UNLOADED)
        for version, one in loading.loaded.items():
            self.table.advance(name, version, State.READY, config=one.config)
        for notice in unbuilt_features(loading.found.config):
            _log.warning("model '%s': %s", name, notice)
        _log.info("successfully loaded '%s'", name)

    def _give_up(self, loading: _Loading, before: Mapping[int, LoadedVersion]) -> TritonError:
        name = loading.found.source.name
        text = ""
        for version in loading.wanted:
            error = loading.failed.get(version)
            if version not in before:
                reason = status_text(error) if error else UNLOADED
                advice = advice_of(error) if error else ""
                self.table.advance(name, version, State.UNAVAILABLE, reason=reason, advice=advice)
            if error:
                text += f"version {version} is at UNAVAILABLE state: {status_text(error)};"
        if not before:
            self._engine.publish(name, {}, loading.wanted)
        return TritonError(Code.INVALID_ARGUMENT, text)


def _no_version(found: FoundModel) -> ConfigError:
    name = found.source.name
    there = found.source.versions()
    expected = f"a folder with a number for each version, as {found.source.directory}/1"
    if there:
        expected = f"a version_policy that allows one of {', '.join(map(str, there))}"
    return ConfigError(
        f"at least one version must be available under the version policy of model '{name}'",
        field=("version_policy",) if there else (),
        expected=expected,
    )

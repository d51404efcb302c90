"""Loads the versions of models side by side, and serves a model when all of its versions are there."""

from __future__ import annotations

import contextlib
import functools
import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, field, replace
from typing import Any

from triton_lite import logs
from triton_lite.config.error import ConfigError, advice_of, explain
from triton_lite.engine.catalog import Known
from triton_lite.engine.instance_update import Departure, InstanceUpdate
from triton_lite.engine.instances import only_instances_differ
from triton_lite.engine.load_threads import Jobs, LoadThreads
from triton_lite.engine.loaded_version import LoadedVersion
from triton_lite.engine.loader import DataPlane, FoundModel, Loader, status_text
from triton_lite.engine.model_processes.running import RunningModel
from triton_lite.engine.notice import uncached
from triton_lite.engine.options import EngineOptions
from triton_lite.engine.state import UNLOADED, ModelTable, State, VersionStatus
from triton_lite.errors import Code, TritonError
from triton_lite.proto import messages
from triton_lite.repository import versions
from triton_lite.repository.override import Scratch

_log = logging.getLogger(__name__)

# How long an unload call waits for requests that are in the model; afterwards the index shows UNLOADING.
_UNLOAD_SECONDS = 0.5

# How long a load call waits for instances that are not wanted any more: one that has a sequence may take for ever.
_DEPARTURE_SECONDS = 10.0
_SEQUENCE_DEPARTURE_SECONDS = 0.5

# Small models that one thread loads at once.
_MOST_AT_ONCE = 32

Labels = Mapping[str, list[str]]


@dataclass(frozen=True)
class Served:
    """One version that is served, the configuration that it was loaded with, before it was completed, and the folder of
    its files where these came with a load call.
    """

    loaded: LoadedVersion
    asked: messages.ModelConfig
    scratch: Scratch | None = None


@dataclass
class _Loading:
    """One model on its way: what became of its versions so far. changing: those of which only the instances change.

    `end` is for the threads that load its versions; the rest for one thread alone.
    """

    key: str
    found: FoundModel
    scratch: Scratch | None
    wanted: list[int]
    kept: dict[int, Served]
    changing: dict[int, Served]
    updates: dict[int, InstanceUpdate] = field(default_factory=dict)
    loaded: dict[int, LoadedVersion] = field(default_factory=dict)
    failed: dict[int, TritonError] = field(default_factory=dict)
    departures: list[Departure] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def complete(self) -> bool:
        done = len(self.kept) + len(self.updates) + len(self.loaded) + len(self.failed)
        return done == len(self.wanted)

    def end(self, version: int, result: LoadedVersion | InstanceUpdate | TritonError) -> bool:
        """Note what became of a version. Returns whether it was the last one."""
        with self._lock:
            if isinstance(result, TritonError):
                self.failed[version] = result
            elif isinstance(result, InstanceUpdate):
                self.updates[version] = result
            else:
                self.loaded[version] = result
            return self.complete


@dataclass(frozen=True)
class _Alike:
    """A version that may be like others that were loaded."""

    loading: _Loading
    version: int


class VersionLoads:
    """The versions that are served. Calls for different models may run side by side, for the same one in turn."""

    def __init__(self, loader: Loader, engine: DataPlane, options: EngineOptions, table: ModelTable) -> None:
        self._loader = loader
        self._engine = engine
        self._options = options
        self._table = table
        self._threads = LoadThreads(options.model_load_thread_count, "model-load")
        self._served: dict[str, dict[int, Served]] = {}  # Written under the model's turn.

    def served(self, key: str) -> Mapping[int, LoadedVersion]:
        """Return the versions of a model that are served."""
        return {version: one.loaded for version, one in self._served.get(key, {}).items()}

    def load(
        self, models: Mapping[str, Known], labels_of: Callable[[str], Labels], *, apart: bool = False
    ) -> dict[str, TritonError]:
        """Load models that do not need each other. Returns what went wrong, by key.

        A model that was served before and fails to load is served as before. labels_of: labels that an ensemble takes
        from its models. apart: on threads of their own, since a model that is being loaded waits for these.
        """
        if not apart:
            return self._load(models, labels_of, self._threads.begin())
        threads = LoadThreads(self._options.model_load_thread_count, "model-load-apart")
        with contextlib.closing(threads):
            return self._load(models, labels_of, threads.begin())

    def _load(
        self, models: Mapping[str, Known], labels_of: Callable[[str], Labels], jobs: Jobs
    ) -> dict[str, TritonError]:
        failures: dict[str, TritonError] = {}
        alike: deque[_Alike] = deque()
        loadings: list[_Loading] = []
        for key, known in models.items():
            loading = self._plan(key, known)
            loadings.append(loading)
            self._begin(loading, labels_of(key), jobs, alike, failures)
            if not loading.wanted:
                self._table.try_without_version(key)
                failures[key] = _no_version(known.model)
                _log.error("failed to load model '%s': %s", key, explain(failures[key]))
            elif len(loading.kept) == len(loading.wanted):
                self._finish(loading, failures)
        jobs.wait()
        for loading in loadings:
            _wait_for_departures(loading)
        return failures

    def unload(self, key: str) -> None:
        """Stop serving a model; requests that are in it end on it, which this waits for only a moment."""
        leaving = {
            version: self._table.advance(key, version, State.UNLOADING) for version in self._table.ready_versions(key)
        }
        retirement = self._engine.retract(key)
        ends = _let_go(self._served.pop(key, {}))
        if not leaving:
            return
        if not ends and retirement.wait(_UNLOAD_SECONDS):
            self._end_unloading(key, leaving)
            return
        waiting = threading.Thread(
            target=self._wait_for_end, args=(key, retirement, ends, leaving), name="unload", daemon=True
        )
        waiting.start()
        waiting.join(_UNLOAD_SECONDS)

    def scratches(self) -> set[Scratch | None]:
        """Collect the folders of files that versions were loaded from which are served."""
        return {one.scratch for versions in list(self._served.values()) for one in list(versions.values())}

    def processes(self, key: str, version: int) -> RunningModel | None:
        """Return the processes of a version that is served, if it has any."""
        served = self._served.get(key, {}).get(version)
        return served.loaded.processes if served is not None else None

    def close(self) -> None:
        """Stop loading: what has not begun is dropped. Waits for what has, and lets go of what is served."""
        self._threads.close()
        self._loader.close()
        while self._served:
            _, versions = self._served.popitem()
            _let_go(versions)

    def _wait_for_end(
        self, key: str, retirement: Any, ends: Sequence[Future[None]], leaving: Mapping[int, VersionStatus]
    ) -> None:
        retirement.wait()
        wait(ends)
        self._end_unloading(key, leaving)

    def _end_unloading(self, key: str, leaving: Mapping[int, VersionStatus]) -> None:
        for version, status in leaving.items():
            # Unless it was loaded again meanwhile.
            if self._table.advance_from(key, version, status, State.UNAVAILABLE, reason=UNLOADED):
                _log.info("successfully unloaded '%s' version %d", key, version)

    def _plan(self, key: str, known: Known) -> _Loading:
        """Decide which versions are wanted, and which are served already, just as they are wanted or nearly so."""
        config = known.model.config
        wanted = versions.select(config, known.model.source.versions())
        unchanged = {
            version: one
            for version, one in self._served.get(key, {}).items()
            if version in wanted
            and not known.times.version_is_newer_than(known.before, version)
            and not known.scratch
            and only_instances_differ(one.asked, config)
            # Triton keeps no version of an ensemble: the models of its steps may be other ones.
            and not config.HasField("ensemble_scheduling")
        }
        kept = {version: one for version, one in unchanged.items() if _same_instances(one.asked, config)}
        changing = {
            version: one
            for version, one in unchanged.items()
            if version not in kept and self._loader.may_update(known.model, one.loaded)
        }
        kept = {version: _with_policy(one, config) for version, one in kept.items()}
        return _Loading(key, known.model, known.scratch, wanted, kept, changing)

    def _begin(
        self,
        loading: _Loading,
        labels: Labels,
        jobs: Jobs,
        alike: deque[_Alike],
        failures: dict[str, TritonError],
    ) -> None:
        """Load what is to be loaded of a model, on other threads; the last one to end makes the model served."""
        key, found = loading.key, loading.found
        for version in loading.wanted:
            if version in loading.kept:
                continue
            if logs.settings().info:  # A record that nobody wants takes as long as all else that is done here.
                _log.info("loading: %s:%d", key, version)
            if version in loading.changing:
                loaded = loading.changing[version].loaded
                update = functools.partial(self._prepare_update, found, version, loaded)
                jobs.add(functools.partial(self._make, loading, version, update, failures))
                continue
            if version not in self._served.get(key, {}):  # A reload is made aside, while the version is served.
                self._table.advance(key, version, State.LOADING)
            if found.likeness is not None:
                alike.append(_Alike(loading, version))
                jobs.add(functools.partial(self._load_alike, alike, jobs, failures))
            else:
                load = functools.partial(self._load_version, found, version, labels)
                jobs.add(functools.partial(self._make, loading, version, load, failures))

    def _load_alike(self, waiting: deque[_Alike], jobs: Jobs, failures: dict[str, TritonError]) -> None:
        """Load some at once, fewer the fewer there are left: other threads are to have work, too."""
        count = len(waiting) // (2 * self._options.model_load_thread_count)
        some: list[_Alike] = []
        with contextlib.suppress(IndexError):  # Others take of them, too.
            some.append(waiting.popleft())
            while self._loader.has_example(some[0].loading.found) and len(some) < min(count, _MOST_AT_ONCE):
                some.append(waiting.popleft())
        results = self._loader.load_alike([(one.loading.found, one.version) for one in some]) if some else []
        for one, (loaded, opened) in zip(some, results, strict=True):
            if loaded is not None:
                self._end(one.loading, one.version, loaded, failures)
                continue
            load = functools.partial(self._load_version, one.loading.found, one.version, {}, opened)
            if one is some[-1]:
                self._make(one.loading, one.version, load, failures)
            else:
                jobs.add(functools.partial(self._make, one.loading, one.version, load, failures))

    def _make(
        self,
        loading: _Loading,
        version: int,
        make: Callable[[], LoadedVersion | InstanceUpdate],
        failures: dict[str, TritonError],
    ) -> None:
        result: LoadedVersion | InstanceUpdate | TritonError
        try:
            result = make()
        except TritonError as error:
            result = error
        self._end(loading, version, result, failures)

    def _end(
        self,
        loading: _Loading,
        version: int,
        result: LoadedVersion | InstanceUpdate | TritonError,
        failures: dict[str, TritonError],
    ) -> None:
        if loading.end(version, result):
            self._finish(loading, failures)

    def _load_version(self, found: FoundModel, version: int, labels: Labels, opened: Any = None) -> LoadedVersion:
        for left in range(self._options.model_load_retry_count, -1, -1):
            try:
                return self._loader.load(found, version, labels, opened)
            except TritonError as error:
                opened = None  # Used up.
                _log.error("failed to load '%s' version %d: %s", found.source.name, version, explain(error))
                if not left:
                    raise
        raise AssertionError("model_load_retry_count is negative")

    def _prepare_update(self, found: FoundModel, version: int, loaded: LoadedVersion) -> InstanceUpdate:
        try:
            return self._loader.prepare_update(found, version, loaded)
        except TritonError as error:
            _log.error("failed to update '%s' version %d: %s", found.source.name, version, explain(error))
            raise

    def _finish(self, loading: _Loading, failures: dict[str, TritonError]) -> None:
        """Serve all versions of a model, or none of the new ones."""
        key = loading.key
        before = self._served.get(key, {})
        if loading.failed:
            failures[key] = self._give_up(loading, before)
            for unused in loading.loaded.values():
                unused.let_go()
            loading.loaded.clear()
            for update in loading.updates.values():
                update.discard()
            loading.updates.clear()
            _log.info("failed to load '%s'", key)
            return
        asked = loading.found.config
        serving = loading.kept | {
            version: Served(one, asked, loading.scratch) for version, one in loading.loaded.items()
        }
        for version, update in loading.updates.items():
            loaded, departure = update.commit()
            serving[version] = Served(loaded, asked, loading.changing[version].scratch)
            loading.departures.append(departure)
        self._publish(key, serving)
        self._served[key] = serving
        stays = loading.kept.keys() | loading.updates.keys()
        _let_go({version: one for version, one in before.items() if version not in stays})
        for version in before.keys() - serving.keys():
            self._table.advance(key, version, State.UNLOADING)
            self._table.advance(key, version, State.UNAVAILABLE, reason=UNLOADED)
            _log.info("successfully unloaded '%s' version %d", key, version)
        for version, one in serving.items():
            self._table.advance(key, version, State.READY, config=one.loaded.config)
        for notice in uncached(asked, bool(self._options.cache_config)):
            _log.warning("model '%s': %s", key, notice)
        if logs.settings().info:
            _log.info("successfully loaded '%s'", key)

    def _give_up(self, loading: _Loading, before: Mapping[int, Served]) -> TritonError:
        text = ""
        for version in loading.wanted:
            error = loading.failed.get(version)
            if version not in before:
                reason = status_text(error) if error else UNLOADED
                advice = advice_of(error) if error else ""
                self._table.advance(loading.key, version, State.UNAVAILABLE, reason=reason, advice=advice)
            if error:
                state = State.READY if version in loading.changing else State.UNAVAILABLE
                text += f"version {version} is at {state.value} state: {status_text(error)};"
        if not before.keys() >= set(loading.wanted):
            self._publish(loading.key, before)
        return TritonError(Code.INVALID_ARGUMENT, text)

    def _publish(self, key: str, serving: Mapping[int, Served]) -> None:
        # Whatever else was ever loaded is not ready, which is not the same as never having been there.
        unready = [version for version in self._table.versions(key) or {} if version not in serving]
        self._engine.publish(key, {version: one.loaded.handle.native for version, one in serving.items()}, unready)


def _wait_for_departures(loading: _Loading) -> None:
    in_sequence = loading.found.config.HasField("sequence_batching")
    for departure in loading.departures:
        departure.wait(_SEQUENCE_DEPARTURE_SECONDS if in_sequence else _DEPARTURE_SECONDS)


def _same_instances(one: messages.ModelConfig, other: messages.ModelConfig) -> bool:
    return list(one.instance_group) == list(other.instance_group)


def _let_go(versions: Mapping[int, Served]) -> list[Future[None]]:
    """Give up versions that are served no more. Returns the ends of their processes."""
    ends = [one.loaded.let_go() for one in versions.values()]
    return [end for end in ends if end is not None]


def _with_policy(served: Served, config: messages.ModelConfig) -> Served:
    shown = messages.ModelConfig()
    shown.CopyFrom(served.loaded.config)
    shown.version_policy.CopyFrom(config.version_policy)
    return Served(replace(served.loaded, config=shown), config, served.scratch)


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

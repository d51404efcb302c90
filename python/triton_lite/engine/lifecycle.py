"""Loads and unloads models: finds them, orders them by need, and keeps what is served in step with what was found."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from triton_lite.config.ensemble import check_ensemble
from triton_lite.config.error import ConfigError, advice_of
from triton_lite.engine import plan
from triton_lite.engine.catalog import Catalog, Known, Needs, ambiguous
from triton_lite.engine.finder import NOTHING, Change, Finder
from triton_lite.engine.journal import Journal, Record, RecordedModel
from triton_lite.engine.loader import DataPlane, Loader, status_text
from triton_lite.engine.options import EngineOptions
from triton_lite.engine.readiness import ReadinessChecks
from triton_lite.engine.state import ModelTable, Problem
from triton_lite.engine.turns import Turns
from triton_lite.engine.version_loads import VersionLoads
from triton_lite.errors import Code, TritonError
from triton_lite.proto import messages
from triton_lite.repository import scan
from triton_lite.repository.override import Override, Scratch, write_files
from triton_lite.repository.source import ModelSource

_log = logging.getLogger(__name__)

_STEPS = ("ensemble_scheduling",)


@dataclass(frozen=True)
class _Entered:
    """A change that has its turn: the models to load, what each needs, and the names that are concerned."""

    change: Change
    models: dict[str, Known]
    needs: dict[str, Needs]
    names: set[str]


class Lifecycle:
    """The models of one engine. Thread-safe: calls for unrelated models run side by side, for related ones in turn.

    The table and the data plane know models by key (see catalog): the name, unless namespacing is on.
    """

    def __init__(
        self, loader: Loader, engine: DataPlane, options: EngineOptions, journal: Journal | None = None
    ) -> None:
        self.table = ModelTable()
        self._engine = engine
        self._options = options
        self._journal = journal or Journal()
        self._finder = Finder(loader, options)
        self._loads = VersionLoads(loader, engine, options, self.table)
        self.readiness = ReadinessChecks(self.table, self._loads.processes, self.key_of)
        self._turns = Turns()
        self._free = self._turns.free  # Guards the catalog, too.
        self._awaited: set[str] = set()  # Of the start, until they are loaded.
        self._catalog = Catalog()
        self._scratches: set[Scratch] = set()  # Files of load calls, while anything stands for them.

    def await_initial(self, record: Record | None = None) -> None:
        """Say from now on, until they are loaded, that the models of the start are about to come, not unknown."""
        options = self._options
        if options.model_namespacing:
            return
        if options.model_control_mode == "explicit" and record is not None and record.models is not None:
            names = [model.name for model in record.models]
        elif options.model_control_mode == "explicit" and options.load_model != ["*"]:
            names = options.load_model
        else:
            try:
                names = list(scan.scan(options.model_repository))
            except TritonError:
                names = []  # Loading says it.
        self._awaited = set(names)
        for name in sorted(self._awaited):
            text = f"Request for unknown model: '{name}' is not at ready state"
            self._engine.refuse(name, int(Code.UNAVAILABLE), text)

    def load_initial(self, record: Record | None = None) -> dict[str, TritonError]:
        """Load the models of the start. Returns what went wrong, by key or name.

        record: what an engine had that this one takes the place of. Where models are loaded by nobody's call, the
        repositories count instead. Raises TritonError when a repository is not there.
        """
        options = self._options
        scan.check_repositories(options.model_repository)
        self._remove_abandoned(record)
        try:
            if options.model_control_mode == "explicit" and record is not None and record.models is not None:
                models = record.models
                change, results = self._apply(lambda: self._finder.find_recorded(self._catalog, models))
            elif options.model_control_mode != "explicit" or options.load_model == ["*"]:
                change, results = self._apply(lambda: self._finder.find_all(self._catalog))
            else:
                names = list(dict.fromkeys([*options.load_model, *self._finder.declared]))
                change, results = self._apply(lambda: self._finder.find_named(self._catalog, names))
        finally:
            for name in self._awaited:  # Of those that did not come.
                self._engine.refuse(name, int(Code.OK), "")
            self._awaited.clear()
        return change.failures | results

    def _remove_abandoned(self, record: Record | None) -> None:
        """Remove the files of load calls that an engine before this one did not finish."""
        for folder in list(record.loading) if record is not None else ():
            Scratch(folder).remove()
            self._journal.end_loading(folder)

    def poll(self) -> dict[str, TritonError]:
        """Bring everything in step with the repositories. Returns what went wrong, by key or name."""
        change, results = self._apply(lambda: self._finder.find_all(self._catalog))
        return change.failures | results

    def load(self, name: str, override: Override = NOTHING, *, within: str | None = None) -> None:
        """Load a model, or reload it if its files changed, and what it needs if it is an ensemble.

        It is served when this returns. Raises TritonError; what was served before is served as before then.
        within: the key of the model that asks for it, while it is loaded itself.
        Protocol: model repository extension, load.
        """
        self._require_control()
        if not name:
            # Triton 2.51's code with the text of its successors.
            raise TritonError(Code.INTERNAL, scan.EMPTY_NAME)
        scan.check_name(name)
        scratch = None
        if override.files:
            try:
                scratch = write_files(override)
            except TritonError as error:
                _log.error("Poll failed for model directory '%s': %s", name, error.text)
                raise _not_polled(name) from error
            self._journal.begin_loading(scratch.directory)
        try:
            change, results = self._apply(
                lambda: self._finder.find_named(self._catalog, [name], override, scratch), within
            )
        finally:
            if scratch and scratch not in self._scratches:  # Refused before anything stood for it.
                scratch.remove()
            if scratch:
                self._journal.end_loading(scratch.directory)
        errors = [(key, results[key]) for key in sorted(results) if key in self._keys_of(name)]
        if errors:
            text = "".join(f"load failed for model '{key}': {error.text}\n" for key, error in errors)
            raise TritonError(Code.INVALID_ARGUMENT, text)
        if change.failures:
            raise _not_polled(name)

    def unload(self, name: str, *, dependents: bool = False, within: str | None = None) -> None:
        """Stop serving a model; requests that are in it end on it. A name that is not known is no error.

        dependents: also what only this ensemble needed. within: see `load`.
        Protocol: model repository extension, unload.
        """
        self._require_control()

        def find() -> Change:
            keys = set(self._catalog.keys_of(name))
            return Change(gone=self._catalog.left_alone(keys) if dependents else keys)

        self._apply(find, within)

    @property
    def declared(self) -> dict[str, ModelSource]:
        """The models that are in no repository, by name."""
        return dict(self._finder.declared)

    def declare(self, source: ModelSource) -> None:
        """Let a model that is in no repository be among those of the start."""
        self._finder.declared[source.name] = source

    def add(self, source: ModelSource) -> None:
        """Serve a model that is in no repository, in whatever mode. Raises TritonError, ALREADY_EXISTS among others."""
        name = source.name
        in_repository = bool(scan.find(self._options.model_repository, name))
        with self._free:
            if in_repository or name in self._finder.declared or self._catalog.keys_of(name):
                raise TritonError(Code.ALREADY_EXISTS, f"there is a model '{name}' already")
            self.declare(source)
        change, results = self._apply(lambda: self._finder.find_named(self._catalog, [name]))
        failures = change.failures | results
        own = [error for key, error in failures.items() if key == name or key.endswith(f"::{name}")]
        if own:
            self.remove(name)
            raise own[0]

    def remove(self, name: str) -> None:
        """Stop serving a model that is in no repository, and forget it."""
        self._finder.declared.pop(name, None)
        self._apply(lambda: Change(gone=set(self._catalog.keys_of(name))))

    def key_of(self, name: str) -> str:
        """Return the key of a model. Raises TritonError where namespacing makes the name ambiguous or it is unknown."""
        if not self._options.model_namespacing:
            return name
        with self._free:
            return self._catalog.key_of(name)

    def close(self) -> None:
        """Stop loading: what has not begun is dropped. Removes the files that load calls gave."""
        self._loads.close()
        with self._free:
            for scratch in self._scratches:
                scratch.remove()

    def _require_control(self) -> None:
        if self._options.model_control_mode != "explicit":
            raise TritonError(Code.UNAVAILABLE, "explicit model load / unload is not allowed if polling is enabled")

    def _keys_of(self, name: str) -> list[str]:
        with self._free:
            return self._catalog.keys_of(name)

    def _apply(self, find: Callable[[], Change], within: str | None = None) -> tuple[Change, dict[str, TritonError]]:
        """Take over what `find` found. Returns it, and what went wrong with models, by key."""
        try:
            with self._turns.take(lambda: self._look(find), self._enter, within) as entered:
                change, models = entered.change, entered.models
                for key in sorted(change.gone):
                    self._loads.unload(key)
                results = self._load_by_need(models, entered.needs, apart=within is not None)
                if self._options.model_namespacing:
                    self._name_again(entered.names)
        finally:
            self._remove_unused_files()
        for key, error in (change.failures | results).items():
            self.table.set_problem(key, Problem(error.text, advice_of(error)))
        for key in models.keys() - results.keys():
            self.table.set_problem(key, None)
        self._record()
        return change, results

    def _record(self) -> None:
        with self._free:
            self._journal.record_models(
                [
                    RecordedModel(
                        known.model.source.name,
                        known.asked_for,
                        known.config,
                        known.scratch.directory if known.scratch else "",
                    )
                    for known in self._catalog.values()
                ]
            )

    def _look(self, find: Callable[[], Change]) -> tuple[tuple[Change, set[str], set[str]], set[str]]:
        """Find a change, the names that it concerns, and the ensembles; and all keys that it concerns."""
        change = find()
        names = {known.model.source.name for known in change.found.values()}
        names |= {self._catalog[key].model.source.name for key in change.gone if key in self._catalog}
        dependents = self._catalog.dependents(change.gone, names)
        return (change, names, dependents), {*change.found, *change.gone, *dependents, *change.unmodified}

    def _enter(self, found: tuple[Change, set[str], set[str]]) -> _Entered:
        """Enter a change in the catalog."""
        change, names, dependents = found
        for key in change.gone:
            self._catalog.pop(key, None)
        self._catalog.update(change.found)
        self._scratches |= {known.scratch for known in change.found.values() if known.scratch}
        models = {key: self._catalog[key] for key in (change.found.keys() | dependents) - change.gone}
        return _Entered(change, models, {key: self._catalog.needs(key) for key in models}, names)

    def _load_by_need(
        self, models: Mapping[str, Known], needs: Mapping[str, Needs], *, apart: bool
    ) -> dict[str, TritonError]:
        """Load models, each after those that it needs; unload what cannot be. Returns what went wrong."""
        graph = {key: needs[key].of.keys() for key in models}
        invalid = self._circles(models, graph)
        failures: dict[str, TritonError] = dict(invalid)
        for key in invalid:
            self._loads.unload(key)
        for level in plan.levels({key: graph[key] for key in graph if key not in invalid}):
            valid = {}
            for key in level:
                try:
                    self._check_needs(key, models[key], needs[key], failures, invalid)
                    valid[key] = models[key]
                except ConfigError as error:
                    invalid[key] = failures[key] = models[key].model.read.placed(error)
                    _log.error("%s", status_text(error))
                    self._loads.unload(key)
            failed = self._loads.load(valid, lambda key: self._labels_for(models[key], needs[key]), apart=apart)
            failures |= failed
            self._forget_times(failed)
        return failures

    def _circles(self, models: Mapping[str, Known], graph: plan.Graph) -> dict[str, TritonError]:
        found: dict[str, TritonError] = {}
        for key in models:
            by = plan.find_circle(key, graph)
            if by:
                text = f"circular dependency between ensembles: {key} -> ... -> {by} -> {key}"
                found[key] = models[key].model.read.placed(ConfigError(text, field=_STEPS))
                _log.error("%s", status_text(found[key]))
        return found

    def _check_needs(
        self,
        key: str,
        known: Known,
        needs: Needs,
        failures: Mapping[str, TritonError],
        invalid: Mapping[str, TritonError],
    ) -> None:
        """Check that the models of an ensemble are served and fit together. Raises ConfigError."""
        if needs.missing:
            raise ConfigError(
                f"ensemble {key} contains models that are not available or ambiguous: {', '.join(needs.missing)}",
                field=_STEPS,
            )
        for model, wanted in sorted(needs.of.items()):
            self._check_need(f"ensemble '{key}' depends on '{model}' ", model, wanted, failures, invalid)
        if needs.of:
            by_name = {self._name_of(model): model for model in needs.of}
            for step in known.model.config.ensemble_scheduling.step:
                step.model_namespace = by_name[step.model_name].rpartition("::")[0]
            check_ensemble(known.model.config, lambda name: self._config_of(by_name[name]))

    def _check_need(
        self,
        prefix: str,
        model: str,
        wanted: Iterable[int],
        failures: Mapping[str, TritonError],
        invalid: Mapping[str, TritonError],
    ) -> None:
        if model in invalid:
            raise ConfigError(
                f"{prefix}which is not valid. Model '{model}' failed with error: {invalid[model].text}", field=_STEPS
            )
        served = self._loads.served(model)
        if not served:
            text = f"{prefix}which has no loaded version."
            problem = failures[model].text if model in failures else self.table.problem_of(model)
            if problem:
                text += f" Model '{model}' loading failed with error: {problem}"
            raise ConfigError(text, field=_STEPS)
        for version in sorted(set(wanted) - {-1} - served.keys()):
            raise ConfigError(f"{prefix}whose required version {version} is not loaded.", field=_STEPS)

    def _name_of(self, key: str) -> str:
        with self._free:
            return self._catalog[key].model.source.name

    def _config_of(self, key: str) -> messages.ModelConfig:
        served = self._loads.served(key)
        return served[max(served)].config

    def _labels_for(self, known: Known, needs: Needs) -> dict[str, list[str]]:
        """Take the labels of an ensemble's outputs from the models that produce them."""
        by_name = {self._name_of(model): model for model in needs.of}
        labels: dict[str, list[str]] = {}
        for step in known.model.config.ensemble_scheduling.step:
            served = self._loads.served(by_name[step.model_name])
            known_labels = served[step.model_version if step.model_version in served else max(served)].labels
            labels |= {
                mapped: known_labels[output] for output, mapped in step.output_map.items() if output in known_labels
            }
        return labels

    def _forget_times(self, failed: Iterable[str]) -> None:
        """Let the next load of these models try again, although nothing changed."""
        with self._free:
            for key in failed:
                if key in self._catalog:
                    self._catalog[key] = self._catalog[key].failed()

    def _name_again(self, names: Iterable[str]) -> None:
        """Let names stand for the only model of theirs; refuse those that stand for several."""
        for name in names:
            keys = self._keys_of(name)
            if len(keys) > 1:
                self._engine.refuse(name, int(Code.INVALID_ARGUMENT), ambiguous(name, len(keys)))
            elif keys and keys[0] != name:
                self._engine.alias(name, keys[0])

    def _remove_unused_files(self) -> None:
        """Remove the files of load calls that neither the catalog nor anything that is served stands for any more."""
        if not self._scratches:
            return
        with self._free:
            used = {known.scratch for known in self._catalog.values()} | self._loads.scratches()
            unused = self._scratches - used
            self._scratches -= unused
        for scratch in unused:
            scratch.remove()


def _not_polled(name: str) -> TritonError:
    return TritonError(Code.INTERNAL, f"failed to load '{name}', failed to poll from model repository")

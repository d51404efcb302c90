"""Looks for models in the repositories and tells what is new, what changed and what went."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass, field

from triton_lite.config import text
from triton_lite.config.error import explain
from triton_lite.engine.catalog import Catalog, Known
from triton_lite.engine.journal import RecordedModel
from triton_lite.engine.loader import Loader
from triton_lite.engine.options import EngineOptions
from triton_lite.errors import Code, TritonError
from triton_lite.repository import scan
from triton_lite.repository.override import Override, Scratch
from triton_lite.repository.source import ModelSource
from triton_lite.repository.times import ModelTimes, newest, read_times

_log = logging.getLogger(__name__)

NOTHING = Override()
"""The override of a load call that gives none."""


@dataclass
class Change:
    """What a look at the repositories found, by key.

    found: new models and changed ones. unmodified: known, and as they were. gone: no longer there. failures: what
    could not be read; such a model stays as it was.
    """

    found: dict[str, Known] = field(default_factory=dict)
    unmodified: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    failures: dict[str, TritonError] = field(default_factory=dict)


class Finder:
    """Reads repositories against what is known. Changes nothing."""

    def __init__(self, loader: Loader, options: EngineOptions) -> None:
        self._loader = loader
        self._options = options
        self.declared: dict[str, ModelSource] = {}
        """Models that are in no repository, by name. They win over any of that name that comes into one later."""

    def find_all(self, catalog: Catalog) -> Change:
        """Look for every model of every repository."""
        change = Change()
        for name, sources in self._scan(change).items():
            for key, same in self._by_key(name, sources).items():
                if len(same) > 1:
                    change.failures[key] = _not_unique(name)
                    _log.error("%s", change.failures[key].text)
                else:
                    self._look(catalog, change, key, same[0], asked_for=True)
        there = change.found.keys() | change.unmodified
        # What cannot be read stays as it was, were it for a file system that is away for a while.
        unread = {key for key, known in catalog.items() if known.model.source.repository in change.failures}
        change.gone = set(catalog) - there - unread
        return change

    def find_named(
        self, catalog: Catalog, names: Iterable[str], override: Override = NOTHING, scratch: Scratch | None = None
    ) -> Change:
        """Look for models by name, and for those that ensembles among them need.

        override: stands in for what the repository has of the (only) model; scratch: where its files were written.
        """
        change = Change()
        asked_for = set(names)
        waiting, seen = sorted(asked_for), set(asked_for)
        for name in waiting:
            given = override if name in asked_for else NOTHING
            self._find_one(catalog, change, name, given, scratch if name in asked_for else None, name in asked_for)
            for known in [*change.found.values(), *(catalog[key] for key in change.unmodified)]:
                for step in known.model.config.ensemble_scheduling.step:
                    if step.model_name not in seen:
                        seen.add(step.model_name)
                        waiting.append(step.model_name)
        return change

    def find_recorded(self, catalog: Catalog, models: Iterable[RecordedModel]) -> Change:
        """Look for models as another engine knew them."""
        change = Change()
        for model in models:
            scratch = Scratch(model.files) if model.files else None
            self._find_one(catalog, change, model.name, Override(model.config), scratch, model.asked_for)
        return change

    def _find_one(
        self,
        catalog: Catalog,
        change: Change,
        name: str,
        override: Override,
        scratch: Scratch | None,
        asked_for: bool,
    ) -> None:
        if scratch is not None:
            source = ModelSource(name, scratch.directory, scratch.directory)
            self._look(catalog, change, name, source, asked_for, override, scratch)
            return
        try:
            by_key = self._by_key(name, self._find_sources(name))
            if not by_key:
                raise TritonError(
                    Code.INTERNAL, f"failed to poll model '{name}': model not found in any model repository."
                )
            for key, same in by_key.items():
                if len(same) > 1:
                    raise _not_unique(name)
                self._look(catalog, change, key, same[0], asked_for, override)
        except TritonError as error:
            _log.error("%s", error.text)
            change.failures[name] = error

    def _scan(self, change: Change) -> dict[str, list[ModelSource]]:
        found: dict[str, list[ModelSource]] = {}
        for repository in self._options.model_repository:
            try:
                for name, sources in scan.scan([repository]).items():
                    found.setdefault(name, []).extend(sources)
            except TritonError as error:
                _log.error("failed to poll model repository '%s': %s", repository, error.text)
                change.failures[os.path.abspath(repository)] = error
        for name, source in list(self.declared.items()):
            if name in found:
                _log.error("the model '%s' of a repository is not served: a function has its name", name)
            found[name] = [source]
        return dict(sorted(found.items()))

    def _find_sources(self, name: str) -> list[ModelSource]:
        declared = self.declared.get(name)
        return scan.find(self._options.model_repository, name) if declared is None else [declared]

    def _by_key(self, name: str, sources: list[ModelSource]) -> dict[str, list[ModelSource]]:
        by_key: dict[str, list[ModelSource]] = {}
        for source in sources:
            key = f"{source.repository}::{name}" if self._options.model_namespacing else name
            by_key.setdefault(key, []).append(source)
        return by_key

    def _look(
        self,
        catalog: Catalog,
        change: Change,
        key: str,
        source: ModelSource,
        asked_for: bool,
        override: Override = NOTHING,
        scratch: Scratch | None = None,
    ) -> None:
        known = catalog.get(key)
        before = known.times if known else ModelTimes()
        # Files that were given have no times: the next load without them undoes this one.
        times = ModelTimes() if scratch else self._times(source)
        try:
            config = override.read_config()
            if config is not None and scratch is None:
                times = times.with_new_config()
            elif config is None and known and not times.is_newer_than(before):
                change.unmodified.add(key)
                return
            asked_for = asked_for or (known is not None and known.asked_for)
            change.found[key] = Known(
                self._loader.find(source, config), times, before, asked_for, override.config, scratch
            )
        except TritonError as error:
            _log.error("Poll failed for model directory '%s': %s", source.name, explain(error))
            change.failures[key] = error
            if known:
                change.unmodified.add(key)

    def _times(self, source: ModelSource) -> ModelTimes:
        # Nobody will ask what changed since, or there are no files that could change.
        if self._options.model_control_mode == "none" or source.name in self.declared:
            return ModelTimes()
        if source.bare_file:
            return ModelTimes({os.path.basename(source.bare_file): newest(source.bare_file)})
        return read_times(source.directory, text.config_path(source.directory, self._options.model_config_name))


def _not_unique(name: str) -> TritonError:
    return TritonError(Code.ALREADY_EXISTS, f"failed to poll model '{name}': not unique across all model repositories")

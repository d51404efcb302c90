"""What is to be served: the models as they were last found, and which ensembles need which of them.

A model's key is its name; with model namespacing it is `REPOSITORY::NAME`, since names then repeat.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from triton_lite.engine.loader import FoundModel
from triton_lite.errors import Code, TritonError
from triton_lite.repository.override import Scratch
from triton_lite.repository.times import ModelTimes


@dataclass(frozen=True)
class Known:
    """One model as it was last found.

    before: what its files' times were when it was loaded last. asked_for: somebody named it, so it stays when the
    ensemble goes that needed it. config: the configuration that a load call gave, as it came; scratch: the folder of
    the files that it gave.
    """

    model: FoundModel
    times: ModelTimes
    before: ModelTimes
    asked_for: bool = False
    config: str | None = None
    scratch: Scratch | None = None

    def failed(self) -> Known:
        """Forget the new times, so that the next load tries again."""
        return replace(self, times=self.before)


@dataclass(frozen=True)
class Needs:
    """The models that one needs: versions by key (-1: any), and the names that nothing stands for."""

    of: Mapping[str, frozenset[int]]
    missing: tuple[str, ...] = ()


class Catalog(dict[str, Known]):
    """The known models by key. Not thread-safe."""

    def keys_of(self, name: str) -> list[str]:
        """List the keys of a name: more than one under namespacing."""
        if name in self:
            return [name]
        return [key for key in self if key.endswith(f"::{name}") and self[key].model.source.name == name]

    def key_of(self, name: str) -> str:
        """Return the only key of a name. Raises TritonError(INVALID_ARGUMENT) where it is unknown or ambiguous."""
        keys = self.keys_of(name)
        if not keys:
            raise TritonError(Code.INVALID_ARGUMENT, f"Request for unknown model: '{name}' is not found")
        if len(keys) > 1:
            raise TritonError(Code.INVALID_ARGUMENT, ambiguous(name, len(keys)))
        return keys[0]

    def step_key(self, ensemble: str, name: str) -> str | None:
        """Find the model that a step of an ensemble means: of its own namespace, else the only one of the name."""
        namespace, separator, _ = ensemble.rpartition("::")
        preferred = namespace + separator + name
        if preferred in self:
            return preferred
        keys = self.keys_of(name)
        return keys[0] if len(keys) == 1 else None

    def needs(self, key: str) -> Needs:
        """Tell what a model needs; nothing unless it is an ensemble."""
        found: dict[str, frozenset[int]] = {}
        missing: dict[str, None] = {}
        for step in self[key].model.config.ensemble_scheduling.step:
            needed = self.step_key(key, step.model_name)
            if needed is None:
                missing[step.model_name] = None
            else:
                found[needed] = found.get(needed, frozenset()) | {step.model_version}
        return Needs(found, tuple(sorted(missing)))

    def dependents(self, keys: Iterable[str], names: Iterable[str] = ()) -> set[str]:
        """List the ensembles that need any of `keys`, or anything of these names, directly or through others."""
        users: dict[str, set[str]] = defaultdict(set)
        for key, known in self.items():
            for step in known.model.config.ensemble_scheduling.step:
                users[step.model_name].add(key)
        waiting = [self[key].model.source.name for key in keys if key in self] + list(names)
        found: set[str] = set()
        while waiting:
            for user in users[waiting.pop()] - found:
                found.add(user)
                waiting.append(self[user].model.source.name)
        return found

    def left_alone(self, gone: Iterable[str]) -> set[str]:
        """List `gone` and what only these needed: models that nobody asked for and that no other ensemble needs."""
        removed = set(gone)
        while True:
            needed = {key for key in self if key not in removed for key in self.needs(key).of}
            orphans = {
                key
                for one in removed
                if one in self
                for key in self.needs(one).of
                if key not in removed and key not in needed and not self[key].asked_for
            }
            if not orphans:
                return removed
            removed |= orphans


def ambiguous(name: str, count: int) -> str:
    """Spell Triton's refusal of a name that stands in several repositories."""
    return (
        f"There are {count} identifiers of model '{name}' in global map, model namespace must be provided to resolve"
        " ambiguity."
    )

"""When a model's files were last changed, as Triton judges what has to be loaded anew."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class ModelTimes:
    """The newest change of each entry of a model's folder, in ns since the epoch; 0 stands for what cannot be read.

    entries: by name, "" is the folder itself. config: the entry that the configuration is in, if there is one.
    """

    entries: Mapping[str, int] = field(default_factory=dict)
    config: str = ""

    def is_newer_than(self, earlier: ModelTimes) -> bool:
        """Tell whether anything changed since `earlier`."""
        return max(self.entries.values(), default=0) > max(earlier.entries.values(), default=0)

    def version_is_newer_than(self, earlier: ModelTimes, version: int) -> bool:
        """Tell whether a version's folder or files that all share changed; the configuration does not count."""
        return self._newest_of(version) > earlier._newest_of(version)

    def with_new_config(self) -> ModelTimes:
        """Count the configuration as changed now: somebody gave another one."""
        return replace(self, entries={**self.entries, self.config: time.time_ns()})

    def _newest_of(self, version: int) -> int:
        shared = (
            changed
            for name, changed in self.entries.items()
            if name == str(version) or not (name == self.config or name == "" or (name.isascii() and name.isdigit()))
        )
        return max(shared, default=0)


def read_times(directory: str, config_path: str) -> ModelTimes:
    """Read the times of a model's folder. Empty when it cannot be read, so that it does not count as changed."""
    try:
        with os.scandir(directory) as entries:
            names = [entry.name for entry in entries]
        times = {"": os.stat(directory).st_mtime_ns}
    except OSError:
        return ModelTimes()
    for name in names:
        times[name] = newest(os.path.join(directory, name))
    config = os.path.relpath(config_path, directory).split(os.sep)[0]
    return ModelTimes(times, config if config in times else "")


def newest(path: str) -> int:
    """Return when the newest of a file or of all below a folder was changed, in ns; links are followed, once."""
    return _newest(path, set())


def _newest(path: str, seen: set[tuple[int, int]]) -> int:
    try:
        status = os.stat(path)
        if (status.st_dev, status.st_ino) in seen:
            return 0
        seen.add((status.st_dev, status.st_ino))
        if not os.path.isdir(path):
            return status.st_mtime_ns
        with os.scandir(path) as entries:
            paths = [entry.path for entry in entries]
    except OSError:
        return 0
    return max([status.st_mtime_ns, *(_newest(below, seen) for below in paths)])

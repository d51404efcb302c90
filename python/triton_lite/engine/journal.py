"""What was changed in an engine at run time, kept where an engine that takes its place finds it.

A file beside the socket, written anew (and swapped in) at each change; changes are control calls, which are rare. An
engine that ends in order takes it along, so that only one that was killed leaves it. It counts until the machine is
started anew.
"""

from __future__ import annotations

import base64
import contextlib
import json
import logging
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_log = logging.getLogger(__name__)

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def journal_path(socket: Path) -> Path:
    """Where the journal of the engine at `socket` is."""
    return socket.with_name(socket.name + ".journal")


@dataclass(frozen=True)
class RecordedModel:
    """A model that was known. asked_for: somebody named it. config: what a load call gave in place of the repository's.

    files: the folder with the files that a load call gave; "" without.
    """

    name: str
    asked_for: bool = True
    config: str | None = None
    files: str = ""


@dataclass(frozen=True)
class CudaRegion:
    """What a client registered a region of a GPU with. handle: CUDA's, in base64."""

    handle: str
    device_id: int
    byte_size: int

    @property
    def raw_handle(self) -> bytes:
        """The handle's bytes."""
        return base64.b64decode(self.handle)


@dataclass
class Record:
    """What a journal says.

    models: None where the models of the start never were loaded. system_regions: name, key, offset, byte size.
    traces: by model ("" for all), what was set, or None for what was cleared. loading: folders with files of load calls
    that are under way.
    """

    models: list[RecordedModel] | None = None
    system_regions: list[tuple[str, str, int, int]] = field(default_factory=list)
    cuda_regions: dict[str, CudaRegion] = field(default_factory=dict)
    traces: dict[str, dict[str, int | None]] = field(default_factory=dict)
    loading: list[str] = field(default_factory=list)

    @property
    def folders(self) -> list[str]:
        """The folders with files of load calls."""
        return [*(model.files for model in self.models or () if model.files), *self.loading]


class Journal:
    """The journal of a running engine. Thread-safe. Without a path nothing is kept."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._record = Record()

    def take_over(self) -> Record | None:
        """Return what the engine that was here before left, if it was killed; the same goes on to count."""
        if self._path is None:
            return None
        record = read(self._path)
        with self._lock:
            self._record = record or Record()
        return record

    def record_models(self, models: Sequence[RecordedModel]) -> None:
        """Remember all models that there are now."""
        with self._changing() as record:
            record.models = list(models)

    def begin_loading(self, folder: str) -> None:
        """Remember a folder before there is a model that has it. The model is none of ours before it is loaded: it may
        be what kills the engine."""
        with self._changing() as record:
            record.loading.append(folder)

    def end_loading(self, folder: str) -> None:
        """The folder is gone, or a model's."""
        with self._changing() as record:
            record.loading.remove(folder)

    def record_cuda_region(self, name: str, handle: bytes, device_id: int, byte_size: int) -> None:
        """Remember how a region is opened; `record_regions` says whether it is there."""
        with self._lock:
            text = base64.b64encode(handle).decode()
            self._record.cuda_regions[name] = CudaRegion(text, device_id, byte_size)

    def record_regions(self, system: Sequence[tuple[str, str, int, int]], cuda_names: Sequence[str]) -> None:
        """Remember all regions that there are now."""
        with self._changing() as record:
            record.system_regions = list(system)
            record.cuda_regions = {
                name: record.cuda_regions[name] for name in cuda_names if name in record.cuda_regions
            }

    def record_trace(self, model: str, changes: Mapping[str, int | None]) -> None:
        """Remember what was set or cleared."""
        with self._changing() as record:
            record.traces[model] = {**record.traces.get(model, {}), **changes}

    def remove(self) -> None:
        """Leave nothing behind."""
        if self._path is not None:
            with self._lock:
                self._path.unlink(missing_ok=True)
                self._path = None

    @contextlib.contextmanager
    def _changing(self) -> Any:
        with self._lock:
            yield self._record
            if self._path is not None:
                try:
                    _write(self._path, self._record)
                except OSError as error:
                    _log.error("what was changed would not outlive the engine: %s", error)


def read(path: Path) -> Record | None:
    """Read a journal; None where there is none that counts."""
    try:
        found = json.loads(path.read_bytes())
        if found["boot"] != _boot():
            return None
        models = found["models"]
        return Record(
            None if models is None else [RecordedModel(**model) for model in models],
            [(str(name), str(key), int(offset), int(size)) for name, key, offset, size in found["system_regions"]],
            {name: CudaRegion(**region) for name, region in found["cuda_regions"].items()},
            found["traces"],
            [str(folder) for folder in found["loading"]],
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        _log.error("what an engine that was killed left cannot be read: %s: %s", path, error)
        return None


def _write(path: Path, record: Record) -> None:
    new = path.with_name(path.name + ".new")
    text = json.dumps({"boot": _boot(), **vars(record)}, default=vars)
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600), "w") as file:
        file.write(text)
    os.replace(new, path)


def _boot() -> str:
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""

"""Python environments of models (`EXECUTION_ENV_PATH`): a folder as it is, an archive unpacked once."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import shutil
import tempfile
import threading
from dataclasses import dataclass, field

from triton_lite.engine.model_processes.archive import unpack
from triton_lite.engine.model_processes.interpreter import own_program, program_of
from triton_lite.engine.model_processes.process import Program
from triton_lite.errors import Code, TritonError
from triton_lite.proto import messages

_log = logging.getLogger(__name__)

_PREFIX = "environments-"
_LOCK = "lock"
_PARAMETER = "EXECUTION_ENV_PATH"

_Key = tuple[str, int, int, int]


@dataclass
class _Unpacked:
    """One archive as it was at one time. users: the models that run on it."""

    folder: str = ""
    users: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


def environment_path(config: messages.ModelConfig, model_directory: str, version_directory: str) -> str:
    """Return the path that a model's configuration names; empty where it names none."""
    path: str = config.parameters[_PARAMETER].string_value if _PARAMETER in config.parameters else ""
    path = path.replace("$$TRITON_MODEL_DIRECTORY", model_directory)
    return path.replace("$$TRITON_VERSION_DIRECTORY", version_directory)


class Environments:
    """Hands out what model processes run. Thread-safe.

    below: the folder under which archives are unpacked, that for temporary files where it is empty. They lie in a
    private one that is removed with `close`; what servers left there that were killed is removed, too.
    """

    def __init__(self, below: str) -> None:
        self._below = below or tempfile.gettempdir()
        self._guard = threading.Lock()
        self._root = ""
        self._root_lock = -1
        self._unpacked: dict[_Key, _Unpacked] = {}
        self._count = 0

    def open(self, config: messages.ModelConfig, model_directory: str, version_directory: str) -> Environment:
        """Return what a version of a model runs in. Raises TritonError."""
        path = environment_path(config, model_directory, version_directory)
        if not path:
            return Environment(own_program())
        _log.info("Using Python execution env %s", path)
        try:
            path = os.path.realpath(path, strict=True)
            status = os.stat(path)
        except (OSError, ValueError):
            raise TritonError(Code.INTERNAL, f"Failed to get the canonical path for {path}.") from None
        if os.path.isdir(path):
            return Environment(program_of(path))
        key = (path, status.st_mtime_ns, status.st_size, status.st_ino)
        unpacked = self._use(key)
        environment = None
        try:
            with unpacked.lock:
                if not unpacked.folder:
                    unpacked.folder = self._unpack(path)
            environment = Environment(program_of(unpacked.folder), self, key)
        finally:
            if environment is None:
                self.release(key)
        return environment

    def release(self, key: _Key) -> None:
        """Count one user less; removes what was unpacked from an archive that has changed since."""
        with self._guard:
            unpacked = self._unpacked.get(key)
            if unpacked is None:
                return
            unpacked.users -= 1
            if unpacked.users or (unpacked.folder and _is_current(key)):
                return
            del self._unpacked[key]
        shutil.rmtree(unpacked.folder, ignore_errors=True)

    def close(self) -> None:
        """Remove everything that was unpacked. Idempotent."""
        with self._guard:
            self._unpacked.clear()
            root, self._root = self._root, ""
            lock, self._root_lock = self._root_lock, -1
        if root:
            shutil.rmtree(root, ignore_errors=True)
            os.close(lock)

    def _use(self, key: _Key) -> _Unpacked:
        with self._guard:
            for other, unpacked in list(self._unpacked.items()):
                if other[0] == key[0] and other != key and not unpacked.users:
                    del self._unpacked[other]
                    shutil.rmtree(unpacked.folder, ignore_errors=True)
            unpacked = self._unpacked.setdefault(key, _Unpacked())
            unpacked.users += 1
            return unpacked

    def _unpack(self, archive: str) -> str:
        # Verbose, as in Triton: NVIDIA's tests count these lines.
        _log.debug("Extracting Python execution env %s", archive)
        with self._guard:
            root = self._root = self._root or self._make_root()
            folder = os.path.join(root, str(self._count))
            self._count += 1
        try:
            os.mkdir(folder, 0o700)
        except OSError as error:
            raise TritonError(Code.INTERNAL, f"Failed to create environment directory for '{folder}'.") from error
        try:
            unpack(archive, folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return folder

    def _make_root(self) -> str:
        try:
            os.makedirs(self._below, mode=0o700, exist_ok=True)
            _sweep(self._below)
            root = tempfile.mkdtemp(prefix=_PREFIX, dir=self._below)
            self._root_lock = _lock(root)
        except OSError as error:
            raise TritonError(Code.INTERNAL, "Failed to create temporary directory for Python environments.") from error
        return root


@dataclass
class Environment:
    """What one version of a model runs in, until it is released."""

    program: Program
    _owner: Environments | None = None
    _key: _Key = ("", 0, 0, 0)

    def release(self) -> None:
        """Give it back, when no process runs in it any more. Idempotent."""
        owner, self._owner = self._owner, None
        if owner is not None:
            owner.release(self._key)


def _is_current(key: _Key) -> bool:
    try:
        status = os.stat(key[0])
    except OSError:
        return False
    return key[1:] == (status.st_mtime_ns, status.st_size, status.st_ino)


def _lock(root: str) -> int:
    """Hold a lock that ends with this process. Raises OSError when another has it."""
    descriptor = os.open(os.path.join(root, _LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _sweep(below: str) -> None:
    """Remove what servers left that were killed: nobody holds their locks."""
    with os.scandir(below) as entries:
        left = [
            entry.path for entry in entries if entry.name.startswith(_PREFIX) and entry.is_dir(follow_symlinks=False)
        ]
    for root in left:
        # A folder without a lock file may be one that is being made.
        if os.path.exists(os.path.join(root, _LOCK)):
            with contextlib.suppress(OSError):
                descriptor = _lock(root)
                shutil.rmtree(root, ignore_errors=True)
                os.close(descriptor)

"""An ordinary user on a read-only file system with a small /dev/shm: only the runtime folder can be written."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import tritonclient.grpc as grpcclient
from repositories import MODELS, write_identity
from server_process import environment, free_ports, started

# In a mount namespace of its own: everything read-only, 64 MB of /dev/shm, a runtime folder that `nobody` owns.
CONFINE = """
set -e
mount -t tmpfs -o size=64m,mode=1777 tmpfs /dev/shm
mount -t tmpfs -o size=1m,mode=700,uid=65534,gid=65534 tmpfs "$RUNTIME"
mount -o remount,ro,bind /
exec setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs -- "$@"
"""


def confined(runtime: Path, *command: str) -> list[str]:
    return [
        "unshare",
        "--mount",
        "--propagation",
        "private",
        "env",
        f"RUNTIME={runtime}",
        "sh",
        "-c",
        CONFINE,
        "sh",
        *command,
    ]


def why_not(runtime: Path) -> str:
    """Why this machine cannot confine a process so, or nothing."""
    if os.geteuid() != 0 or not all(map(shutil.which, ("unshare", "setpriv", "mount"))):
        return "needs root, unshare, setpriv and mount"
    done = subprocess.run(confined(runtime, "sh", "-c", "! touch /tmp/x"), capture_output=True, text=True)
    if done.returncode != 0:
        return f"mount namespaces do not work here: {done.stderr.strip()}"
    readable = subprocess.run(
        confined(runtime, sys.executable, "-c", "import triton_lite"), capture_output=True, text=True
    )
    return "" if readable.returncode == 0 else f"an ordinary user cannot read {sys.executable} here"


def test_serves_models(tmp_path: Path) -> None:
    runtime = tmp_path / "run"
    runtime.mkdir()
    reason = why_not(runtime)
    if reason:
        pytest.skip(reason)
    repository = tmp_path / "models"
    shutil.copytree(MODELS, repository)
    write_identity(repository)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.geteuid() and folder.is_relative_to(Path(tempfile.gettempdir())):
            folder.chmod(0o755)
    ports = free_ports(3)
    flags = [f"--{name}-port={port}" for name, port in zip(("http", "grpc", "metrics"), ports, strict=True)]
    command = [sys.executable, "-m", "triton_lite.cli.main", "serve", f"--model-repository={repository}", *flags]
    env = environment(TRITON_LITE_RUNTIME_DIR=str(runtime), HOME="/nonexistent", PYTHONDONTWRITEBYTECODE="1")
    with started(confined(runtime, *command), env, ports, cwd=Path("/")) as server:
        sent = np.random.default_rng(1).integers(0, 255, 80 << 20, np.uint8)  # More than /dev/shm holds.
        tensor = grpcclient.InferInput("INPUT0", [sent.size], "UINT8")
        tensor.set_data_from_numpy(sent)
        with grpcclient.InferenceServerClient(server.grpc) as client:
            assert np.array_equal(client.infer("plain_identity", [tensor]).as_numpy("OUTPUT0"), sent)

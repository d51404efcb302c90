"""The load generators: wrk for HTTP/1.1, h2load for gRPC (Debian packages wrk, nghttp2-client)."""

from __future__ import annotations

import os
import re
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

WRK_SCRIPT = Path(__file__).parent / "post.lua"


@dataclass(frozen=True)
class Load:
    """What one run of a generator saw."""

    requests: int
    seconds: float

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.requests / self.seconds


def _threads(concurrency: int) -> str:
    """A generator that cannot keep up measures itself; one with a thread a connection takes the server's cores."""
    return f"-t{max(1, min(4, concurrency, (os.cpu_count() or 1) // 4))}"


def wrk(url: str, body: Path, header_length: int, concurrency: int, seconds: float) -> Load:
    """POST `body` over keep-alive connections; every answer must be 2xx.

    gunicorn's ASGI worker closes the connection after a large answer, whatever the application: wrk counts that as a
    read error and connects again, on both sides of a comparison.
    """
    command = ["wrk", _threads(concurrency), f"-c{concurrency}", f"-d{seconds:.0f}s", "-s", str(WRK_SCRIPT), url]
    done = subprocess.run([*command, "--", str(body), str(header_length)], capture_output=True, text=True, check=True)
    failed = re.search(r"Non-2xx or 3xx responses: \d+|Socket errors: connect [1-9]|write [1-9]", done.stdout)
    total = re.search(r"(\d+) requests in ([\d.]+)(ms|s|m)", done.stdout)
    if failed or not total:
        raise RuntimeError(f"wrk on {url}:\n{done.stdout}{done.stderr}")
    scale = {"ms": 1e-3, "s": 1.0, "m": 60.0}[total[3]]
    return Load(int(total[1]), float(total[2]) * scale)


def grpc_frame(message: bytes) -> bytes:
    """An uncompressed gRPC message as it stands in an HTTP/2 body."""
    return b"\0" + struct.pack(">I", len(message)) + message


def h2load(url: str, body: Path, concurrency: int, seconds: float, warm_up: int = 1) -> Load:
    """POST the framed message `body` over `concurrency` connections, one request at a time on each.

    warm_up: seconds before that, whose requests are not counted.
    """
    command = ["h2load", _threads(concurrency), f"-c{concurrency}", "-m1", f"-D{seconds:.0f}"]
    command += [f"--warm-up-time={warm_up}", "-w24", "-W24"]
    command += ["-H", "content-type: application/grpc", "-H", "te: trailers", "-d", str(body), url]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    counts = re.search(r"requests: (\d+) total.*?(\d+) succeeded, (\d+) failed, (\d+) errored", done.stdout)
    rate = re.search(r"finished in ([\d.]+)s, ([\d.]+) req/s", done.stdout)
    if not counts or not rate or int(counts[3]) or int(counts[4]):
        raise RuntimeError(f"h2load on {url}:\n{done.stdout}{done.stderr}")
    return Load(int(counts[2]), int(counts[2]) / float(rate[2]))

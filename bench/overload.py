"""Ten times the connections that saturate the server: good answers a second against the peak, and memory.

    python -m bench.overload [--seconds 5] [SERVE OPTIONS]

Each connection asks again as soon as it has its answer. The peak is looked for by doubling connections.
"""

from __future__ import annotations

import argparse
import select
import socket
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from bench import processes

_CONFIGURATION = """backend: "identity" max_batch_size: 0
input { name: "INPUT0" data_type: TYPE_UINT8 dims: -1 } output { name: "OUTPUT0" data_type: TYPE_UINT8 dims: -1 }
"""
_BODY = b'{"inputs": [{"name": "INPUT0", "datatype": "UINT8", "shape": [4], "data": [1, 2, 3, 4]}]}'
_REQUEST = b"POST /v2/models/echo/infer HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(_BODY), _BODY)
_TIMES = 10
_MOST = 512


def ask(port: int, connections: int, seconds: float) -> Counter[str]:
    """Count the answers by status."""
    poll = select.epoll()
    sockets = {}
    for _ in range(connections):
        one = socket.create_connection(("127.0.0.1", port), 60)
        sockets[one.fileno()] = one
        poll.register(one.fileno(), select.EPOLLIN)
    for one in sockets.values():
        one.sendall(_REQUEST)
    counted: Counter[str] = Counter()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for descriptor, _ in poll.poll(0.1):
            received = sockets[descriptor].recv(65536)
            if not received:
                counted["closed"] += 1
                poll.unregister(descriptor)
                continue
            # Answers are small: each comes at once.
            counted[received[9:12].decode()] += 1
            sockets[descriptor].sendall(_REQUEST)
    for one in sockets.values():
        one.close()
    return counted


def main() -> int:
    """Run it; returns the exit code: 1 when fewer than 0.9 of the peak are good."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=5.0)
    given, options = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "echo" / "1").mkdir(parents=True)
        (Path(folder) / "echo" / "config.pbtxt").write_text(_CONFIGURATION)
        port = processes.free_port()
        flags = [f"--http-port={port}", "--allow-grpc=false", "--allow-metrics=false", *options]
        command = [sys.executable, "-m", "triton_lite.cli.main", "serve", folder, *flags]
        with processes.running(command) as server:
            processes.wait_for(lambda: processes.is_ready(port), server)
            process = server.pid
            ask(port, 8, 1)  # What is made once is made.
            peak, saturating, connections = 0.0, 1, 1
            while connections <= _MOST and connections <= saturating * 4:
                rate = ask(port, connections, given.seconds)["200"] / given.seconds
                print(f"{connections:5} connections: {rate:8.0f}/s")
                if rate > peak * 1.05:
                    saturating = connections
                peak = max(peak, rate)
                connections *= 2
            before = processes.pss_bytes(process)
            counted = ask(port, saturating * _TIMES, given.seconds * 2)
            rate = counted["200"] / given.seconds / 2
            growth = (processes.pss_bytes(process) - before) / (1 << 20)
            print(f"{saturating * _TIMES:5} connections: {rate:8.0f}/s good, {dict(counted)}, memory {growth:+.1f} MiB")
            print(f"{rate / peak:.2f} of the peak")
            return 0 if rate >= 0.9 * peak else 1


if __name__ == "__main__":
    sys.exit(main())

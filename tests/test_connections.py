"""Thousands of connections at once: what idle ones cost, and that busy ones are served."""

from __future__ import annotations

import contextlib
import http.client
import json
import resource
import socket
import threading
from pathlib import Path

import pytest
from living_server import is_ready, slow_request, write_slow
from processes import descendants, memory_of
from server_process import serve

IDLE, BUSY = 5000, 200


def resident(process_id: int) -> int:
    """Bytes that the processes below one have in memory, of their own."""
    memory = [memory_of(child) for child in descendants(process_id)]
    return sum(kinds.get("Private_Clean", 0) + kinds.get("Private_Dirty", 0) for kinds in memory)


def test_idle_connections_cost_little_and_busy_ones_are_served(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if not request.config.getoption("--long"):
        pytest.skip("opens 5,200 connections: --long")
    wanted = IDLE + BUSY + 500
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"no more than {hard} descriptors are allowed here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    write_slow(tmp_path, "quick", 0)
    per_protocol = IDLE // 2
    with serve(str(tmp_path)) as server, contextlib.ExitStack() as stack:
        before = resident(server.process.pid)
        # Idle: HTTP ones that have sent nothing, and gRPC ones after the preface, as clients keep them.
        for _ in range(per_protocol):
            stack.enter_context(socket.create_connection(("127.0.0.1", server.http_port), 60))
            raw = stack.enter_context(socket.create_connection(("127.0.0.1", server.grpc_port), 60))
            raw.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0")
        assert is_ready(server)
        cost = (resident(server.process.pid) - before) / IDLE
        print(f"{cost / 1024:.1f} KiB for each of {IDLE} idle connections")
        problems: list[str] = []
        answered: list[int] = []

        def ask() -> None:
            connection = http.client.HTTPConnection("127.0.0.1", server.http_port, timeout=120)
            for turn in range(10):
                try:
                    connection.request("POST", "/v2/models/quick/infer", json.dumps(slow_request(str(turn))))
                    answer = connection.getresponse()
                    if answer.status != 200 or json.loads(answer.read())["id"] != str(turn):
                        problems.append(str(answer.status))
                except (OSError, http.client.HTTPException) as error:
                    problems.append(repr(error))
                answered.append(turn)
            connection.close()

        threads = [threading.Thread(target=ask) for _ in range(BUSY)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert problems == [] and len(answered) == BUSY * 10
        assert cost < 40 * 1024

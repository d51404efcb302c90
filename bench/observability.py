"""What watching costs: `simple` with sampled traces, an access log and a scrape every second, against all off."""

from __future__ import annotations

import contextlib
import tempfile
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from bench import load, processes
from bench.rounds import Comparison, Pair, Sample, compare_pairs, take_turns
from bench.transports import CASES, CONCURRENCY, grpc_body, http_body, measured, write_repository

FLOOR = 0.97
SCRAPE_SECONDS = 1.0
STARTS = 4
"""Pairs of servers that the rounds are divided among."""


@contextlib.contextmanager
def _scraped(port: int) -> Iterator[None]:
    """Ask for the metrics every second until the block ends, as Prometheus would."""
    end = threading.Event()

    def scrape() -> None:
        while not end.wait(SCRAPE_SECONDS):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                answer.read()

    thread = threading.Thread(target=scrape)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


@contextlib.contextmanager
def _server(repository: Path, *options: str) -> Iterator[tuple[int, int, int, int]]:
    """Yield the ports of HTTP, gRPC and metrics, and the process."""
    http, grpc, metrics = (processes.free_port() for _ in range(3))
    with processes.running(processes.serve_command(repository, http, grpc, metrics, *options)) as process:
        processes.wait_for(lambda: processes.is_ready(http), process)
        processes.wait_for(lambda: processes.listens(grpc), process)
        yield http, grpc, metrics, process.pid


def _rounds(rounds: int, seconds: float, swapped: bool) -> tuple[list[Pair], list[Pair]]:
    """HTTP and gRPC: rounds of two servers that were started for them, which of them first depends on `swapped`."""
    simple = CASES[0]
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        (folder / "repository").mkdir()
        repository = write_repository(folder / "repository")
        body, frame = folder / "body", folder / "frame"
        data, header_length = http_body(simple.inputs, simple.outputs)
        body.write_bytes(data)
        frame.write_bytes(load.grpc_frame(grpc_body(simple.model, simple.inputs)))
        watched = (
            f"--trace-config=triton,file={folder / 'trace.json'}",
            "--trace-config=level=TIMESTAMPS",
            "--trace-config=rate=1000",
            f"--access-log={folder / 'access.log'}",
        )
        options: list[tuple[str, ...]] = [(), watched] if swapped else [watched, ()]
        servers = [stack.enter_context(_server(repository, *each)) for each in options]
        off, on = servers if swapped else reversed(servers)

        def http(side: tuple[int, int, int, int]) -> Sample:
            url = f"http://127.0.0.1:{side[0]}/v2/models/{simple.model}/infer"
            return measured(side[3], lambda: load.wrk(url, body, header_length, CONCURRENCY, seconds))()

        def grpc(side: tuple[int, int, int, int]) -> Sample:
            url = f"http://127.0.0.1:{side[1]}/inference.GRPCInferenceService/ModelInfer"
            return measured(side[3], lambda: load.h2load(url, frame, CONCURRENCY, seconds))()

        stack.enter_context(_scraped(on[2]))
        return (
            take_turns(lambda: http(on), lambda: http(off), rounds),
            take_turns(lambda: grpc(on), lambda: grpc(off), rounds),
        )


def compare(rounds: int, seconds: float) -> list[Comparison]:
    """Throughput over both protocols: everything on against everything off.

    Two servers of the same kind differ by up to a tenth, whatever their options, so there are several of each.
    """
    each = max(1, rounds // STARTS)
    http: list[Pair] = []
    grpc: list[Pair] = []
    for number in range(min(rounds, STARTS)):
        more_http, more_grpc = _rounds(each, seconds, swapped=bool(number % 2))
        http += more_http
        grpc += more_grpc
    return [
        compare_pairs("HTTP binary, `simple`, watched", FLOOR, http),
        compare_pairs("gRPC, `simple`, watched", FLOOR, grpc),
    ]

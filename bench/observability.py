"""What watching costs: `simple` with sampled traces, an access log and a scrape every second, against all off."""

from __future__ import annotations

import contextlib
import tempfile
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from bench import load, processes
from bench.rounds import Comparison, Sample, alternate
from bench.transports import CASES, CONCURRENCY, grpc_body, http_body, measured, write_repository

FLOOR = 0.97
SCRAPE_SECONDS = 1.0


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


def compare(rounds: int, seconds: float) -> list[Comparison]:
    """Throughput over both protocols: everything on against everything off."""
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
        on = stack.enter_context(_server(repository, *watched))
        off = stack.enter_context(_server(repository))

        def http(side: tuple[int, int, int, int]) -> Sample:
            url = f"http://127.0.0.1:{side[0]}/v2/models/{simple.model}/infer"
            return measured(side[3], lambda: load.wrk(url, body, header_length, CONCURRENCY, seconds))()

        def grpc(side: tuple[int, int, int, int]) -> Sample:
            url = f"http://127.0.0.1:{side[1]}/inference.GRPCInferenceService/ModelInfer"
            return measured(side[3], lambda: load.h2load(url, frame, CONCURRENCY, seconds))()

        stack.enter_context(_scraped(on[2]))
        return [
            alternate("HTTP binary, `simple`, watched", FLOOR, lambda: http(on), lambda: http(off), rounds),
            alternate("gRPC, `simple`, watched", FLOOR, lambda: grpc(on), lambda: grpc(off), rounds),
        ]

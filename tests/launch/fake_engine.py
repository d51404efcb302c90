"""An engine without models: listens, reports its start, counts itself, and ends when it should."""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import sys
from pathlib import Path

from triton_lite.engine.report import ModelState, ReportWriter


def main() -> int:
    parser = argparse.ArgumentParser()
    for name in ("socket", "options", "log", "behaviour"):
        parser.add_argument(f"--{name}", default="")
    for name in ("ready-fd", "parent"):
        parser.add_argument(f"--{name}", type=int)
    parser.add_argument("--linger", type=float)
    given = parser.parse_args()
    if given.log:
        with open(given.log, "a") as log:
            log.write(f"{os.getpid()}\n")
    if given.behaviour == "broken":
        return 3
    options = json.loads(Path(given.options).read_text())
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    signal.signal(signal.SIGUSR2, lambda number, frame: print("fake engine: draining", file=sys.stderr, flush=True))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR2})
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(given.socket)
        listener.listen()
        report = ReportWriter(given.ready_fd)
        report.listening()
        if given.behaviour == "slow engine":
            report.progress(1, ["slow"])
        else:
            report.loaded(*outcome(options, given.behaviour))
        if given.linger is not None:
            listener.settimeout(given.linger)
        try:
            while True:
                peer, _ = listener.accept()
                peer.close()
        except TimeoutError:
            return 0
        finally:
            Path(given.socket).unlink(missing_ok=True)


def outcome(options: dict[str, object], behaviour: str) -> tuple[list[ModelState], str]:
    models = [ModelState("good", "1", "READY"), ModelState("wide", "12", "READY")]
    if behaviour == "bad model":
        reason = 'config.pbtxt:3: no such field\nin "bad"'
        return [
            *models,
            ModelState("bad", "1", "UNAVAILABLE", reason, "write max_batch_size"),
        ], "failed to load all models"
    return models, ""


if __name__ == "__main__":
    sys.exit(main())

"""Requests at a fixed rate, whatever the answers take: latencies count from when a request was due."""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from dataclasses import dataclass

from triton_lite import _native
from triton_lite.errors import TritonError
from triton_lite.proto import METHODS

INFER = METHODS["ModelInfer"].number


@dataclass(frozen=True)
class Request:
    """One inference request, encoded."""

    message: bytes
    segments: list[bytes]


@dataclass
class Outcome:
    """Seconds of each answer, and how many were errors."""

    seconds: list[float]
    errors: int = 0

    def percentile(self, share: float) -> float:
        """Return the seconds that `share` of the answers took at most."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def peak_rate(client: _native.ChannelClient, requests: list[Request], seconds: float, in_flight: int = 16) -> float:
    """Answers a second with `in_flight` requests always under way."""
    end = time.perf_counter() + seconds
    sent = done = 0
    while time.perf_counter() < end:
        while sent - done < in_flight:
            one = requests[sent % len(requests)]
            client.send(INFER, one.message, one.segments)
            sent += 1
        done += _take(client, end)
    while done < sent:
        done += _take(client, end + 60)
    return done / seconds


def run(client: _native.ChannelClient, requests: list[Request], rate: float, until: Callable[[float], bool]) -> Outcome:
    """Send `rate` requests a second in turn until `until(seconds so far)` holds, and take all answers."""
    outcome = Outcome([])
    due: dict[int, float] = {}
    start = time.perf_counter()
    sent, ending = 0, False
    while due or not ending:
        now = time.perf_counter()
        ending = ending or until(now - start)
        while not ending and start + sent / rate <= now:
            one = requests[sent % len(requests)]
            try:
                due[client.send(INFER, one.message, one.segments)] = start + sent / rate
            except TritonError:
                outcome.errors += 1
            sent += 1
        for answer in client.poll():
            outcome.seconds.append(time.perf_counter() - due.pop(answer.call))
            outcome.errors += bool(answer.code)
        _sleep(client, time.perf_counter() + 0.01 if ending else start + sent / rate)
    return outcome


def _take(client: _native.ChannelClient, until: float) -> int:
    answers = client.poll()
    if not answers:
        _sleep(client, until)
        answers = client.poll()
    return len(answers)


def _sleep(client: _native.ChannelClient, until: float) -> None:
    """Sleep until an answer is there or the time has come."""
    left = until - time.perf_counter()
    if left > 0 and client.arm():
        select.select([client.fileno()], [], [], left)

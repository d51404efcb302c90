"""Requests at a fixed rate, whatever the answers take: latencies count from when a request was due."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from bench.http_client import HttpClient


@dataclass
class Outcome:
    """Seconds of each answer, and how many were errors."""

    seconds: list[float]
    errors: int = 0

    def percentile(self, share: float) -> float:
        """Return the seconds that `share` of the answers took at most."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def peak_rate(client: HttpClient, requests: list[bytes], seconds: float, in_flight: int = 16) -> float:
    """Answers a second with `in_flight` requests always under way."""
    end = time.perf_counter() + seconds
    sent = done = 0
    while time.perf_counter() < end:
        while sent - done < in_flight:
            client.send(requests[sent % len(requests)])
            sent += 1
        done += len(client.poll(1))
    rate = done / seconds
    while done < sent:
        done += len(client.poll(60))
    return rate


def run(client: HttpClient, requests: list[bytes], rate: float, until: Callable[[float], bool]) -> Outcome:
    """Send `rate` requests a second in turn until `until(seconds so far)` holds, and take all answers."""
    outcome = Outcome([])
    due: dict[int, float] = {}
    start = time.perf_counter()
    sent, ending = 0, False
    while due or not ending:
        now = time.perf_counter()
        ending = ending or until(now - start)
        while not ending and start + sent / rate <= now:
            due[client.send(requests[sent % len(requests)])] = start + sent / rate
            sent += 1
        for call, failed in client.poll(0.01 if ending else start + sent / rate - time.perf_counter()):
            outcome.seconds.append(time.perf_counter() - due.pop(call))
            outcome.errors += failed
    return outcome

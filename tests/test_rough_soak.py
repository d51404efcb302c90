"""Sixteen clients of both protocols that do at random what clients do, well and badly: all is answered rightly, memory
and descriptors stay, and what the server counted is what they counted.

--long: for ten minutes. ROUGH_SOAK_SECONDS: for so long. ROUGH_SOAK_SEED: what a run printed; each client makes the
same choices again then, though not at the same moments.
"""

from __future__ import annotations

import os
import random
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import tritonclient.grpc as grpcclient
from golden_server import make_models
from hostile_client import SHM
from living_server import living, until, write_slow
from processes import descendants, memory_of, parent_of
from rough_client import Away, RoughClient, Tally, seed_of
from server_process import ServerProcess
from test_hostile_regions import descriptors
from test_model_churn import CONFIG
from test_overload import status
from test_statistics import write_pick

CLIENTS = 16
SECONDS, LONG_SECONDS = 6, 600
MODELS = ("simple", "identity_bytes", "identity_fp32", "pick", "sum", "slow", "stream")
GIVEN_UP = ("slow", "stream")  # Of these requests are given up.
PROCESSES = 2  # Of each front end.
# Bytes that the processes of a kind may gain for each request, in runs of so many. What leaks 100 for each request of
# one protocol, which has half of them, is found. In shorter runs they still settle.
LEAK, MANY = 40, 100_000
SETTLING = 24 << 20  # What a short run may still grow: pools and caches of several processes that fill.
ROLES = {"triton_lite.engine": "engine", "gunicorn": "http", "frontends.grpc": "grpc", "--execute": "python model"}
WARM = 40 << 20  # Pages that a freed answer or body keeps, for the next one (ArenaOptions).


def write_models(folder: Path) -> Path:
    """Write the repository."""
    made = make_models(folder / "made")
    repository = folder / "models"
    repository.mkdir()
    for name in ("simple", "identity_bytes", "identity_fp32"):
        shutil.move(made / name, repository / name)
    shutil.move(made / "seq_state_direct", repository / "sum")
    config = (repository / "sum" / "config.pbtxt").read_text()
    # Sequences that nobody ends stay until their number comes again: room for all.
    config = config.replace("max_batch_size: 4", "max_batch_size: 64").replace("20000000", "2000000000")
    (repository / "sum" / "config.pbtxt").write_text(config)
    shutil.copytree(Path(__file__).with_name("rough_models"), repository, dirs_exist_ok=True)
    write_pick(repository, "pick")
    config = (repository / "pick" / "config.pbtxt").read_text()
    # Who is in a batch with one that fails fails too.
    (repository / "pick" / "config.pbtxt").write_text(config.replace("dynamic_batching", "# dynamic_batching"))
    write_slow(repository, "slow", 20, instances=2)
    (repository / "away" / "1").mkdir(parents=True)
    (repository / "away" / "config.pbtxt").write_text(CONFIG)
    return repository


# When, how many requests there had been, the processes' memory.
Sample = tuple[float, int, dict[int, dict[str, int]]]


class Watcher(threading.Thread):
    """Looks at the memory of the server's processes every now and then."""

    def __init__(self, process_ids: dict[int, str], sent: Callable[[], int]) -> None:
        super().__init__()
        self.samples: list[Sample] = []
        self.over = threading.Event()
        self._process_ids = process_ids
        self._sent = sent

    def run(self) -> None:
        while not self.over.wait(0.25):
            memory = {process_id: memory_of(process_id) for process_id in self._process_ids}
            self.samples.append((time.monotonic(), self._sent(), memory))


def growth(watcher: Watcher, kind: str, process_ids: list[int]) -> int:
    """By how many bytes processes grew between the last two parts.

    The first fifth is for warming up; then least values are compared: what leaks raises them, what is only held for a
    while does not.
    """
    first, second = (
        sum(min(memory[process_id][kind] for _, _, memory in part) for process_id in process_ids)
        for part in parts_of(watcher)
    )
    return second - first


def parts_of(watcher: Watcher) -> tuple[list[Sample], list[Sample]]:
    samples = watcher.samples[len(watcher.samples) // 5 :]
    return samples[: len(samples) // 2], samples[len(samples) // 2 :]


def role_of(process_id: int, names: dict[int, str]) -> str:
    """What processes of a kind are counted as together: any of them may serve a request."""
    for part, role in ROLES.items():
        if part in names[process_id]:
            return f"{role}, its workers" if part in names.get(parent_of(process_id), "") else role
    return names[process_id]


def check_memory(watcher: Watcher, roles: dict[str, list[int]]) -> None:
    requests = [sum(sent for _, sent, _ in part) // len(part) for part in parts_of(watcher)]
    count = requests[1] - requests[0]
    allowed = {"Pss_Anon": count * LEAK if count >= MANY else SETTLING, "Pss_Shmem": WARM}
    problems = []
    for role, process_ids in roles.items():
        for kind, most in allowed.items():
            grown = growth(watcher, kind, process_ids)
            last = sum(watcher.samples[-1][2][each][kind] for each in process_ids)
            said = f"{role}: {kind} {last / 1e6:.1f} MB, {grown / 1e6:+.2f} in {count} requests"
            print(said)
            if grown >= most:
                problems.append(f"{said}, more than {most}")
    assert problems == []


def check_counts(server: ServerProcess, tallies: dict[str, Tally]) -> None:
    with grpcclient.InferenceServerClient(server.grpc) as client:
        for model in MODELS:
            (stats,) = client.get_inference_statistics(model).model_stats
            tally = tallies[model]
            success, failed = stats.inference_stats.success.count, stats.inference_stats.fail.count
            print(f"{model}: {success} answered, {failed} failed; the clients: {tally}")
            assert tally.answered <= success <= tally.answered + tally.given_up
            assert tally.failed <= failed <= tally.failed + tally.given_up
            assert success + failed <= tally.answered + tally.failed + tally.given_up
            assert (tally.given_up == 0) == (model not in GIVEN_UP)
            if model == "simple":
                assert stats.inference_count == tally.rows


def check_away(away: Away) -> None:
    """What was counted each time is what was answered from the load until then, but for what was under way."""
    assert len(away.readings) > 1
    for reading in away.readings:
        sure = sum(start >= reading.gone_before and end <= reading.start for start, end in away.answers)
        possible = sum(end >= reading.loading and start <= reading.end for start, end in away.answers)
        assert sure <= reading.success <= possible, reading
    print(f"away: {len(away.answers)} answers in {len(away.readings)} lives")


@pytest.mark.timeout(1200)
def test_all_is_right_and_nothing_grows(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    seed = seed_of("ROUGH_SOAK_SEED")
    seconds = float(os.environ.get("ROUGH_SOAK_SECONDS") or 0)
    seconds = seconds or (LONG_SECONDS if request.config.getoption("--long") else SECONDS)
    print(f"ROUGH_SOAK_SEED={seed}, {seconds} s")  # Shown when the test fails.
    family = f"tl_rough_{os.getpid()}"
    arguments = [f"--model-repository={write_models(tmp_path)}", "--model-control-mode=explicit"]
    arguments += [f"--load-model={name}" for name in MODELS]
    with living(tmp_path, *arguments, f"--http-workers={PROCESSES}", f"--grpc-processes={PROCESSES}") as server:
        names = {server.process.pid: "supervisor", **descendants(server.process.pid)}
        roles: dict[str, list[int]] = {}
        for process_id in names:
            roles.setdefault(role_of(process_id, names), []).append(process_id)
        away = Away()
        clients: list[RoughClient] = []
        # Until all have opened what they keep.
        soak(server, away, clients, seed, min(seconds / 8, 10), family)
        before = settled(server, list(names))
        watcher = Watcher(names, lambda: sum(client.sent for client in clients))
        watcher.start()
        try:
            soak(server, away, clients, seed + 1, seconds, family)
        finally:
            watcher.over.set()
            watcher.join()
        print(f"{sum(client.sent for client in clients)} requests; {dict(done_by(clients))}")
        assert {server.process.pid: "supervisor", **descendants(server.process.pid)} == names, server.text()
        until(lambda: not opened(server, before), f"still open: {opened(server, before)}")
        assert "Traceback" not in server.text() and "Exception" not in server.text(), server.text()
        tallies: dict[str, Tally] = {model: Tally() for model in MODELS}
        for client in clients:
            for model, tally in client.tallies.items():
                tallies[model] += tally
        check_counts(server, tallies)
        check_away(away)
        check_memory(watcher, roles)
    assert [path.name for path in SHM.glob(f"{family}*")] == []


def done_by(clients: list[RoughClient]) -> Counter[str]:
    return sum((Counter(client.done) for client in clients), Counter())


def soak(server: ServerProcess, away: Away, clients: list[RoughClient], seed: int, seconds: float, family: str) -> None:
    """Run the clients to their end, and add them to `clients`."""
    end = time.monotonic() + seconds
    begun = [RoughClient(number, seed, server, away, end, family) for number in range(CLIENTS)]
    clients += begun
    for client in begun:
        client.start()
    while any(client.is_alive() for client in begun):
        for client in begun:
            client.join(0.2)
            if client.problems:  # What follows from it would only hide it.
                for other in begun:
                    other.over.set()
    problems = [problem for client in begun for problem in client.problems]
    assert problems == [], "\n".join([*problems, server.text()])


def opened(server: ServerProcess, before: dict[int, Counter[str]]) -> dict[int, Counter[str]]:
    """What the processes have open that they had not."""
    now = settled(server, list(before))
    return {process_id: more for process_id in before if (more := now[process_id] - before[process_id])}


def settled(server: ServerProcess, process_ids: list[int]) -> dict[int, Counter[str]]:
    """What the processes have open once all is answered and all clients are gone."""

    def nothing_waits() -> bool:
        return all(not model["queued"] for model in status(server)["models"])

    until(nothing_waits, "requests are still in their queues")
    return {process_id: descriptors(process_id) for process_id in process_ids}


@pytest.mark.parametrize(("leak", "found"), [(0, False), (100, True)])
def test_a_leak_of_100_bytes_a_request_is_found(leak: int, found: bool) -> None:
    """In either protocol's front ends, which serve half of the requests of a run of ten minutes."""
    watcher = Watcher({1: "worker", 2: "worker"}, lambda: 0)
    noise = random.Random(1)
    for number in range(2400):
        sent = number * 200
        held = [sent // 4 * leak + (30 << 20) + noise.randrange(8 << 20) for _ in range(2)]
        memory = {each: {"Pss_Anon": size, "Pss_Shmem": 0} for each, size in zip((1, 2), held, strict=True)}
        watcher.samples.append((number / 4, sent, memory))
    if not found:
        check_memory(watcher, {"workers": [1, 2]})
        return
    with pytest.raises(AssertionError, match="Pss_Anon"):
        check_memory(watcher, {"workers": [1, 2]})

"""kill -9 of each process of a server under load: who is hit gets a clear error, all else goes on, all comes back."""

from __future__ import annotations

import contextlib
import http.client
import json
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import pytest
from living_server import ask, engine_of, is_ready, kill, living, one_of, slow_request, until, workers_of, write_slow
from server_process import ServerProcess

from triton_lite.proto import METHODS

CLIENTS = 8  # Of each protocol.
MODELS = ("quick", "slow")
LOST = "connection lost"


@dataclass
class Client:
    """One that asks without pause; `errors` since somebody looked, `answered` in all."""

    answered: int = 0
    errors: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


class Clients:
    """Clients of both protocols, each on a thread and a connection of its own."""

    def __init__(self, server: ServerProcess) -> None:
        self._server = server
        self._over = threading.Event()
        self.http = [Client() for _ in range(CLIENTS)]
        self.grpc = [Client() for _ in range(CLIENTS)]
        self._threads = [threading.Thread(target=self._ask_http, args=(each, n)) for n, each in enumerate(self.http)]
        self._threads += [threading.Thread(target=self._ask_grpc, args=(each, n)) for n, each in enumerate(self.grpc)]

    @property
    def all(self) -> list[Client]:
        return self.http + self.grpc

    def __enter__(self) -> Clients:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive(), "a client waits for ever"

    def take_errors(self, clients: list[Client]) -> list[str]:
        found = []
        for each in clients:
            errors, each.errors = each.errors, []
            found += errors
        return found

    def wait_for_answers(self) -> None:
        """Until every client had an answer to a request that it sent from now on."""
        before = [each.answered + 2 for each in self.all]
        until(lambda: all(each.answered >= goal for each, goal in zip(self.all, before, strict=True)), "clients starve")

    def _ask_http(self, client: Client, number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._server.http_port, timeout=60)
        turn = 0
        while not self._over.is_set():
            turn += 1
            model, name = MODELS[(number + turn) % 2], f"{number}-{turn}"
            try:
                connection.request("POST", f"/v2/models/{model}/infer", json.dumps(slow_request(name)))
                answer = connection.getresponse()
                text = answer.read()
                body = json.loads(text) if answer.status != 502 else {"error": text.decode()}
            except (OSError, http.client.HTTPException, ValueError) as error:
                # A timeout would be a request that was dropped.
                client.errors.append(f"{LOST}: {error!r}" if not isinstance(error, TimeoutError) else "TIMEOUT")
                connection.close()
                continue
            if answer.status != 200:
                client.errors.append(f"{answer.status} {body['error']}")
            elif (body["id"], body["outputs"][0]["data"]) != (name, [7]):
                client.wrong.append(str(body))
            else:
                client.answered += 1
        connection.close()

    def _ask_grpc(self, client: Client, number: int) -> None:
        method = METHODS["ModelInfer"]
        fast = [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 500)]
        options = [*fast, ("grpc.min_reconnect_backoff_ms", 100), ("grpc.use_local_subchannel_pool", 1)]
        with grpc.insecure_channel(self._server.grpc, options=options) as channel:
            infer = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
            turn = 0
            while not self._over.is_set():
                turn += 1
                name = f"{number}-{turn}"
                request = method.request(model_name=MODELS[(number + turn) % 2], id=name, raw_input_contents=[b"\7"])
                request.inputs.add(name="INPUT0", datatype="UINT8", shape=[1])
                try:
                    answer = method.response.FromString(infer(request.SerializeToString(), timeout=60))
                except grpc.RpcError as error:
                    client.errors.append(f"{error.code().name} {error.details()}")
                    continue
                if (answer.id, answer.raw_output_contents[0]) != (name, b"\7"):
                    client.wrong.append(str(answer))
                else:
                    client.answered += 1


def fault_points(long: bool) -> Iterator[tuple[str, float]]:
    """What to kill, and how long to wait before, drawn from a seed that is printed."""
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    drawn = random.Random(seed)
    targets = ["worker", "grpc", "engine"] * (20 if long else 2)
    drawn.shuffle(targets)
    for target in targets:
        yield target, drawn.uniform(0.05, 1.0)


def grpc_is_ready(server: ServerProcess) -> bool:
    with grpc.insecure_channel(server.grpc) as channel, contextlib.suppress(grpc.RpcError):
        ready = channel.unary_unary("/inference.GRPCInferenceService/ServerReady")
        return bool(METHODS["ServerReady"].response.FromString(ready(b"", timeout=30)).ready)
    return False


def hit(server: ServerProcess, target: str) -> None:
    """kill -9, and wait until another process has the place."""
    supervisor = server.process.pid
    if target == "worker":
        victim = workers_of(supervisor)[0]
        kill(victim)
        until(lambda: len(set(workers_of(supervisor)) - {victim}) == 2, "no new worker")
        return
    command = "triton_lite.engine" if target == "engine" else "triton_lite.frontends.grpc"
    victim = one_of(supervisor, command)
    kill(victim)
    until(lambda: one_of(supervisor, command) not in (0, victim), f"no new {target}")


def check_errors(clients: Clients, target: str) -> None:
    by_http, by_grpc = clients.take_errors(clients.http), clients.take_errors(clients.grpc)
    if target == "worker":
        # Each client has one connection, which was lost once at most.
        assert len(by_http) <= CLIENTS and all(each.startswith(LOST) for each in by_http), by_http
        assert by_grpc == []
    elif target == "grpc":
        assert by_http == []
        assert by_grpc and all(each.startswith("UNAVAILABLE ") for each in by_grpc), by_grpc
    else:
        assert by_http and all(each.startswith("503 ") for each in by_http), set(by_http)
        assert by_grpc and all(each.startswith("UNAVAILABLE ") for each in by_grpc), set(by_grpc)
        known = ("the inference engine went away", "the inference engine is not there yet", "is not at ready state")
        texts = {each.partition(" ")[2] for each in by_http + by_grpc}
        assert all(any(text in each for text in known) for each in texts), texts


def test_killed_processes_come_back_and_nobody_else_is_hit(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    long: bool = request.config.getoption("--long")
    repository = tmp_path / "models"
    write_slow(repository, "quick", 0)
    write_slow(repository, "slow", 20, 4)
    pause = threading.Event()
    seconds: dict[str, list[float]] = {"worker": [], "grpc": [], "engine": []}
    with living(tmp_path, str(repository), "--http-workers=2") as server, Clients(server) as clients:
        clients.wait_for_answers()
        assert clients.take_errors(clients.all) == []
        for target, before in fault_points(long):
            pause.wait(before)
            begin = time.monotonic()
            hit(server, target)
            until(lambda: is_ready(server) and grpc_is_ready(server), "not ready again")
            clients.wait_for_answers()
            seconds[target].append(time.monotonic() - begin)
            check_errors(clients, target)
        assert [wrong for each in clients.all for wrong in each.wrong] == []
        assert ask(server.http, "/v2/models/quick/infer", slow_request())[0] == 200
        assert engine_of(server.process.pid)
    shown = {target: [round(each, 2) for each in sorted(times)] for target, times in seconds.items()}
    print(f"seconds until full service: {shown}")
    if long:
        assert max(each for times in seconds.values() for each in times) < 5, shown

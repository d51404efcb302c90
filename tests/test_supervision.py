"""A server whose processes die: what comes back, and what its probes say meanwhile."""

from __future__ import annotations

import base64
import json
import signal
from pathlib import Path

import tritonclient.grpc as grpcclient
import tritonclient.utils.shared_memory as shm
from living_server import (
    ask,
    engine_of,
    is_ready,
    kill,
    leftovers,
    living,
    one_of,
    slow_request,
    until,
    workers_of,
    write_slow,
)
from processes import descendants
from repositories import MODELS
from server_process import ServerProcess

SIMPLE = {
    "inputs": [{"name": name, "datatype": "INT32", "shape": [1, 16], "data": [3] * 16} for name in ("INPUT0", "INPUT1")]
}


def index(server: ServerProcess) -> dict[str, str]:
    _, rows = ask(server.http, "/v2/repository/index", {})
    # Of a model that was unloaded, a new engine does not know that it ever was there.
    return {row["name"]: row.get("state", "").replace("UNAVAILABLE", "") for row in rows}


def new_engine(server: ServerProcess, old: int) -> int:
    def found() -> int:
        engines = [pid for pid, line in descendants(server.process.pid).items() if "triton_lite.engine" in line]
        return next((pid for pid in engines if pid != old), 0)

    engine: int = until(found, f"no engine after {old}")
    return engine


def test_a_new_engine_has_all_that_the_old_one_had(tmp_path: Path) -> None:
    repository = tmp_path / "models"
    for name in ("echo", "later", "gone", "never"):
        write_slow(repository, name, 0)
    config = json.dumps(
        {
            "backend": "identity",
            "max_batch_size": 8,
            "input": [{"name": "INPUT0", "data_type": "TYPE_UINT8", "dims": [-1]}],
            "output": [{"name": "OUTPUT0", "data_type": "TYPE_UINT8", "dims": [-1]}],
        }
    )
    arguments = [f"--model-repository={repository}", f"--model-repository={MODELS}", "--model-control-mode=explicit"]
    region, lost = (shm.create_shared_memory_region(name, f"/tl_stay_{name}", 64) for name in ("kept", "lost"))
    try:
        with living(tmp_path, *arguments, "--load-model=gone", "--load-model=echo") as server:

            def post(path: str, body: object) -> None:
                status, answer = ask(server.http, path, body)
                assert status == 200, answer

            post("/v2/repository/models/later/load", {"parameters": {"config": config}})
            post("/v2/repository/models/simple/load", {})
            post("/v2/repository/models/gone/unload", {})
            model = base64.b64encode((MODELS / "simple" / "1" / "model.onnx").read_bytes()).decode()
            made = json.dumps({"backend": "onnxruntime", "max_batch_size": 2})
            post("/v2/repository/models/made/load", {"parameters": {"config": made, "file:1/model.onnx": model}})
            for name in ("kept", "lost"):
                post(f"/v2/systemsharedmemory/region/{name}/register", {"key": f"/tl_stay_{name}", "byte_size": 64})
            post("/v2/trace/setting", {"trace_rate": "17"})
            post("/v2/models/echo/trace/setting", {"trace_count": "5"})
            post("/v2/logging", {"log_verbose_level": 1})
            shm.destroy_shared_memory_region(lost)
            before = index(server)
            config_before = ask(server.http, "/v2/models/later/config")

            old = engine_of(server.process.pid)
            kill(old)
            new_engine(server, old)
            until(lambda: is_ready(server), "not ready again")

            assert index(server) == before
            assert before["simple"] == before["later"] == "READY" and before["never"] == ""
            assert ask(server.http, "/v2/models/later/config") == config_before
            assert config_before[1]["max_batch_size"] == 8
            assert ask(server.http, "/v2/models/made/config")[1]["max_batch_size"] == 2
            assert ask(server.http, "/v2/models/made/infer", SIMPLE)[0] == 200
            _, regions = ask(server.http, "/v2/systemsharedmemory/status")
            assert [(one["name"], one["key"], one["byte_size"]) for one in regions] == [("kept", "/tl_stay_kept", 64)]
            assert "could not be registered again: lost" in server.text()
            assert ask(server.http, "/v2/trace/setting")[1]["trace_rate"] == "17"
            echo = ask(server.http, "/v2/models/echo/trace/setting")[1]
            assert (echo["trace_rate"], echo["trace_count"]) == ("17", "5")
            assert ask(server.http, "/v2/logging")[1]["log_verbose_level"] == 1
            # Twice: what was restored is restored again.
            kill(engine_of(server.process.pid))
            until(lambda: is_ready(server), "not ready again")
            assert index(server) == before
    finally:
        shm.destroy_shared_memory_region(region)


def test_models_are_unavailable_and_the_server_is_not_ready_while_they_come_back(tmp_path: Path) -> None:
    repository = tmp_path / "models"
    # Its warm-up takes a second.
    value = "data_type: TYPE_UINT8 dims: 1 zero_data: true"
    warm = f'model_warmup {{ name: "w" batch_size: 1 inputs {{ key: "INPUT0" value {{ {value} }} }} }}'
    write_slow(repository, "slow", 1000, more=warm)
    with living(tmp_path, f"--model-repository={repository}") as server:
        old = engine_of(server.process.pid)
        kill(old)
        seen = set()

        def back() -> bool:
            status, answer = ask(server.http, "/v2/models/slow/infer", slow_request())
            if status != 200:
                seen.add((status, answer["error"]))
                assert not is_ready(server) or ask(server.http, "/v2/models/slow/infer", slow_request())[0] == 200
            return status == 200

        until(back, "no answer again")
        assert is_ready(server)
        assert {status for status, _ in seen} == {503}
        assert any("is not at ready state" in text for _, text in seen), seen


def test_front_ends_come_back(tmp_path: Path) -> None:
    with living(tmp_path, str(MODELS), "--http-workers=2") as server:
        with grpcclient.InferenceServerClient(server.grpc) as client:
            assert client.is_server_ready()
            grpc = one_of(server.process.pid, "triton_lite.frontends.grpc")
            kill(grpc)
            until(lambda: one_of(server.process.pid, "triton_lite.frontends.grpc") not in (0, grpc), "no new process")
        with grpcclient.InferenceServerClient(server.grpc) as client:
            until(lambda: _ready(client), "gRPC does not come back")
        master = min(pid for pid, line in descendants(server.process.pid).items() if "gunicorn" in line)
        kill(master)
        until(lambda: not _same(server, master) and is_ready(server), "HTTP does not come back")
        worker = workers_of(server.process.pid)[0]
        kill(worker)
        until(lambda: len(workers_of(server.process.pid)) == 2, "no new worker")
        assert is_ready(server)
        assert server.text().count("is started again") == 2


def _ready(client: grpcclient.InferenceServerClient) -> bool:
    try:
        return bool(client.is_server_ready())
    except Exception:
        return False


def _same(server: ServerProcess, master: int) -> bool:
    return master in descendants(server.process.pid)


def test_a_killed_supervisor_takes_all_along_and_leaves_nothing(tmp_path: Path) -> None:
    with living(tmp_path, str(MODELS), "--model-control-mode=explicit") as server:
        model = base64.b64encode((MODELS / "simple" / "1" / "model.onnx").read_bytes()).decode()
        made = {"config": '{"backend": "onnxruntime"}', "file:1/model.onnx": model}
        assert ask(server.http, "/v2/repository/models/made/load", {"parameters": made})[0] == 200
        below = descendants(server.process.pid)
        assert leftovers(tmp_path / "run", tmp_path / "tmp")
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
        until(lambda: not [pid for pid in below if Path(f"/proc/{pid}").exists()], "processes outlive their supervisor")
        assert leftovers(tmp_path / "run", tmp_path / "tmp") == []
    with living(tmp_path, str(MODELS)) as again:
        assert is_ready(again)


def test_what_is_left_when_all_are_killed_is_removed_by_the_next(tmp_path: Path) -> None:
    with living(tmp_path, str(MODELS), "--model-control-mode=explicit") as server:
        model = base64.b64encode((MODELS / "simple" / "1" / "model.onnx").read_bytes()).decode()
        made = {"config": '{"backend": "onnxruntime"}', "file:1/model.onnx": model}
        assert ask(server.http, "/v2/repository/models/made/load", {"parameters": made})[0] == 200
        below = descendants(server.process.pid)
        server.process.send_signal(signal.SIGSTOP)
        for pid in below:
            kill(pid)
        server.process.kill()
        server.process.wait()
        assert leftovers(tmp_path / "run", tmp_path / "tmp") != []
    with living(tmp_path, str(MODELS)) as again:
        assert is_ready(again)


def test_a_crash_loop_ends_the_server_with_a_message(tmp_path: Path) -> None:
    with living(tmp_path, str(MODELS)) as server:
        # A folder where the engine's socket is to be: no engine can listen.
        (socket,) = (tmp_path / "run").glob("*.sock")
        old = engine_of(server.process.pid)
        server.process.send_signal(signal.SIGSTOP)
        kill(old)
        socket.unlink()
        (socket / "x").mkdir(parents=True)
        server.process.send_signal(signal.SIGCONT)
        assert server.process.wait(60) == 70, server.text()
        assert "again and again: the server stops" in server.text()
        (socket / "x").rmdir()
        socket.rmdir()

"""Functions as models from their declaration to their end, beside other models."""

from __future__ import annotations

import contextlib
import gc
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from functions.asking import FLOATS, ONES, RESULT, ask, refused
from repositories import write_identity
from server_process import run_script

import triton_lite
from triton_lite.errors import Code, TritonError


def test_functions_declared_before_the_start():
    server = triton_lite.Server()

    @server.model(inputs=[FLOATS], outputs=[RESULT])
    def early(x):
        return x

    for _ in range(2):  # Also of a server that is started again.
        with server:
            assert np.array_equal(ask(server, "early", x=ONES)["y"], ONES)


def test_unloading_and_declaring_again(server):
    for factor in (2, 3):
        server.model("m", inputs=[FLOATS], outputs=[RESULT])(lambda x, factor=factor: factor * x)
        assert np.array_equal(ask(server, "m", x=ONES)["y"], factor * ONES)
        server.unload("m")
        assert refused(server, "m", x=ONES).code in (Code.UNAVAILABLE, Code.NOT_FOUND)
    assert server.ready()


def test_requests_in_flight_end_on_a_function_that_is_unloaded(server):
    entered, go = threading.Event(), threading.Event()

    @server.model("m", inputs=[FLOATS], outputs=[RESULT])
    def function(x):
        entered.set()
        go.wait(60)
        return x

    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(ask, server, "m", x=ONES)
        assert entered.wait(60)
        server.unload("m")
        go.set()
        assert np.array_equal(answer.result()["y"], ONES)


def test_names_that_exist_are_refused(tmp_path: Path):
    write_identity(tmp_path)
    declare = {"inputs": [FLOATS], "outputs": [RESULT]}
    with triton_lite.Server(tmp_path, model_control_mode="explicit") as server:
        server.model("m", **declare)(lambda x: x)
        for name in ("m", "plain_identity"):  # Whether or not it is loaded.
            with pytest.raises(TritonError) as raised:
                server.model(name, **declare)(lambda x: x)
            assert raised.value.code is Code.ALREADY_EXISTS
        server.load("plain_identity")
        assert server.model("plain_identity").ready()


@pytest.mark.parametrize("mode", ["none", "poll", "explicit"])
def test_beside_a_repository(tmp_path: Path, mode):
    write_identity(tmp_path)
    write_ensemble(tmp_path)
    names = ["plain_identity", "chain"]
    options = {"load_model": names} if mode == "explicit" else {}
    server = triton_lite.Server(tmp_path, model_control_mode=mode, repository_poll_secs=1, **options)
    server.model("double", inputs=[FLOATS], outputs=[RESULT])(lambda x: 2 * x)
    with server:
        assert {entry.name: entry.state for entry in server.models()} == dict.fromkeys([*names, "double"], "READY")
        assert np.array_equal(ask(server, "chain", IN=ONES)["OUT"], 4 * ONES)
        if mode == "explicit":  # A client may unload and load it like any other.
            server.call("RepositoryModelUnload", unload_request("double"))
            assert not server.model("double").ready()
            server.load("double")
            assert np.array_equal(ask(server, "double", x=ONES)["y"], 2 * ONES)
        server.unload("double")
        assert refused(server, "chain", IN=ONES).code in (Code.UNAVAILABLE, Code.NOT_FOUND)


def unload_request(name: str):
    from triton_lite.proto import messages

    return messages.RepositoryModelUnloadRequest(model_name=name)


def write_ensemble(repository: Path) -> None:
    (repository / "chain" / "1").mkdir(parents=True)
    (repository / "chain" / "config.pbtxt").write_text(
        """
platform: "ensemble"
max_batch_size: 8
input { name: "IN" data_type: TYPE_FP32 dims: -1 }
output { name: "OUT" data_type: TYPE_FP32 dims: -1 }
ensemble_scheduling {
  step { model_name: "double" model_version: -1
         input_map { key: "x" value: "IN" } output_map { key: "y" value: "once" } }
  step { model_name: "double" model_version: -1
         input_map { key: "x" value: "once" } output_map { key: "y" value: "OUT" } }
}
"""
    )


def test_polls_do_not_touch_functions(tmp_path: Path):
    write_identity(tmp_path)
    server = triton_lite.Server(tmp_path, model_control_mode="poll", repository_poll_secs=1)
    server.model("double", inputs=[FLOATS], outputs=[RESULT])(lambda x: 2 * x)
    with server:
        (tmp_path / "plain_identity").rename(tmp_path / "renamed")
        deadline = threading.Event()
        for _ in range(600):
            with contextlib.suppress(TritonError):
                if server.model("renamed").ready():
                    break
            deadline.wait(0.1)
        assert np.array_equal(ask(server, "double", x=ONES)["y"], 2 * ONES)


def test_nothing_stays_of_a_function(server):
    class Heavy:
        pass

    heavy = Heavy()
    import weakref

    gone = weakref.ref(heavy)
    server.model("m", inputs=[FLOATS], outputs=[RESULT])(lambda x, heavy=heavy: x)
    ask(server, "m", x=ONES)
    del heavy
    server.unload("m")
    for _ in range(600):
        gc.collect()
        if gone() is None and not [thread for thread in threading.enumerate() if thread.name.startswith("function-m")]:
            return
        threading.Event().wait(0.1)
    raise AssertionError("the function is still there")


def test_the_program_of_the_documentation():
    text = (Path(__file__).resolve().parents[2] / "docs" / "functions.md").read_text()
    program = text.partition("```python\n")[2].partition("server.serve_forever()")[0]
    names: dict = {}
    exec(program, names)
    with names["server"] as server:
        assert np.array_equal(ask(server, "double", x=ONES)["y"], 2 * ONES)


SCRIPTS = {
    "forgets to stop": "",
    "hangs": "threading.Thread(target=lambda: ask(-ONES), daemon=True).start()\nentered.wait()",
}


@pytest.mark.parametrize("case", SCRIPTS)
def test_a_program_ends_whatever_its_functions_do(tmp_path: Path, case):
    script = tmp_path / "program.py"
    script.write_text(
        f"""
import threading, numpy as np, triton_lite
from triton_lite import Tensor
ONES = np.ones((1, 3), np.float32)
entered = threading.Event()
server = triton_lite.Server(exit_timeout_secs=1)
@server.model("m", inputs=[Tensor("x", np.float32, (-1,))], outputs=[Tensor("y", np.float32, (-1,))])
def function(x):
    if x[0, 0] < 0:
        entered.set()
        threading.Event().wait()
    return x
server.start()
ask = lambda value: server.model("m").infer({{"x": value}})
ask(ONES)
{SCRIPTS[case]}
print("end")
"""
    )
    done = run_script(sys.executable, script)
    assert (done.returncode, done.stdout) == (0, "end\n"), done.stderr

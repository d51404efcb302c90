"""Models with an `is_ready` of their own, asked through the server."""

import logging
import threading

import numpy as np
import pytest
from serving import VALUES, infer, serving, wait_until, write_model


@pytest.mark.parametrize(
    "body, text",
    [
        ("return True", None),
        ("return False", "Model 'm_0' is not ready (user-defined check failed)."),
        ("raise ValueError('not now')", "ValueError: not now"),
        ("return 'yes'", "is_ready() must return a boolean value"),
    ],
)
def test_the_answer_counts_and_inference_goes_on(tmp_path, caplog, body, text):
    caplog.set_level(logging.DEBUG, "triton_lite")
    write_model(tmp_path, methods=f"def is_ready(self):\n    {body}")
    with serving(tmp_path) as server:
        for _ in range(3):
            assert server.model("m").ready() is (text is None)
            assert server.ready() is (text is None)
            assert np.array_equal(infer(server), VALUES)
        lines = [line for line in caplog.messages if line.startswith("Model 'm' version 1 is not ready: ")]
        assert len(lines) == (0 if text is None else 6)
        assert all(text in line for line in lines)


def test_a_coroutine(tmp_path):
    write_model(tmp_path, methods="async def is_ready(self):\n    return True")
    with serving(tmp_path) as server:
        assert server.model("m").ready()


def test_strict_readiness_can_be_switched_off(tmp_path):
    write_model(tmp_path, methods="def is_ready(self):\n    return False")
    with serving(tmp_path, strict_readiness=False) as server:
        assert server.ready() and not server.model("m").ready()


def test_a_slow_check_holds_nothing_else_up(tmp_path):
    asked, go_on = tmp_path / "asked", tmp_path / "go_on"
    wait = (
        f"open({str(asked)!r}, 'a').write('.')\n    while not os.path.exists({str(go_on)!r}):\n        time.sleep(0.01)"
    )
    write_model(tmp_path, methods=f"def is_ready(self):\n    {wait}\n    return True")
    write_model(tmp_path, "other")
    with serving(tmp_path) as server:
        answers = []
        # More than there are threads for calls that take long.
        asking = [threading.Thread(target=lambda: answers.append(server.model("m").ready())) for _ in range(40)]
        for thread in asking:
            thread.start()
        wait_until(asked.exists)
        assert server.model("other").ready()
        assert np.array_equal(infer(server), VALUES)
        assert server.load("other").ready()
        go_on.touch()
        for thread in asking:
            thread.join()
        assert len(answers) == 40
        assert True in answers

"""What models ask of the server: logs, metrics, and other models."""

import logging

import numpy as np
import pytest
from serving import ANSWER, CONFIG, EXECUTE, VALUES, infer, python_backend, reason, serving, wait_until, write_model

from triton_lite import logs
from triton_lite.proto import messages

SAY = """
def say(self, what, function):
    try:
        print(what, function(), flush=True)
    except pb.TritonModelException as error:
        print(what, error, flush=True)
"""


def said(caplog, what):
    wait_until(lambda: any(f"stdout: {what} " in line for line in caplog.messages))
    return [line.partition(f"stdout: {what} ")[2] for line in caplog.messages if f"stdout: {what} " in line][-1]


def test_lines_that_models_log(tmp_path, caplog):
    caplog.set_level(logging.DEBUG, "triton_lite")
    write_model(
        tmp_path,
        methods="""
        def initialize(self, args):
            pb.Logger.log_info("good to know")
            pb.Logger.log_warn("watch out")
            pb.Logger.log_error("too late")
            pb.Logger.log_verbose("nobody cares")
            print("printed")
            print("printed as an error", file=sys.stderr)
            sys.stdout.buffer.write(b"\\xff no text\\n")
            import logging
            logging.warning("logged")

        def finalize(self):
            pb.Logger.log_info("good bye")
            print("printed last", end="")
        """,
    )
    with serving(tmp_path):
        pass
    by_level = {
        level: [record.getMessage() for record in caplog.records if record.levelno == level]
        for level in (logging.INFO, logging.WARNING, logging.ERROR, logging.DEBUG)
    }
    assert {"good to know", "good bye", "m_0 stdout: printed", "m_0 stderr: printed as an error"} < set(
        by_level[logging.INFO]
    )
    assert {"m_0 stdout: \ufffd no text", "m_0 stderr: WARNING:root:logged", "m_0 stdout: printed last"} < set(
        by_level[logging.INFO]
    )
    assert "watch out" in by_level[logging.WARNING]
    assert "too late" in by_level[logging.ERROR]
    assert "nobody cares" not in caplog.messages
    (record,) = (record for record in caplog.records if record.getMessage() == "good to know")
    assert (record.filename, record.lineno) == ("model.py", 8)


def test_verbosity_follows_the_settings(tmp_path, caplog):
    caplog.set_level(logging.DEBUG, "triton_lite")
    write_model(tmp_path, execute=EXECUTE + "    pb.Logger.log_verbose('detail')\n" + ANSWER)
    before = logs.settings()
    with serving(tmp_path) as server:

        def logged():
            count = caplog.messages.count("detail")
            infer(server)
            return caplog.messages.count("detail") > count

        try:
            assert not logged()
            for verbose in (1, 0, 2, 0):
                request = messages.LogSettingsRequest()
                request.settings["log_verbose_level"].uint32_param = verbose
                server.call("LogSettings", request)
                wait_until(lambda wanted=verbose > 0: logged() is wanted)
        finally:
            logs.change(before)


def test_metrics_are_on_the_page_while_their_process_lives(tmp_path):
    write_model(
        tmp_path,
        methods="""
        def initialize(self, args):
            family = pb.MetricFamily(name="my_requests", description="of mine", kind=pb.MetricFamily.COUNTER)
            self.family, self.count = family, family.Metric(labels={"instance": "all"})
        """,
        execute=EXECUTE + "    self.count.increment(len(requests))\n" + ANSWER,
        config=CONFIG + "instance_group { count: 2 kind: KIND_CPU }",
    )
    expected = '# HELP my_requests of mine\n# TYPE my_requests counter\nmy_requests{instance="all"} %d\n'
    with serving(tmp_path) as server:
        assert server.metrics().endswith(expected % 0)
        for _ in range(5):
            infer(server)
        assert server.metrics().endswith(expected % 5)
        server.unload("m")
        wait_until(lambda: reason(server) == "unloaded")
        assert "my_requests" not in server.metrics()


def test_errors_of_metrics_have_tritons_texts(tmp_path, caplog):
    caplog.set_level(logging.INFO, "triton_lite")
    write_model(
        tmp_path,
        methods=SAY
        + """
def initialize(self, args):
    one = pb.MetricFamily(name="c", description="d", kind=pb.MetricFamily.COUNTER)
    self.say("KIND", lambda: pb.MetricFamily(name="c", description="d", kind=pb.MetricFamily.GAUGE))
    metric = one.Metric(labels={})
    self.say("NEGATIVE", lambda: metric.increment(-1))
""",
    )
    with serving(tmp_path):
        message = "Failed to process the request for model 'm_0', message: "
        exists = "Family name already exists with different type"
        assert said(caplog, "KIND") == f"Error when creating MetricFamily: {message}{exists}"
        monotonic = "TRITONSERVER_METRIC_KIND_COUNTER can only be incremented monotonically by non-negative values."
        assert said(caplog, "NEGATIVE") == f"Failed to increment metric value: {message}{monotonic}"


LOADING = (
    SAY
    + """
def initialize(self, args):
    self.say("BEFORE", lambda: pb.is_model_ready("other"))
    self.say("LOADED", lambda: pb.load_model("other"))
    self.say("AFTER", lambda: pb.is_model_ready("other", "1"))
    self.say("NONE", lambda: pb.load_model("nothere"))
    self.say("VERSION", lambda: pb.is_model_ready("other", "x"))
    self.say("FILE", lambda: pb.load_model("given", config='{"backend": "identity", "max_batch_size": 0}'))
    self.say("UNLOADED", lambda: pb.unload_model("other"))
"""
)
MESSAGE = "Failed to process the request for model 'm_0', message: "


def test_a_model_may_load_others_while_it_is_loaded(tmp_path, caplog):
    caplog.set_level(logging.INFO, "triton_lite")
    write_model(tmp_path, methods=LOADING)
    write_model(tmp_path, "other")
    # One thread for loads: that of the model that waits.
    with serving(tmp_path, "m", model_load_thread_count=1) as server:
        unknown = "Request for unknown model: 'other' is not found"
        assert said(caplog, "BEFORE") == f"Failed to check model readiness: {MESSAGE}{unknown}"
        assert said(caplog, "LOADED") == "None"
        assert said(caplog, "AFTER") == "True"
        polled = "failed to load 'nothere', failed to poll from model repository"
        assert said(caplog, "NONE") == f"Failed to load model: {MESSAGE}{polled}"
        version = (
            "failed to get model version from specified version string 'x' (details: stol), version should be an"
            " integral value > 0"
        )
        assert said(caplog, "VERSION") == f"Failed to check model readiness: {MESSAGE}{version}"
        assert said(caplog, "UNLOADED") == "None"
        assert server.model("m").ready() and not server.model("other").ready()


CIRCLE = (
    SAY
    + """
def initialize(self, args):
    self.say("{what}", lambda: pb.load_model("{other}"))
"""
)


def test_models_that_load_each_other_do_not_wait_for_ever(tmp_path, caplog):
    caplog.set_level(logging.INFO, "triton_lite")
    write_model(tmp_path, "a", methods=CIRCLE.format(what="A", other="b"))
    write_model(tmp_path, "b", methods=CIRCLE.format(what="B", other="a"))
    with serving(tmp_path, "a") as server:
        assert said(caplog, "A") == "None"
        assert "models that are being loaded together with 'b' cannot be waited for by it" in said(caplog, "B")
        assert server.model("a").ready() and server.model("b").ready()


def test_models_that_are_loaded_together_do_not_wait_for_each_other(tmp_path, caplog):
    caplog.set_level(logging.INFO, "triton_lite")
    write_model(tmp_path, "a", methods=CIRCLE.format(what="A", other="b"))
    write_model(tmp_path, "b")
    with serving(tmp_path) as server:
        assert "cannot be waited for by it" in said(caplog, "A")
        assert server.model("a").ready() and server.model("b").ready()


def test_a_model_may_reload_and_unload_itself_while_it_executes(tmp_path):
    write_model(tmp_path, execute=EXECUTE + "    pb.load_model('m')\n    pb.unload_model('m')\n" + ANSWER)
    with serving(tmp_path) as server:
        assert np.array_equal(infer(server), VALUES)
        wait_until(lambda: reason(server) == "unloaded")


def test_files_of_a_load_call(tmp_path, caplog):
    caplog.set_level(logging.INFO, "triton_lite")
    folder = write_model(tmp_path, "source")
    write_model(
        tmp_path,
        methods=SAY
        + f"""
def initialize(self, args):
    code = open({str(folder / "1" / "model.py")!r}, "rb").read()
    config = open({str(tmp_path / "config.json")!r}).read()
    self.say("GIVEN", lambda: pb.load_model("given", config=config, files={{"file:1/model.py": code}}))
    self.say("BAD", lambda: pb.load_model("bad", config=config, files={{"1/model.py": code}}))
    self.say("BARE", lambda: pb.load_model("bare", files={{"file:1/model.py": code}}))
""",
    )
    tensor = '{"name": "%s", "data_type": "TYPE_FP32", "dims": [4]}'
    (tmp_path / "config.json").write_text(
        f'{{"backend": "python", "input": [{tensor % "IN"}], "output": [{tensor % "OUT"}]}}'
    )
    with serving(tmp_path, "m") as server:
        assert said(caplog, "GIVEN") == "None"
        assert np.array_equal(infer(server, "given"), VALUES)
        assert said(caplog, "BAD") == f"Failed to load model: {MESSAGE}unrecognized load parameter '1/model.py'."
        assert said(caplog, "BARE").startswith(f"Failed to load model: {MESSAGE}failed to load 'bare'")


@pytest.mark.parametrize("mode", ["none", "poll"])
def test_without_explicit_control_models_load_nothing(tmp_path, caplog, mode):
    caplog.set_level(logging.INFO, "triton_lite")
    write_model(tmp_path, methods=CIRCLE.format(what="M", other="other"))
    backend = python_backend(initialize_timeout_seconds=60)
    with serving(tmp_path, model_control_mode=mode, load_model=[], backend_config=backend):
        assert "explicit model load / unload is not allowed if polling is enabled" in said(caplog, "M")

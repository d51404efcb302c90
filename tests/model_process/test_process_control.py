"""What a model's process asks of the engine or tells it beside inference: logs, metrics, other models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from model_process.model_files import HEAD, write_model
from model_process.records import Asked
from model_process.whole_process import ModelProcess

LOGS = (
    HEAD
    + """
class TritonPythonModel:
    def initialize(self, args):
        pb_utils.Logger.log_info("coming up")

    def execute(self, requests):
        logger = pb_utils.Logger
        logger.log("ä plain")
        logger.log("of a level", logger.WARNING)
        logger.log_warn("warn")
        logger.log_error("error")
        logger.log_verbose("verbose")
        return [pb_utils.InferenceResponse()]
"""
)


def test_logs(tmp_path: Path) -> None:
    with ModelProcess(write_model(tmp_path, LOGS)) as model:
        model.engine.run(Asked([]))
        model.order(op="log_verbose", level=1)
        assert model.finalize()["error"] is None
        seen = [(log["level"], log["message"], log["line"]) for log in model.logs]
        assert seen == [
            ("INFO", "coming up", 8),
            ("INFO", "ä plain", 12),
            ("WARNING", "of a level", 13),
            ("WARNING", "warn", 14),
            ("ERROR", "error", 15),
        ]
        assert {log["file"] for log in model.logs} == {str(tmp_path / "1" / "model.py")}
    with ModelProcess(write_model(tmp_path, LOGS), log_verbose=1) as model:
        model.engine.run(Asked([]))
        model.finalize()
        assert model.logs[-1]["level"] == "VERBOSE"


METRICS = (
    HEAD
    + """
def refusal(function):
    try:
        function()
    except pb_utils.TritonModelException as error:
        return str(error)

class TritonPythonModel:
    def execute(self, requests):
        family = pb_utils.MetricFamily(name="n", description="d", kind=pb_utils.MetricFamily.COUNTER)
        metric = family.Metric(labels={"a": "b"})
        metric.increment(2)
        metric.increment(np.float32(0.5))
        value = metric.value()
        texts = [refusal(lambda: metric.set(1)), refusal(lambda: family.Metric(labels={"a": 5}))]
        texts += [refusal(lambda: family.Metric(labels=5)), refusal(lambda: family.Metric(buckets=[1]))]
        bare = family.Metric()
        del bare
        del family
        texts.append(refusal(lambda: metric.increment(1)))
        histogram = pb_utils.MetricFamily("h", "d", pb_utils.MetricFamily.HISTOGRAM)
        texts += [refusal(lambda: histogram.Metric()), refusal(lambda: histogram.Metric(buckets=5))]
        histogram.Metric(buckets=[1, 2.5]).observe(2)
        texts = np.array(texts, object)
        return [pb_utils.InferenceResponse([pb_utils.Tensor("T", texts), pb_utils.Tensor("V", np.array([value]))])]
"""
)


def test_metrics(tmp_path: Path) -> None:
    def answer(call: dict[str, Any]) -> tuple[Any, str | None]:
        if call["method"] == "metric_set":
            return None, "not of a counter"
        return (7 if call["method"] == "metric_value" else None), None

    with ModelProcess(write_model(tmp_path, METRICS)) as model:
        model.answer = answer
        (record,) = model.engine.run(Asked([]))
        assert record.error == ""
        assert record.output("V")[0] == 7
        assert [text.decode() for text in record.output("T")] == [
            "Failed to set metric value: not of a counter",
            "Error when creating Metric: Failed to process the request for model 'model_0', message: attempt to access "
            "JSON non-string as string",
            "Failed to create metric. Labels must be a dictionary.",
            "Failed to create metric. Unexpected buckets found.",
            "Failed to increment metric value: Invalid metric operation as the corresponding 'MetricFamily' has been "
            "deleted. The 'MetricFamily' object should be deleted AFTER its corresponding 'Metric' objects have been "
            "deleted.",
            "Failed to create metric. Missing required buckets.",
            "Failed to create metric. Buckets must be a list.",
        ]
        model.finalize()
        seen = [{key: value for key, value in call.items() if key not in ("op", "id")} for call in model.calls]
        assert len({call["id"] for call in model.calls}) == len(model.calls)
    family, metric, bare, histogram, observed = 1, 2, 3, 4, 5
    assert seen == [
        {"method": "metric_family", "family": family, "name": "n", "description": "d", "kind": "counter"},
        {"method": "metric", "family": family, "metric": metric, "labels": {"a": "b"}, "buckets": None},
        {"method": "metric_add", "metric": metric, "value": 2.0},
        {"method": "metric_add", "metric": metric, "value": 0.5},
        {"method": "metric_value", "metric": metric},
        {"method": "metric_set", "metric": metric, "value": 1.0},
        {"method": "metric", "family": family, "metric": bare, "labels": {}, "buckets": None},
        {"method": "metric_drop", "metric": bare},
        {"method": "metric_drop", "metric": metric},
        {"method": "metric_family_drop", "family": family},
        {"method": "metric_family", "family": histogram, "name": "h", "description": "d", "kind": "histogram"},
        {"method": "metric", "family": histogram, "metric": observed, "labels": {}, "buckets": [1.0, 2.5]},
        {"method": "metric_observe", "metric": observed, "value": 2.0},
        {"method": "metric_drop", "metric": observed},
        {"method": "metric_family_drop", "family": histogram},
    ]


MODELS = (
    HEAD
    + """
class TritonPythonModel:
    def initialize(self, args):
        if not pb_utils.is_model_ready(model_name="other", model_version="1"):
            pb_utils.load_model(model_name="other")
            pb_utils.load_model("other", config="{}", files={"file:1/model.py": b"\\xff\\x00"})

    def execute(self, requests):
        pb_utils.unload_model(model_name="other", unload_dependents=True)
        return [pb_utils.InferenceResponse()]
"""
)


def test_models_are_loaded_and_unloaded(tmp_path: Path) -> None:
    with ModelProcess(write_model(tmp_path, MODELS), initialize=False) as model:
        model.answer = lambda call: (False if call["method"] == "is_model_ready" else None, None)
        assert model.initialize()["op"] == "initialized"
        model.answer = lambda call: (None, "Failed to process the request for model 'model_0', message: not now")
        (answer,) = model.engine.run(Asked([]))
        assert (
            "TritonModelException: Failed to unload model: Failed to process the request for model 'model_0', "
            "message: not now\n"
        ) in answer.error
        seen = [{key: value for key, value in call.items() if key not in ("op", "id")} for call in model.calls]
    assert seen == [
        {"method": "is_model_ready", "name": "other", "version": "1"},
        {"method": "load_model", "name": "other", "files": None, "config": None},
        {"method": "load_model", "name": "other", "files": {"file:1/model.py": "/wA="}, "config": "{}"},
        {"method": "unload_model", "name": "other", "unload_dependents": True},
    ]

import pytest

from triton_lite.engine.model_processes.custom_metrics import CustomMetrics
from triton_lite.engine.model_processes.process_metrics import ProcessMetrics
from triton_lite.errors import TritonError


@pytest.fixture
def shared():
    return CustomMetrics()


@pytest.fixture
def process(shared):
    return ProcessMetrics(shared)


def family(process, number, name, kind="counter", description="d"):
    process.call("metric_family", {"family": number, "name": name, "description": description, "kind": kind})


def metric(process, family, number, labels=None, buckets=None):
    process.call("metric", {"family": family, "metric": number, "labels": labels or {}, "buckets": buckets})


def refused(process, method, **message):
    with pytest.raises(TritonError) as caught:
        process.call(method, message)
    return caught.value.text


def test_text_is_what_triton_writes(shared, process):
    family(process, 1, "c1")
    family(process, 2, "g1", "gauge", 'd "q" \\ back\nslash')
    family(process, 3, "h1", "histogram")
    family(process, 4, "empty")
    metric(process, 1, 11, {"z": "1", "a": 'x"y'})
    metric(process, 2, 12)
    metric(process, 3, 13, {"z": "1"}, [0.1, 1, 2.5])
    process.call("metric_add", {"metric": 11, "value": 1.5})
    process.call("metric_set", {"metric": 12, "value": 1e20})
    for value in (0.3, 7.25, 1):
        process.call("metric_observe", {"metric": 13, "value": value})
    assert shared.text() == (
        "# HELP c1 d\n# TYPE c1 counter\n"
        'c1{a="x\\"y",z="1"} 1.5\n'
        '# HELP g1 d "q" \\\\ back\\nslash\n# TYPE g1 gauge\n'
        "g1 1e+20\n"
        "# HELP h1 d\n# TYPE h1 histogram\n"
        'h1_count{z="1"} 3\n'
        'h1_sum{z="1"} 8.550000000000001\n'
        'h1_bucket{z="1",le="0.1"} 0\n'
        'h1_bucket{z="1",le="1"} 2\n'
        'h1_bucket{z="1",le="2.5"} 2\n'
        'h1_bucket{z="1",le="+Inf"} 3\n'
    )


def test_no_buckets_are_one_bucket(shared, process):
    family(process, 1, "h0", "histogram")
    metric(process, 1, 2, buckets=[])
    process.call("metric_observe", {"metric": 2, "value": 4})
    assert 'h0_bucket{le="+Inf"} 1\n' in shared.text()


def test_processes_share_what_has_the_same_name(shared, process):
    other = ProcessMetrics(shared)
    family(process, 1, "requests", description="first")
    family(other, 1, "requests", description="second")
    metric(process, 1, 2, {"m": "x"})
    metric(other, 1, 2, {"m": "x"})
    process.call("metric_add", {"metric": 2, "value": 2})
    other.call("metric_add", {"metric": 2, "value": 3})
    assert process.call("metric_value", {"metric": 2}) == 5
    assert shared.text() == '# HELP requests first\n# TYPE requests counter\nrequests{m="x"} 5\n'
    process.close()
    assert other.call("metric_value", {"metric": 2}) == 5
    other.close()
    assert shared.text() == ""
    # Nobody uses the name any more.
    family(process, 1, "requests", "gauge")


def test_a_metric_goes_with_its_last_object(shared, process):
    family(process, 1, "c")
    metric(process, 1, 2)
    metric(process, 1, 3)
    process.call("metric_drop", {"metric": 2})
    assert "c 0\n" in shared.text()
    process.call("metric_drop", {"metric": 3})
    assert shared.text() == ""


def test_a_family_takes_its_metrics_along(shared, process):
    family(process, 1, "c")
    metric(process, 1, 2)
    process.call("metric_family_drop", {"family": 1})
    assert shared.text() == ""
    invalidated = "Could not increment metric value. Metric has been invalidated."
    assert refused(process, "metric_add", metric=2, value=1) == invalidated


@pytest.mark.parametrize(
    "kind, method, value, text",
    [
        (
            "counter",
            "metric_add",
            -1,
            "TRITONSERVER_METRIC_KIND_COUNTER can only be incremented monotonically by non-negative values.",
        ),
        ("counter", "metric_set", 1, "TRITONSERVER_METRIC_KIND_COUNTER does not support Set"),
        ("counter", "metric_observe", 1, "TRITONSERVER_METRIC_KIND_COUNTER does not support Observe"),
        ("gauge", "metric_observe", 1, "TRITONSERVER_METRIC_KIND_GAUGE does not support Observe"),
        ("histogram", "metric_add", 1, "TRITONSERVER_METRIC_KIND_HISTOGRAM does not support Increment"),
        ("histogram", "metric_set", 1, "TRITONSERVER_METRIC_KIND_HISTOGRAM does not support Set"),
        ("histogram", "metric_value", 1, "TRITONSERVER_METRIC_KIND_HISTOGRAM does not support Value"),
    ],
)
def test_what_a_kind_cannot_do(process, kind, method, value, text):
    family(process, 1, "m", kind)
    metric(process, 1, 2, buckets=[1.0] if kind == "histogram" else None)
    assert refused(process, method, metric=2, value=value) == text


def test_refused_families_and_metrics(process):
    family(process, 1, "c")
    other_kind = "Family name already exists with different type"
    assert refused(process, "metric_family", family=2, name="c", description="d", kind="gauge") == other_kind
    # Prometheus reads no page that has a family twice.
    assert refused(process, "metric_family", family=2, name="nv_inference_count", description="d", kind="counter")
    for name in ("bad name", "", "1st"):
        text = refused(process, "metric_family", family=2, name=name, description="d", kind="counter")
        assert text == "Invalid metric name"
    for label in ("bad label", "__a", ""):
        text = refused(process, "metric", family=1, metric=3, labels={label: "x"}, buckets=None)
        assert text == "Invalid label name"
    text = refused(process, "metric", family=1, metric=3, labels={"a": 1}, buckets=None)
    assert text == "attempt to access JSON non-string as string"
    family(process, 4, "h", "histogram")
    for buckets in ([2.0, 1.0], [1, 1, 2]):
        text = refused(process, "metric", family=4, metric=3, labels={}, buckets=buckets)
        assert text == "Bucket Boundaries must be strictly sorted"
    assert refused(process, "metric_nonsense") == "Unknown metric request: metric_nonsense"

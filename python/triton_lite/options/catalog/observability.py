"""The groups Metrics and Tracing."""

from functools import partial

from triton_lite.options.option import Option, Scope
from triton_lite.options.trace_values import trace_setting
from triton_lite.options.values import boolean, integer, metrics_setting, text

_metrics = partial(Option, group="Metrics", scope=Scope.METRICS)

OPTIONS = (
    _metrics(
        "allow-metrics",
        scope=Scope.ENGINE,
        parse=boolean,
        default=True,
        value="BOOL",
        help="Serve metrics for Prometheus.",
    ),
    _metrics(
        "allow-gpu-metrics",
        scope=Scope.ENGINE,
        parse=boolean,
        default=True,
        value="BOOL",
        help="Metrics of the GPUs are among them.",
    ),
    _metrics(
        "allow-cpu-metrics",
        scope=Scope.ENGINE,
        parse=boolean,
        default=True,
        value="BOOL",
        help="Metrics of the CPU are among them.",
    ),
    _metrics(
        "metrics-address",
        parse=text,
        default="",
        value="ADDRESS",
        help="The address that metrics are served on. Default: that of --http-address.",
    ),
    _metrics("metrics-port", parse=integer, default=8002, value="PORT", help="The port that metrics are served on."),
    _metrics(
        "metrics-interval-ms",
        scope=Scope.ENGINE,
        parse=integer,
        default=2000,
        value="MS",
        help="How often CPU and GPU are measured, in milliseconds.",
    ),
    _metrics(
        "metrics-config",
        scope=Scope.ENGINE,
        parse=metrics_setting,
        default=(),
        repeatable=True,
        value="SETTING=VALUE",
        help="counter_latencies=true, summary_latencies=false, summary_quantiles=q:err,..., histogram_latencies=false.",
    ),
    Option(
        "trace-config",
        group="Tracing",
        scope=Scope.ENGINE,
        parse=trace_setting,
        default=(),
        repeatable=True,
        value="[MODE,]SETTING=VALUE",
        help="level (OFF, TIMESTAMPS, TENSORS; repeatable), rate (1000), count (-1), mode (triton, opentelemetry); "
        "triton,file=, triton,log-frequency= (0); opentelemetry,url=, opentelemetry,resource=KEY=VALUE, "
        "opentelemetry,bsp_max_queue_size= (2048), bsp_schedule_delay= (5000), bsp_max_export_batch_size= (512).",
    ),
)

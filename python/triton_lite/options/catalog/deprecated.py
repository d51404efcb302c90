"""The options that Triton itself calls deprecated: each is turned into the one that replaced it."""

from functools import partial

from triton_lite.options.option import Option, Scope
from triton_lite.options.trace_values import trace_level
from triton_lite.options.values import boolean, byte_size, integer, text

_deprecated = partial(Option, group="Deprecated", scope=Scope.ENGINE)

OPTIONS = (
    _deprecated(
        "strict-model-config",
        parse=boolean,
        default=None,
        value="BOOL",
        help="Model configurations must be complete.",
        replacement="disable-auto-complete-config",
    ),
    _deprecated(
        "response-cache-byte-size",
        parse=byte_size,
        default=None,
        value="BYTES",
        help="The size of the response cache.",
        replacement="cache-config local,size=BYTES",
    ),
    _deprecated(
        "trace-file",
        parse=text,
        default=None,
        value="FILE",
        help="Where traces are written.",
        replacement="trace-config triton,file=FILE",
    ),
    _deprecated(
        "trace-level",
        parse=trace_level,
        default=(),
        repeatable=True,
        value="LEVEL",
        help="What is traced: OFF, TIMESTAMPS, TENSORS.",
        replacement="trace-config level=LEVEL",
    ),
    _deprecated(
        "trace-rate",
        parse=integer,
        default=None,
        value="RATE",
        help="One request in how many is traced.",
        replacement="trace-config rate=RATE",
    ),
    _deprecated(
        "trace-count",
        parse=integer,
        default=None,
        value="COUNT",
        help="How many requests are traced; -1 for no limit.",
        replacement="trace-config count=COUNT",
    ),
    _deprecated(
        "trace-log-frequency",
        parse=integer,
        default=None,
        value="COUNT",
        help="How many traces go into one file; 0 for one file.",
        replacement="trace-config triton,log-frequency=COUNT",
    ),
)

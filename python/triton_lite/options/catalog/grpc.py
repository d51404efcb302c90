"""The group gRPC."""

from functools import partial

from triton_lite.options.option import Option, Scope, Support
from triton_lite.options.values import (
    INT_MAX,
    boolean,
    count,
    integer,
    one_of,
    pattern,
    restriction,
    text,
    within,
)

_grpc = partial(Option, group="gRPC", scope=Scope.GRPC)
OPTIONS = (
    _grpc("allow-grpc", parse=boolean, default=True, value="BOOL", help="Answer gRPC requests."),
    _grpc("grpc-address", parse=text, default="0.0.0.0", value="ADDRESS", help="The address that gRPC listens on."),
    _grpc("grpc-port", parse=integer, default=8001, value="PORT", help="The port that gRPC listens on."),
    _grpc(
        "reuse-grpc-port",
        parse=boolean,
        default=False,
        value="BOOL",
        help="Share the port with other servers that have this option too (SO_REUSEPORT). They must serve the same "
        "models.",
    ),
    _grpc(
        "grpc-header-forward-pattern",
        parse=pattern,
        default="",
        value="REGEX",
        help="Metadata whose key matches (a part of it is enough, in any case) becomes parameters of the request.",
    ),
    _grpc(
        "grpc-infer-thread-count",
        parse=within(2, 128, "invalid argument for --grpc_infer_thread_count. Must be in the range 2 to 128."),
        default=2,
        value="COUNT",
        help="Threads that take inference requests.",
        support=Support.MACHINERY,
        note="One process answers many requests at the same time; --grpc-processes says how many processes.",
        since="2.57",
    ),
    _grpc(
        "grpc-infer-allocation-pool-size",
        parse=count,
        default=8,
        value="COUNT",
        help="Request objects that are kept for reuse.",
        support=Support.NO_EFFECT,
        note="There are no such objects here.",
    ),
    _grpc(
        "grpc-max-response-pool-size",
        parse=within(1, INT_MAX, "Error: --grpc-max-response-pool-size must be greater than 0."),
        default=INT_MAX,
        value="COUNT",
        help="Answers to one request of a stream that may wait to be sent; at most 64 do.",
        since="2.56",
    ),
    _grpc("grpc-use-ssl", parse=boolean, default=False, value="BOOL", help="Encrypt the port by TLS."),
    _grpc(
        "grpc-use-ssl-mutual",
        parse=boolean,
        default=False,
        value="BOOL",
        help="Encrypt the port by TLS and ask for the client's certificate too.",
    ),
    _grpc("grpc-server-cert", parse=text, default="", value="FILE", help="The server's certificate (PEM)."),
    _grpc("grpc-server-key", parse=text, default="", value="FILE", help="The server's key (PEM)."),
    _grpc("grpc-root-cert", parse=text, default="", value="FILE", help="The root certificate of the clients (PEM)."),
    _grpc(
        "grpc-infer-response-compression-level",
        parse=one_of(("none", "low", "medium", "high"), "invalid argument for --grpc_infer_response_compression_level"),
        default="none",
        value="LEVEL",
        help="How hard answers to inference are compressed: none, low, medium or high.",
    ),
    _grpc(
        "grpc-keepalive-time",
        parse=integer,
        default=7200000,
        value="MS",
        help="After how many milliseconds of silence a connection is pinged.",
    ),
    _grpc(
        "grpc-keepalive-timeout",
        parse=integer,
        default=20000,
        value="MS",
        help="How many milliseconds a ping may go unanswered before the connection is closed.",
    ),
    _grpc(
        "grpc-keepalive-permit-without-calls",
        parse=boolean,
        default=False,
        value="BOOL",
        help="Ping connections that have no call in flight too.",
    ),
    _grpc(
        "grpc-http2-max-pings-without-data",
        parse=integer,
        default=2,
        value="COUNT",
        help="How many pings may be sent without data between them; 0 for no limit.",
    ),
    _grpc(
        "grpc-http2-min-recv-ping-interval-without-data",
        parse=integer,
        default=300000,
        value="MS",
        help="The milliseconds that a client must let pass between two pings without data between them; faster ones "
        "are strikes.",
    ),
    _grpc(
        "grpc-http2-max-ping-strikes",
        parse=integer,
        default=2,
        value="COUNT",
        help="How many strikes end a connection; 0 for no limit.",
    ),
    _grpc(
        "grpc-max-connection-age",
        parse=count,
        default=None,
        value="MS",
        help="After how many milliseconds a connection is closed. Default: never.",
    ),
    _grpc(
        "grpc-max-connection-age-grace",
        parse=count,
        default=None,
        value="MS",
        help="How many milliseconds a connection that reached its age has to finish its calls. Default: unlimited.",
    ),
    _grpc(
        "grpc-restricted-protocol",
        parse=restriction("grpc-restricted-protocol", "protocol"),
        default=(),
        repeatable=True,
        value="PROTOCOLS:KEY=VALUE",
        help="Answer these groups of calls (with commas between them) only if the metadata triton-grpc-protocol-KEY is "
        "VALUE. A protocol may stand in one group only.",
    ),
)

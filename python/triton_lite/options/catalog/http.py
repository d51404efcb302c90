"""The group HTTP."""

from functools import partial

from triton_lite.options.option import Option, Scope, Support
from triton_lite.options.values import boolean, count, integer, origin, pattern, restriction, text, within

_http = partial(Option, group="HTTP", scope=Scope.HTTP)

OPTIONS = (
    _http("allow-http", parse=boolean, default=True, value="BOOL", help="Answer HTTP requests."),
    _http("http-address", parse=text, default="0.0.0.0", value="ADDRESS", help="The address that HTTP listens on."),
    _http("http-port", parse=integer, default=8000, value="PORT", help="The port that HTTP listens on."),
    _http(
        "reuse-http-port",
        parse=boolean,
        default=False,
        value="BOOL",
        help="Share the port with other servers that have this option too (SO_REUSEPORT). They must serve the same "
        "models.",
    ),
    _http(
        "http-thread-count",
        parse=count,
        default=8,
        value="COUNT",
        help="Threads for HTTP requests.",
        support=Support.MACHINERY,
        note="One process answers many requests at the same time; --http-workers says how many processes.",
    ),
    _http(
        "http-header-forward-pattern",
        parse=pattern,
        default="",
        value="REGEX",
        help="Headers whose name matches (a part of it is enough, in any case) become parameters of the request.",
    ),
    _http(
        "http-max-input-size",
        parse=within(1, (1 << 63) - 1, "Error: --http-max-input-size must be greater than 0."),
        default=64 << 20,
        value="BYTES",
        help="The largest body of a request, before and after it is decompressed.",
        since="2.59",
    ),
    _http(
        "http-restricted-api",
        parse=restriction("http-restricted-api", "api"),
        default=(),
        repeatable=True,
        value="APIS:KEY=VALUE",
        help="Answer these groups of requests (with commas between them) only if the header KEY is VALUE. An API may "
        "stand in one group only.",
    ),
    _http(
        "http-use-ssl",
        parse=boolean,
        default=False,
        value="BOOL",
        help="Encrypt the port by TLS. A gunicorn that is started by hand has its own options for it.",
        support=Support.OWN,
    ),
    _http(
        "http-use-ssl-mutual",
        parse=boolean,
        default=False,
        value="BOOL",
        help="Encrypt the port by TLS and ask for the client's certificate too.",
        support=Support.OWN,
    ),
    _http(
        "http-server-cert",
        parse=text,
        default="",
        value="FILE",
        help="The server's certificate (PEM).",
        support=Support.OWN,
    ),
    _http("http-server-key", parse=text, default="", value="FILE", help="The server's key (PEM).", support=Support.OWN),
    _http(
        "http-root-cert",
        parse=text,
        default="",
        value="FILE",
        help="The root certificate of the clients (PEM).",
        support=Support.OWN,
    ),
    _http(
        "http-cors-origin",
        parse=origin,
        default=(),
        repeatable=True,
        value="ORIGIN",
        help="Let scripts of web pages from this origin (https://host[:port], or * for any) use the server. Default: "
        "none.",
        support=Support.OWN,
    ),
    _http(
        "http-max-connection-age",
        parse=count,
        default=None,
        value="MS",
        help="After how many milliseconds a connection is closed: with the next answer, which says so; or when no "
        "request comes for 10 s. Default: never.",
        support=Support.OWN,
    ),
)

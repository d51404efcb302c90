"""The options that tritonserver does not have."""

from functools import partial

from triton_lite.options.option import Option, Scope, Support
from triton_lite.options.values import count, integer_in, port, text

_own = partial(Option, group="triton_lite", scope=Scope.SERVER, support=Support.OWN)
_processes = integer_in(1, 1024)

OPTIONS = (
    _own(
        "http-workers",
        scope=Scope.HTTP,
        parse=_processes,
        default=None,
        value="COUNT",
        help="Processes that answer HTTP requests. Default: one for each four cores, at least 1 and at most 4.",
    ),
    _own(
        "grpc-processes",
        scope=Scope.GRPC,
        parse=_processes,
        default=None,
        value="COUNT",
        help="Processes that answer gRPC requests, on one port. Default: one for each eight cores, at least 1 and at "
        "most 2.",
    ),
    _own(
        "api-keys-file",
        parse=text,
        default="",
        value="FILE",
        help="Answer only requests with an API key of this file (docs/security.md), which is read again when it "
        "changes.",
    ),
    _own(
        "admin-address",
        parse=text,
        default="",
        value="ADDRESS",
        help="Serve the APIs model-repository, trace and logging at this address only, on the two ports that follow; "
        "all others are served there too. Default: with the others.",
    ),
    _own(
        "http-admin-port",
        scope=Scope.HTTP,
        parse=port,
        default=8003,
        value="PORT",
        help="The port of --admin-address for HTTP.",
    ),
    _own(
        "grpc-admin-port",
        scope=Scope.GRPC,
        parse=port,
        default=8004,
        value="PORT",
        help="The port of --admin-address for gRPC.",
    ),
    _own(
        "max-inflight-requests",
        scope=Scope.ENGINE,
        parse=count,
        default=0,
        value="COUNT",
        help="Requests that may be queued or running at the same time; others are answered UNAVAILABLE (503), with "
        "Retry-After. 0: no limit, but the 1024 that each front-end process may have in flight.",
    ),
    _own(
        "max-inflight-requests-per-model",
        scope=Scope.ENGINE,
        parse=count,
        default=0,
        value="COUNT",
        help="The same for each version of a model.",
    ),
    _own(
        "max-inflight-byte-size",
        scope=Scope.ENGINE,
        parse=count,
        default=0,
        value="BYTES",
        help="The same for the bodies of requests that are queued or running, together. 0: no limit, but the 4 GiB "
        "that each front-end process may have in flight.",
    ),
    _own(
        "max-unread-byte-size",
        parse=count,
        default=0,
        value="BYTES",
        help="Answers that the clients of one front-end process have not read yet may take so much together; further "
        "large ones are replaced by UNAVAILABLE (503), and streams wait. 0: 4 GiB.",
    ),
    _own(
        "runtime-dir",
        parse=text,
        default="",
        value="FOLDER",
        help="The folder for sockets and locks, the only one that is written to. Default: triton-lite in "
        "XDG_RUNTIME_DIR, else triton-lite-UID in the folder for temporary files.",
    ),
    _own(
        "engine",
        parse=text,
        default="",
        value="SOCKET",
        help="The socket of the engine. Default: one in the runtime folder whose name stands for the repositories and "
        "the engine's options.",
    ),
    _own(
        "engine-linger-secs",
        parse=integer_in(0, 1 << 31),
        default=10,
        value="SECONDS",
        help="How long an engine that a front end started stays after its last front end went.",
    ),
    _own(
        "options-file",
        parse=text,
        default="",
        value="FILE",
        help="Read options from this file, one name=value a line. The environment and the command line win over it.",
    ),
)

"""The groups Backend, Repository Agent, Response Cache and Rate Limiter."""

from functools import partial

from triton_lite.options.option import Option, Scope, Support
from triton_lite.options.values import named_setting, one_of, rate_limit_resource, text

_engine = partial(Option, scope=Scope.ENGINE)
_folder = partial(
    _engine,
    parse=text,
    value="FOLDER",
    support=Support.NO_EFFECT,
    note="Nothing here is loaded from shared libraries of Triton's.",
)

OPTIONS = (
    _engine(
        "backend-directory",
        group="Backend",
        parse=text,
        default="/opt/tritonserver/backends",
        value="FOLDER",
        help="The folder of backends that are written in Python: BACKEND/model.py.",
    ),
    _engine(
        "backend-config",
        group="Backend",
        parse=named_setting("backend-config", "backend", needs_name=False),
        default=(),
        repeatable=True,
        value="[BACKEND,]SETTING=VALUE",
        help="A setting of one backend or of all: default-max-batch-size (4); onnxruntime: enable-global-threadpool, "
        "intra_op_thread_count, inter_op_thread_count; python: initialize-, execute- and "
        "finalize-timeout-seconds, restart-delay-seconds, restart-idle-delay-seconds, restart-max-delay-seconds, "
        "stub-timeout-seconds.",
    ),
    _folder(
        "repoagent-directory",
        group="Repository Agent",
        default="/opt/tritonserver/repoagents",
        help="Where Triton looks for repository agents.",
    ),
    _engine(
        "cache-config",
        group="Response Cache",
        parse=named_setting("cache-config", "cache", needs_name=True),
        default=(),
        repeatable=True,
        value="CACHE,SETTING=VALUE",
        help="A setting of the response cache: local,size=BYTES, or redis,host=HOST and redis,port=PORT.",
    ),
    _folder(
        "cache-directory",
        group="Response Cache",
        default="/opt/tritonserver/caches",
        help="Where Triton looks for caches.",
    ),
    _engine(
        "rate-limit",
        group="Rate Limiter",
        parse=one_of(("execution_count", "off"), "invalid argument for --rate-limit"),
        default="off",
        value="MODE",
        help="execution_count: run an instance when the resources that its model names are free. off: as soon as it is "
        "free itself.",
    ),
    _engine(
        "rate-limit-resource",
        group="Rate Limiter",
        parse=rate_limit_resource,
        default=(),
        repeatable=True,
        value="NAME:COUNT[:DEVICE]",
        help="How much of a resource there is, on one device or on each. Default: the most that an instance asks for.",
    ),
)

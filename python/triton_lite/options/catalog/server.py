"""The groups Server, Logging and Model Repository."""

from functools import partial

from triton_lite.options.option import Option, Scope, Support
from triton_lite.options.values import boolean, count, nonempty, one_of, text, verbosity

_server = partial(Option, group="Server", scope=Scope.ENGINE)
_logging = partial(Option, group="Logging", scope=Scope.SERVER)
_repository = partial(Option, group="Model Repository", scope=Scope.ENGINE)

OPTIONS = (
    _server("id", parse=text, default="triton", value="NAME", help="The server's name, as its metadata tells it."),
    _server(
        "exit-timeout-secs",
        scope=Scope.SERVER,
        parse=count,
        default=30,
        value="SECONDS",
        help="How long a stopping server waits for requests in flight before it ends.",
    ),
    _server(
        "shutdown-delay",
        scope=Scope.SERVER,
        parse=count,
        default=0,
        value="SECONDS",
        help="How long a server that was told to end serves on while it says that it is not ready, so that load "
        "balancers look elsewhere first.",
        support=Support.OWN,
    ),
    _logging(
        "log-verbose",
        parse=verbosity,
        default=0,
        value="LEVEL",
        help="Verbose messages: 0 for none, 1 and more for ever more of them.",
    ),
    _logging("log-info", parse=boolean, default=True, value="BOOL", help="Log what goes as planned."),
    _logging("log-warning", parse=boolean, default=True, value="BOOL", help="Log warnings."),
    _logging("log-error", parse=boolean, default=True, value="BOOL", help="Log errors."),
    _logging(
        "log-format",
        parse=one_of(("default", "ISO8601", "json"), "invalid argument for --log-format", fold=False),
        default="default",
        value="FORMAT",
        help="How a log line starts: default (LMMDD hh:mm:ss.ssssss), ISO8601 (YYYY-MM-DDThh:mm:ssZ L), or json (one "
        "object a line, an addition to Triton's formats).",
    ),
    _logging(
        "log-file",
        parse=text,
        default="",
        value="FILE",
        help="Append the log of all processes to this file instead of the standard error output. It is opened anew "
        "when it was moved, at the latest on SIGHUP.",
    ),
    _logging(
        "access-log",
        parse=text,
        default="",
        value="FILE",
        help="Write a line for each inference request to this file, or with - to the log: request id, peer, model, "
        "version, status, bytes in and out, microseconds of queueing and computing. Default: none.",
        support=Support.OWN,
    ),
    _repository(
        "model-repository",
        aliases=("model-store",),
        parse=nonempty("a folder of models was expected"),
        default=(),
        repeatable=True,
        value="PATH",
        help="A model repository: a folder with a folder for each model, a folder of ONNX files, or one ONNX file. A "
        "name that stands in two repositories is not available. Default: models/ where it is in the working folder, "
        "else the examples that come with the package.",
    ),
    _repository(
        "exit-on-error",
        scope=Scope.SERVER,
        parse=boolean,
        default=True,
        value="BOOL",
        help="End if a model cannot be loaded at start; if false, serve the others.",
    ),
    _repository(
        "disable-auto-complete-config",
        parse=boolean,
        default=False,
        value="",
        help="Do not complete model configurations from the model files: each must be written in full.",
    ),
    _repository(
        "strict-readiness",
        parse=boolean,
        default=True,
        value="BOOL",
        help="The server is ready when all its models are; if false, as soon as it answers.",
    ),
    _repository(
        "model-control-mode",
        parse=one_of(("none", "poll", "explicit"), "invalid argument for --model-control-mode"),
        default="none",
        value="MODE",
        help="none: load all models at start. explicit: load those of --load-model, and others when asked to. poll: "
        "follow the changes of the repositories.",
    ),
    _repository(
        "repository-poll-secs",
        parse=count,
        default=15,
        value="SECONDS",
        help="The time between two looks at the repositories, in mode poll.",
    ),
    _repository(
        "load-model",
        parse=nonempty("the name of a model was expected"),
        default=(),
        repeatable=True,
        value="NAME",
        help="A model to load at start in mode explicit, or * (alone) for all.",
    ),
    _repository(
        "model-config-name",
        parse=nonempty("Error: empty argument for --model-config-name"),
        default="",
        value="NAME",
        help="Take a model's configuration from configs/NAME.pbtxt where there is one, else from config.pbtxt.",
    ),
    _repository(
        "model-load-thread-count", parse=count, default=4, value="COUNT", help="How many models load at the same time."
    ),
    _repository(
        "model-load-retry-count",
        parse=count,
        default=0,
        value="COUNT",
        help="How often a load that failed is tried again.",
    ),
    _repository(
        "model-namespacing",
        parse=boolean,
        default=False,
        value="BOOL",
        help="Allow models of one name in different repositories.",
    ),
    _repository(
        "enable-peer-access",
        parse=boolean,
        default=True,
        value="BOOL",
        help="Let GPUs read each other's memory.",
        support=Support.NO_EFFECT,
        note="No code here copies between GPUs.",
    ),
)

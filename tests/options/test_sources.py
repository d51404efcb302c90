"""Options from the command line, the environment and a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from triton_lite.options import OPTIONS, OptionError, Support, find, load
from triton_lite.options.values import INT_MAX


def value(name: str, *arguments: str, **environment: str) -> object:
    return load(arguments, environment)[0][name]


ACCEPTED = [
    (["--http-port=9000"], "http-port", 9000),
    (["--http-port", "9000"], "http-port", 9000),
    (["--http-port=1", "--http-port=2"], "http-port", 2),
    ([], "http-port", 8000),
    (["--allow-http=false"], "allow-http", False),
    (["--allow-grpc=false", "--grpc-port=-47"], "grpc-port", -47),
    (["--allow-http", "0"], "allow-http", False),
    (["--allow-http=TRUE"], "allow-http", True),
    (["--disable-auto-complete-config"], "disable-auto-complete-config", True),
    (["--strict-model-config=true"], "disable-auto-complete-config", True),
    (["--strict-model-config=false"], "disable-auto-complete-config", False),
    (["--strict-model-config=false", "--disable-auto-complete-config"], "disable-auto-complete-config", True),
    (["--log-verbose=true"], "log-verbose", 1),
    (["--log-verbose=3"], "log-verbose", 3),
    (["--log-format=ISO8601"], "log-format", "ISO8601"),
    (["--model-store=a", "--model-repository", "b"], "model-repository", ("a", "b")),
    (["--model-control-mode=EXPLICIT"], "model-control-mode", "explicit"),
    (["--model-control-mode=explicit", "--load-model=a", "--load-model", "b"], "load-model", ("a", "b")),
    (["--http-header-forward-pattern=X-.*"], "http-header-forward-pattern", "(?i)X-.*"),
    (["--grpc-header-forward-pattern=(?-i)MY_HEADER.*"], "grpc-header-forward-pattern", "MY_HEADER.*"),
    (["--grpc-header-forward-pattern=(?s-i)x"], "grpc-header-forward-pattern", "(?s)x"),
    (["--grpc-header-forward-pattern=(?U)x"], "grpc-header-forward-pattern", "(?i)x"),
    (["--grpc-max-connection-age=5"], "grpc-max-connection-age", 5),
    ([], "grpc-max-connection-age", None),
    ([], "grpc-max-response-pool-size", INT_MAX),
    (
        ["--http-restricted-api=health,metadata:key=a=b"],
        "http-restricted-api",
        ((("health", "metadata"), "key", "a=b"),),
    ),
    (
        ["--backend-config=onnxruntime,a=b", "--backend-config=default-max-batch-size=0"],
        "backend-config",
        (("onnxruntime", "a", "b"), ("", "default-max-batch-size", "0")),
    ),
    (["--cache-config", "local,size=4194304"], "cache-config", (("local", "size", "4194304"),)),
    (["--response-cache-byte-size=7"], "cache-config", (("local", "size", "7"),)),
    (
        ["--trace-config", "triton,file=/x,y", "--trace-config", "level=off", "--trace-config=rate=5"],
        "trace-config",
        (("triton", "file", "/x,y"), ("", "level", "OFF"), ("", "rate", "5")),
    ),
    (
        ["--trace-rate=3", "--trace-config=rate=5"],
        "trace-config",
        (("", "rate", "3"), ("", "rate", "5")),
    ),
    (
        ["--trace-config=opentelemetry,resource=k=v"],
        "trace-config",
        (("opentelemetry", "resource", "k=v"),),
    ),
    (
        ["--metrics-config=summary_quantiles=0.5:0.1,0.9:0.1"],
        "metrics-config",
        (("summary_quantiles", "0.5:0.1,0.9:0.1"),),
    ),
    (
        ["--rate-limit-resource=r:2", "--rate-limit-resource=r:2:1"],
        "rate-limit-resource",
        (("r", 2, None), ("r", 2, 1)),
    ),
    (["--cuda-memory-pool-byte-size=0:5"], "cuda-memory-pool-byte-size", ((0, 5),)),
    (["--model-load-gpu-limit=0:0.5"], "model-load-gpu-limit", ((0, 0.5),)),
    (["--host-policy=gpu_0,numa-node=1"], "host-policy", (("gpu_0", "numa-node", "1"),)),
]


@pytest.mark.parametrize(
    ("arguments", "name", "expected"),
    ACCEPTED,
    ids=lambda each: " ".join(map(str, each)) if isinstance(each, list) else "",
)
def test_accepts(arguments: list[str], name: str, expected: object) -> None:
    assert value(name, *arguments) == expected


REFUSED = [
    (["--htp-port=1"], "option --htp-port not recognized; did you mean --http-port?"),
    (["--zzzzzz=1"], "option --zzzzzz not recognized; see triton-lite serve --help"),
    (["--http-port"], "option --http-port requires argument"),
    (["--http-port=x"], 'Bad option: "--http-port".\nInvalid option value. Got x'),
    (["--http-port=70000"], 'Bad option: "--http-port".\nProvided option value is out of bound. Got 70000'),
    (["--grpc-port=-47"], 'Bad option: "--grpc-port".\nProvided option value is out of bound. Got -47'),
    (["--allow-http=maybe"], 'Bad option: "--allow-http".\ninvalid value for bool option: maybe'),
    (
        ["--http-max-input-size=0"],
        'Bad option: "--http-max-input-size".\nError: --http-max-input-size must be greater than 0.',
    ),
    (["--grpc-infer-thread-count=1"], "Must be in the range 2 to 128."),
    (["--grpc-max-response-pool-size=0"], "Error: --grpc-max-response-pool-size must be greater than 0."),
    (["--log-format=iso8601"], "invalid argument for --log-format"),
    (["--model-control-mode=x"], "invalid argument for --model-control-mode"),
    (["--model-config-name="], "Error: empty argument for --model-config-name"),
    (["--rate-limit=x"], "invalid argument for --rate-limit"),
    (["--load-model=a"], "Error: Use of '--load-model' requires setting '--model-control-mode=explicit' as well."),
    (["--model-control-mode=explicit", "--load-model=a", "--load-model=*"], "must be the ONLY startup model"),
    (["--cache-config=x"], "No cache specified. --cache-config option format is <cache name>,<setting>=<value>. Got x"),
    (["--cache-config=local,size"], "--cache-config option format is '<cache name>,<setting>=<value>'. Got local,size"),
    (["--cache-config=local,size="], "--cache-config option format is '<cache name>,<setting>=<value>'"),
    (["--backend-config=,a=b"], "No backend specified."),
    (["--backend-config=x"], "--backend-config option format is '<backend name>,<setting>=<value>'. Got x"),
    (["--trace-config=level=x"], "invalid value for trace level option: x"),
    (["--trace-config=mode=x"], "invalid value for trace mode option: x."),
    (["--trace-config=,a=b"], "No trace mode specified."),
    (["--trace-config=level"], "--trace-config option format is '<trace mode>,<setting>=<value>'. Got level"),
    (["--trace-config=rate=x"], "Invalid option value. Got x"),
    (["--trace-level=x"], 'Bad option: "--trace-level".'),
    (["--metrics-config=a,b=c"], "--metrics-config option format is <setting>=<value>. Got a,b=c"),
    (["--cuda-memory-pool-byte-size=5"], "Cannot parse pair option due to incorrect number of inputs."),
    (["--rate-limit-resource=a"], "--rate-limit-resource option format is"),
    (["--host-policy=a"], "--host-policy option format is '<policy name>,<setting>=<value>'. Got a"),
    (["--http-restricted-api=nothing:k=v"], "unknown restricted api 'nothing'"),
    (["--http-restricted-api=health"], "--http-restricted-api option format is '<config name>:<setting>=<value>'."),
    (
        ["--grpc-restricted-protocol=health:a=b", "--grpc-restricted-protocol=trace,health:c=d"],
        "restricted protocol 'health' can not be specified in multiple config groups",
    ),
    (
        ["--cache-config=local,size=1", "--response-cache-byte-size=2"],
        "Incompatible flags --response-cache-byte-size and --cache-config both provided.",
    ),
    (
        ["--grpc-port=8000"],
        "The server cannot listen to HTTP requests and GRPC requests at the same address and port 0.0.0.0:8000",
    ),
    (
        ["--http-address=127.0.0.1", "--metrics-port=8000"],
        "The server cannot listen to HTTP requests and metrics requests at the same address and port 127.0.0.1:8000",
    ),
    (["--allow-sagemaker=true"], 'Bad option: "--allow-sagemaker".'),
    (["--http-header-forward-pattern=("], "a regular expression was expected"),
    (["--options-file=/nonexistent"], "/nonexistent cannot be read"),
]


@pytest.mark.parametrize(
    ("arguments", "text"), REFUSED, ids=lambda each: " ".join(each) if isinstance(each, list) else ""
)
def test_refuses(arguments: list[str], text: str) -> None:
    with pytest.raises(OptionError) as caught:
        load(arguments, {})
    assert text in str(caught.value)


def test_what_is_no_option_is_returned() -> None:
    settings, rest = load(["models", "--http-port", "1", "x.onnx"], {})
    assert rest == ["models", "x.onnx"]
    assert settings["http-port"] == 1


def test_ports_of_services_that_are_off_do_not_collide() -> None:
    assert value("grpc-port", "--grpc-port=8000", "--allow-http=false") == 8000


def test_command_line_wins_over_environment_wins_over_file(tmp_path: Path) -> None:
    file = tmp_path / "options"
    file.write_text("# ports\nhttp-port=1\ngrpc-port = 2\n--metrics-port=3\n\ndisable-auto-complete-config\n")
    settings, _ = load(
        ["--http-port=9"],
        {"TRITON_LITE_OPTIONS_FILE": str(file), "TRITON_LITE_GRPC_PORT": "8", "TRITON_LITE_HTTP_PORT": "7"},
    )
    assert [settings[f"{name}-port"] for name in ("http", "grpc", "metrics")] == [9, 8, 3]
    assert settings["disable-auto-complete-config"] is True


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("htp-port=1", "line 2: option --htp-port not recognized; did you mean --http-port?"),
        ("http-port", "line 2: write http-port=PORT"),
        ("http-port=x", "line 2).\nInvalid option value. Got x"),
    ],
)
def test_errors_in_a_file_name_the_line(tmp_path: Path, line: str, text: str) -> None:
    file = tmp_path / "options"
    file.write_text(f"# comment\n{line}\n")
    with pytest.raises(OptionError) as caught:
        load([f"--options-file={file}"], {})
    assert text in str(caught.value)
    assert str(file) in str(caught.value)


def test_errors_in_the_environment_name_the_variable() -> None:
    with pytest.raises(OptionError, match="TRITON_LITE_HTTP_PORT"):
        load([], {"TRITON_LITE_HTTP_PORT": "x"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a:b", ("a", "b")), ("a\nb:c\n", ("a", "b:c")), ("s3://host:9000/b:c", ("s3://host", "9000/b", "c"))],
)
def test_repositories_in_the_environment(text: str, expected: tuple[str, ...]) -> None:
    assert value("model-repository", TRITON_LITE_MODEL_REPOSITORY=text) == expected


def test_variables_that_give_no_option_are_told() -> None:
    settings, _ = load([], {"TRITON_LITE_HTP_PORT": "1", "TRITON_LITE_HTTP_PORT": "tcp://10.0.0.1:80", "PATH": "x"})
    assert settings["http-port"] == 8000
    assert len(settings.warnings) == 2
    assert "TRITON_LITE_HTP_PORT is no option; did you mean --http-port?" in settings.warnings[0]


def test_environment_passes_all_settings_on() -> None:
    arguments = [
        "--model-control-mode=explicit",
        "--load-model=a",
        "--load-model=b",
        "--model-repository=x:y",
        "--http-port=1",
    ]
    settings, _ = load(arguments, {})
    base = {"PATH": "p", "TRITON_LITE_GRPC_PORT": "5", "TRITON_LITE_DESCRIPTORS": "d"}
    environment = settings.environment(base)
    assert environment["PATH"] == "p"
    assert environment["TRITON_LITE_DESCRIPTORS"] == "d"
    assert "TRITON_LITE_GRPC_PORT" not in environment
    again, _ = load([], environment)
    assert again.values == settings.values


def test_golden_start_up_line_is_accepted() -> None:
    settings, _ = load(
        [
            "--model-repository=models",
            "--model-control-mode",
            "explicit",
            "--load-model",
            "a",
            "--load-model",
            "b",
            "--cache-config",
            "local,size=4194304",
            "--trace-config",
            "triton,file=/tmp/t",
            "--trace-config",
            "level=OFF",
        ],
        {},
    )
    assert settings.warnings == ()


WARNED = [
    (["--enable-peer-access=false"], "--enable-peer-access is accepted, but has no effect"),
    (
        ["--trace-file=x"],
        "Warning: '--trace-file' has been deprecated! Please use '--trace-config triton,file=FILE' instead.",
    ),
    (["--trace-file=x", "--trace-config=triton,file=y"], "Warning: Overriding deprecated '--trace-file'"),
    (["--strict-model-config=false"], "Warning: '--strict-model-config' has been deprecated!"),
    (
        ["--disable-auto-complete-config", "--strict-model-config=false"],
        "Warning: Overriding deprecated '--strict-model-config' from False to True in favor of"
        " '--disable-auto-complete-config'!",
    ),
]


@pytest.mark.parametrize(("arguments", "text"), WARNED, ids=str)
def test_warns(arguments: list[str], text: str) -> None:
    settings, _ = load(arguments, {})
    assert any(warning.startswith(text) for warning in settings.warnings)


@pytest.mark.parametrize(
    "arguments", [[], ["--rate-limit=execution_count"], ["--model-control-mode=none"], ["--allow-cpu-metrics=1"]]
)
def test_does_not_warn_of_what_is_as_it_should_be(arguments: list[str]) -> None:
    assert load(arguments, {})[0].warnings == ()


def test_declaration_is_consistent() -> None:
    names = [name for option in OPTIONS for name in (option.name, *option.aliases)]
    assert len(names) == len(set(names))
    for option in OPTIONS:
        assert find(option.name) is option
        assert option.default == () or not option.repeatable
        assert bool(option.note) == (option.support not in (Support.SAME, Support.OWN)), option.name

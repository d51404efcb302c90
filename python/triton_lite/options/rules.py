"""What holds between options: those that replace each other, exclude each other, or need each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from triton_lite.options.catalog import OPTIONS
from triton_lite.options.error import OptionError
from triton_lite.options.option import Support
from triton_lite.options.settings import Given, parse_text
from triton_lite.options.values import PORT_MAX

_TRACE = {
    "trace-file": "triton,file",
    "trace-level": "level",
    "trace-rate": "rate",
    "trace-count": "count",
    "trace-log-frequency": "triton,log-frequency",
}


def replace_deprecated(given: Mapping[str, Given]) -> tuple[dict[str, Given], list[str]]:
    """Turn deprecated options into those that replaced them; returns a warning for each. Raises OptionError."""
    result = dict(given)
    warnings = []
    for option in OPTIONS:
        if option.replacement and option.name in given:
            for text in given[option.name].texts:
                parse_text(option, text, given[option.name].source)
            text = f"'--{option.name}' has been deprecated! Please use '--{option.replacement}' instead."
            warnings.append(f"Warning: {text}")
    strict = result.pop("strict-model-config", None)
    newer = result.setdefault("disable-auto-complete-config", strict) if strict is not None else strict
    if strict is not None and newer is not None and newer is not strict:
        old, new = (_is_true(each) for each in (strict, newer))
        if old != new:
            warnings.append(
                f"Warning: Overriding deprecated '--strict-model-config' from {old} to {new} in favor of"
                " '--disable-auto-complete-config'!"
            )
    size = result.pop("response-cache-byte-size", None)
    if size is not None:
        if "cache-config" in result:
            raise OptionError(
                "Error: Incompatible flags --response-cache-byte-size and --cache-config both provided. Please "
                "provide one or the other."
            )
        result["cache-config"] = Given((f"local,size={size.texts[-1]}",), size.source)
    return _replace_trace(result, warnings), warnings


def _is_true(given: Given) -> bool:
    return given.texts[-1].lower() in ("true", "1", "on", "")


def _replace_trace(given: dict[str, Given], warnings: list[str]) -> dict[str, Given]:
    """Deprecated trace options come before --trace-config, which therefore overrides them (levels add up)."""
    before: list[str] = []
    present = given["trace-config"].texts if "trace-config" in given else ()
    for name, setting in _TRACE.items():
        old = given.pop(name, None)
        if old is None:
            continue
        before += [f"{setting}={text}" for text in old.texts]
        if any(text.startswith(f"{setting}=") for text in present):
            what = setting.rpartition(",")[2]
            warnings.append(f"Warning: Overriding deprecated '--{name}' in favor of provided {what} in --trace-config!")
    if before:
        given["trace-config"] = Given((*before, *present))
    return given


def check(values: Mapping[str, Any]) -> None:
    """Refuse values that contradict each other. Raises OptionError in Triton's words."""
    for option in OPTIONS:
        if option.support is Support.REFUSED and values[option.name] != option.default:
            raise OptionError(f'Bad option: "--{option.name}".\n{option.note}')
    if values["load-model"] and values["model-control-mode"] != "explicit":
        raise OptionError("Error: Use of '--load-model' requires setting '--model-control-mode=explicit' as well.")
    if "*" in values["load-model"] and len(set(values["load-model"])) > 1:
        raise OptionError("Wildcard model name '*' must be the ONLY startup model if specified at all.")
    for name, what in (("http-restricted-api", "api"), ("grpc-restricted-protocol", "protocol")):
        _check_restrictions(name, what, values[name])
    _check_ports(values)
    _check_tls_files(values)


def _check_restrictions(name: str, what: str, restrictions: tuple[tuple[tuple[str, ...], str, str], ...]) -> None:
    seen: set[str] = set()
    for groups, _, _ in restrictions:
        for group in groups:
            if group in seen:
                raise OptionError(
                    f'Bad option: "--{name}".\n'
                    f"restricted {what} '{group}' can not be specified in multiple config groups"
                )
            seen.add(group)


def metrics_address(values: Mapping[str, Any]) -> str:
    """The address for metrics: HTTP's unless it has its own."""
    return str(values["metrics-address"] or values["http-address"])


def _check_ports(values: Mapping[str, Any]) -> None:
    """The ports of services that are allowed; what the others' are does not matter, as in Triton."""
    for name in ("http", "grpc", "metrics"):
        number = values[f"{name}-port"]
        if values[f"allow-{name}"] and not 0 <= number <= PORT_MAX:
            raise OptionError(f'Bad option: "--{name}-port".\nProvided option value is out of bound. Got {number}')
    services = [
        (label, address, values[f"{name}-port"])
        for label, name, address in (
            ("HTTP", "http", values["http-address"]),
            ("GRPC", "grpc", values["grpc-address"]),
            ("metrics", "metrics", metrics_address(values)),
        )
        if values[f"allow-{name}"]
    ]
    if values["admin-address"]:
        services += [
            (f"{label} admin", values["admin-address"], values[f"{name}-admin-port"])
            for label, name in (("HTTP", "http"), ("GRPC", "grpc"))
            if values[f"allow-{name}"]
        ]
        _check_admin_ports(values)
    for index, (label, address, port) in enumerate(services):
        for other, other_address, other_port in services[index + 1 :]:
            if port and (address, port) == (other_address, other_port):
                raise OptionError(
                    f"The server cannot listen to {label} requests and {other} requests at the same address and port "
                    f"{address}:{port}"
                )


def _check_admin_ports(values: Mapping[str, Any]) -> None:
    """A request's port tells whether it came to the admin address: the two must differ, whatever their addresses."""
    for name in ("http", "grpc"):
        port = values[f"{name}-admin-port"]
        if values[f"allow-{name}"] and port and port == values[f"{name}-port"]:
            raise OptionError(f'Bad option: "--{name}-admin-port".\n{port} is --{name}-port; choose another')


def uses_tls(values: Mapping[str, Any], protocol: str) -> bool:
    """Whether a protocol ("http", "grpc") is served over TLS."""
    return bool(values[f"{protocol}-use-ssl"] or values[f"{protocol}-use-ssl-mutual"])


def _check_tls_files(values: Mapping[str, Any]) -> None:
    """Refuse TLS without its files. Raises OptionError."""
    for name in ("http", "grpc"):
        mutual = values[f"{name}-use-ssl-mutual"]
        if not (values[f"allow-{name}"] and uses_tls(values, name)):
            continue
        for file in ("server-cert", "server-key", *(("root-cert",) if mutual else ())):
            if not values[f"{name}-{file}"]:
                asked = f"--{name}-use-ssl-mutual" if mutual else f"--{name}-use-ssl"
                raise OptionError(f'Bad option: "--{name}-{file}".\n{asked} needs a file')


def warnings_of(values: Mapping[str, Any]) -> list[str]:
    """Say of each option that was given and does not do what Triton's does that it does not, and why."""
    warnings = []
    for option in OPTIONS:
        value = values[option.name]
        if option.asks_for_missing(value):
            warnings.append(f"--{option.name} is accepted, but not built yet: {option.note}")
        elif option.support in (Support.NO_EFFECT, Support.MACHINERY) and value != option.default:
            warnings.append(f"--{option.name} is accepted, but has no effect: {option.note}")
    return warnings

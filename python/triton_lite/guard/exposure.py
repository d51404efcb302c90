"""What a server that starts answers to anybody: said in its log, so that nobody finds out by an accident."""

from __future__ import annotations

from collections.abc import Sequence

from triton_lite.guard.groups import ADMIN
from triton_lite.options import Settings
from triton_lite.options.rules import metrics_address, uses_tls
from triton_lite.options.values import RESTRICTABLE

_RESTRICTION = {"http": "http-restricted-api", "grpc": "grpc-restricted-protocol"}
_NAME = {"http": "HTTP", "grpc": "gRPC"}


def exposure(settings: Settings) -> list[str]:
    """A line for each port: at which address, encrypted or not, which APIs ask for nothing. Raises OptionError."""
    lines = []
    for protocol in ("http", "grpc"):
        if not settings[f"allow-{protocol}"]:
            continue
        open_groups = _open_groups(settings, protocol)
        admin = settings["admin-address"]
        here = [group for group in open_groups if not (admin and group in ADMIN)]
        address = settings[f"{protocol}-address"]
        lines.append(_line(settings, protocol, address, settings[f"{protocol}-port"], here))
        if admin:
            lines.append(_line(settings, protocol, admin, settings[f"{protocol}-admin-port"], open_groups))
    if settings["allow-metrics"]:
        lines.append(
            f"Metrics at {_place(metrics_address(settings.values), settings['metrics-port'])}, not encrypted: "
            "open to everybody who reaches it"
        )
    return lines


def _open_groups(settings: Settings, protocol: str) -> list[str]:
    restricted = {group for groups, _, _ in settings[_RESTRICTION[protocol]] for group in groups}
    if settings[f"{protocol}-use-ssl-mutual"]:
        return []
    if not settings["api-keys-file"]:
        return [group for group in RESTRICTABLE if group not in restricted]
    from triton_lite.guard.guard import read_key_file

    key_file = read_key_file(settings)
    anonymous = key_file.keys.anonymous if key_file is not None else None
    return [group for group in RESTRICTABLE if anonymous and group in anonymous.apis and group not in restricted]


def _line(settings: Settings, protocol: str, address: str, port: int, open_groups: Sequence[str]) -> str:
    encrypted = "TLS" if uses_tls(settings.values, protocol) else "not encrypted"
    if settings[f"{protocol}-use-ssl-mutual"]:
        encrypted = "mutual TLS"
    if not open_groups:
        what = "nothing is answered without authentication"
    elif len(open_groups) == len(RESTRICTABLE):
        what = "everything is answered without authentication"
    else:
        what = f"without authentication: {', '.join(open_groups)}"
    return f"{_NAME[protocol]} at {_place(address, port)}, {encrypted}: {what}"


def _place(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"

"""What the gRPC server needs to know, taken from the server's options."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc

from triton_lite.guard.guard import Guard
from triton_lite.options.processes import front_end_processes

# tritonserver's option -> gRPC's channel argument.
_CHANNEL_ARGUMENTS = {
    "grpc-keepalive-time": "grpc.keepalive_time_ms",
    "grpc-keepalive-timeout": "grpc.keepalive_timeout_ms",
    "grpc-keepalive-permit-without-calls": "grpc.keepalive_permit_without_calls",
    "grpc-http2-max-pings-without-data": "grpc.http2.max_pings_without_data",
    "grpc-http2-min-recv-ping-interval-without-data": "grpc.http2.min_ping_interval_without_data_ms",
    "grpc-http2-max-ping-strikes": "grpc.http2.max_ping_strikes",
    "grpc-max-connection-age": "grpc.max_connection_age_ms",
    "grpc-max-connection-age-grace": "grpc.max_connection_age_grace_ms",
}
# The algorithms that gRPC's core takes for its compression levels.
_COMPRESSION = {
    "none": grpc.Compression.NoCompression,
    "low": grpc.Compression.Gzip,
    "medium": grpc.Compression.Deflate,
    "high": grpc.Compression.Deflate,
}
# Requests of one stream that may be under way.
_MAX_STREAM_BACKLOG = 1024
# Responses to one of them that may wait to be sent, whatever the option allows.
_MAX_STREAM_WINDOW = 64


@dataclass(frozen=True)
class GrpcOptions:
    """The options of one gRPC server process.

    regions_by_peer: who may use shared memory depends on where the client is (peers.py). guard: None lets all in.
    admin_address: where the APIs of operators are served, "" for at the same one as the others.
    """

    address: str = "0.0.0.0"
    port: int = 8001
    processes: int = 1
    share_port: bool = False
    reuse_port: bool = False
    compression: grpc.Compression = grpc.Compression.NoCompression
    stream_backlog: int = _MAX_STREAM_BACKLOG
    stream_window: int = _MAX_STREAM_WINDOW
    header_forward_pattern: re.Pattern[str] | None = None
    access_log: bool = False
    regions_by_peer: bool = True
    exit_timeout_secs: float = 30
    channel: tuple[tuple[str, int], ...] = ()
    credentials: grpc.ServerCredentials | None = field(default=None, repr=False)
    guard: Guard | None = None
    admin_address: str = ""
    admin_port: int = 8004
    max_unread_byte_size: int = 0  # 0: the default of UnreadAnswers.

    @classmethod
    def from_settings(cls, value: Callable[[str], Any]) -> GrpcOptions:
        """Take them from `value`, which gives an option's value by its name.

        Raises OSError for a PEM file that cannot be read.
        """
        pattern = value("grpc-header-forward-pattern")
        return cls(
            address=value("grpc-address"),
            port=value("grpc-port"),
            processes=front_end_processes("grpc-processes", value("grpc-processes")),
            reuse_port=value("reuse-grpc-port"),
            compression=_COMPRESSION[value("grpc-infer-response-compression-level")],
            stream_window=min(value("grpc-max-response-pool-size"), _MAX_STREAM_WINDOW),
            header_forward_pattern=re.compile(pattern) if pattern else None,
            access_log=bool(value("access-log")),
            regions_by_peer=value("allow-client-shm") is None,
            exit_timeout_secs=value("exit-timeout-secs"),
            channel=tuple(
                (argument, int(value(name))) for name, argument in _CHANNEL_ARGUMENTS.items() if value(name) is not None
            ),
            credentials=_credentials(value),
            admin_address=value("admin-address"),
            admin_port=value("grpc-admin-port"),
            max_unread_byte_size=value("max-unread-byte-size"),
        )


def _credentials(value: Callable[[str], Any]) -> grpc.ServerCredentials | None:
    mutual = value("grpc-use-ssl-mutual")
    if not (mutual or value("grpc-use-ssl")):
        return None
    root = value("grpc-root-cert")
    return grpc.ssl_server_credentials(
        [(Path(value("grpc-server-key")).read_bytes(), Path(value("grpc-server-cert")).read_bytes())],
        root_certificates=Path(root).read_bytes() if root else None,
        require_client_auth=bool(mutual),
    )

"""What the HTTP front end needs to know, taken from the server's options."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from triton_lite.guard.guard import HTTP, Guard, guard_of
from triton_lite.options.rules import uses_tls

SERVE_SOCKET = "TRITON_LITE_HTTP_SOCKET"
"""Names the sockets that `triton-lite serve` hands on, with commas between them."""


@dataclass(frozen=True)
class HttpOptions:
    """The options of one HTTP process. Sizes in bytes.

    regions_by_peer: who may use shared memory depends on where the client is (peers.py). guard: None lets all in.
    """

    max_input_size: int = 64 << 20
    header_forward_pattern: re.Pattern[str] | None = None
    access_log: bool = False
    regions_by_peer: bool = True
    guard: Guard | None = None
    cors_origins: tuple[str, ...] = ()
    max_unread_byte_size: int = 0  # 0: the default of UnreadAnswers.

    @property
    def plain(self) -> bool:
        """Whether an inference needs nothing of its request but what it asks for."""
        return self.guard is None and not (self.header_forward_pattern or self.access_log or self.cors_origins)

    @classmethod
    def from_settings(cls, value: Callable[[str], Any]) -> HttpOptions:
        """Take them from `value`, which gives an option's value by its name."""
        pattern = value("http-header-forward-pattern")
        return cls(
            max_input_size=value("http-max-input-size"),
            header_forward_pattern=re.compile(pattern) if pattern else None,
            access_log=bool(value("access-log")),
            regions_by_peer=value("allow-client-shm") is None,
            cors_origins=value("http-cors-origin"),
            max_unread_byte_size=value("max-unread-byte-size"),
        )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> HttpOptions:
        """Take them from TRITON_LITE_… in the environment, as `serve` and gunicorn's user give them.

        Raises OptionError that names what is wrong.
        """
        from triton_lite import options

        settings, _ = options.load((), environment)
        if uses_tls(settings.values, HTTP) and SERVE_SOCKET not in environment:
            raise options.OptionError(
                'Bad option: "--http-use-ssl".\n`triton-lite serve` carries it out; give gunicorn --certfile, '
                "--keyfile and --ca-certs instead"
            )
        return replace(cls.from_settings(settings.__getitem__), guard=guard_of(settings, HTTP))

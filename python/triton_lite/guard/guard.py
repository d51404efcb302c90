"""The rules that a request must pass before anything else is looked at."""

from __future__ import annotations

import hmac
import math
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path

from triton_lite.errors import Code
from triton_lite.guard.api_keys import ApiKey
from triton_lite.guard.groups import ADMIN, METADATA, REFLECTION
from triton_lite.guard.key_file import KeyFile
from triton_lite.guard.rate_path import rate_table_path
from triton_lite.guard.rate_table import RateTable
from triton_lite.guard.refused import Refused
from triton_lite.options import OptionError, Settings

HTTP, GRPC = "http", "grpc"

Header = Callable[[str], "str | None"]
"""Gives a header (gRPC: metadata) by its name in lower case; None if it did not come."""

_RESTRICTION = {HTTP: "http-restricted-api", GRPC: "grpc-restricted-protocol"}
_PREFIX = {HTTP: "", GRPC: "triton-grpc-protocol-"}
_WHAT = {HTTP: "API", GRPC: "protocol"}
# Triton's answers: 403 over HTTP, but UNAVAILABLE over gRPC.
_RESTRICTED_CODE = {HTTP: Code.PERMISSION_DENIED, GRPC: Code.UNAVAILABLE}
_BEARER = "bearer "
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="triton-lite"'}


class Guard:
    """The rules of one server for one protocol: admin APIs at their own port, restrictions, API keys, their rates."""

    def __init__(
        self,
        protocol: str,
        restrictions: Mapping[str, tuple[str, str]],
        key_file: KeyFile | None = None,
        admin_port: int | None = None,
        rates: Callable[[], Path | None] = lambda: None,
    ) -> None:
        """restrictions: header and value by group. rates: where to count requests together with other processes."""
        self._protocol = protocol
        self._restrictions = restrictions
        self._key_file = key_file
        self._admin_port = admin_port
        self._rates_path = rates

    def admit(self, group: str, header: Header, port: int | None = None, count: bool = True) -> None:
        """Return if a request may go on. Raises Refused with what its client is told.

        port: that it came in at. count: whether it counts for its key's rate; what is asked many times over one
        connection counts each time.
        """
        if self._admin_port is not None and group in ADMIN and port != self._admin_port:
            raise Refused(Code.PERMISSION_DENIED, f"This {_WHAT[self._protocol]} is served at another address.")
        restriction = self._restrictions.get(group)
        if restriction is not None:
            self._check_restriction(*restriction, header)
        if self._key_file is not None:
            self._check_key(group, header, count)

    def _check_restriction(self, name: str, value: str, header: Header) -> None:
        given = header(name.lower())
        if given is None or not hmac.compare_digest(_bytes(given), _bytes(value)):
            raise Refused(
                _RESTRICTED_CODE[self._protocol],
                f"This {_WHAT[self._protocol]} is restricted, expecting header '{name}'",
            )

    def _check_key(self, group: str, header: Header, count: bool) -> None:
        assert self._key_file is not None
        keys = self._key_file.keys
        given = _key_of(header)
        key = keys.find(given) if given is not None else keys.anonymous
        if key is None:
            why = "an API key is needed" if given is None else "there is no such API key"
            raise Refused(Code.UNAUTHENTICATED, f"Unauthenticated: {why}.", _CHALLENGE)
        wanted = METADATA if group == REFLECTION else group
        if wanted not in key.apis:
            if given is None:
                raise Refused(Code.UNAUTHENTICATED, "Unauthenticated: an API key is needed.", _CHALLENGE)
            raise Refused(Code.PERMISSION_DENIED, f"The API key of '{key.name}' does not open the API '{wanted}'.")
        if count and key.rate is not None:
            self._count(key)

    def _count(self, key: ApiKey) -> None:
        assert key.rate is not None
        wait = self._rates.take(key.name, key.rate)
        if wait:
            raise Refused(
                Code.RESOURCE_EXHAUSTED,
                f"'{key.name}' sends more requests than its rate allows; try again in {wait:.3f} s.",
                {"Retry-After": str(math.ceil(wait)), "grpc-retry-pushback-ms": str(math.ceil(wait * 1000))},
            )

    @cached_property
    def _rates(self) -> RateTable:
        return RateTable(self._rates_path())


def guard_of(settings: Settings, protocol: str) -> Guard | None:
    """Return the guard of a server's options, None where they ask for none. Raises OptionError."""
    restrictions = {
        group: (_PREFIX[protocol] + key, value)
        for groups, key, value in settings[_RESTRICTION[protocol]]
        for group in groups
    }
    key_file = read_key_file(settings)
    admin_port = settings[f"{protocol}-admin-port"] if settings["admin-address"] else None
    if not restrictions and key_file is None and admin_port is None:
        return None

    def rates() -> Path:
        # Only where somebody's rate is limited: an engine's place is looked for in the file system.
        from triton_lite.launch.place import place_of

        return rate_table_path(place_of(settings).socket)

    return Guard(protocol, restrictions, key_file, admin_port, rates)


def read_key_file(settings: Settings) -> KeyFile | None:
    """Read the file with the API keys, if there is to be one. Raises OptionError."""
    path = settings["api-keys-file"]
    if not path:
        return None
    try:
        return KeyFile(path)
    except ValueError as error:
        raise OptionError(f'Bad option: "--api-keys-file".\n{error}') from None


def _key_of(header: Header) -> str | None:
    """Return the key that came with a request; an Authorization of another scheme counts as a wrong key."""
    authorization = header("authorization")
    if authorization is not None:
        scheme, key = authorization[: len(_BEARER)], authorization[len(_BEARER) :]
        return key.strip() if scheme.lower() == _BEARER else ""
    return header("x-api-key")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")

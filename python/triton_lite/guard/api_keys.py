"""API keys as a file has them: of each, a name, the hash of the key, the APIs that it opens, how often.

    # name     key            APIs                           limits
    alice      sha256:2bd8…   inference,metadata,health      rate=100/s burst=200
    operator   sha256:9f1c…   *
    anonymous  -              health

A key is looked for by its hash. Keys are random (`triton-lite key` makes them): there is nothing to guess, and a fast
hash is as good as a slow one.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from triton_lite.guard.rate import Rate
from triton_lite.options.values import RESTRICTABLE

ANONYMOUS = "anonymous"
"""The name under which requests without a key count; its line has - for the hash."""

_HASH = re.compile(r"sha256:[0-9a-f]{64}")
_NO_KEY = "-"
_MOST_KEYS = 4096
_LEAST_COLUMNS = 3


@dataclass(frozen=True)
class ApiKey:
    """What a key opens. rate: None for any."""

    name: str
    apis: frozenset[str]
    rate: Rate | None = None


@dataclass(frozen=True)
class ApiKeys:
    """The keys of one file, by hash; `anonymous` is what needs none."""

    by_hash: Mapping[str, ApiKey]
    anonymous: ApiKey | None = None

    def find(self, key: str) -> ApiKey | None:
        """Return the entry of a key that a client sent."""
        return self.by_hash.get(hash_of(key))


def hash_of(key: str) -> str:
    """Hash a key as the file has it."""
    return "sha256:" + hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def new_key() -> str:
    """Make a key: 256 random bits, as letters that can stand in a header."""
    return "tl_" + secrets.token_urlsafe(32)


def parse(text: str) -> ApiKeys:
    """Read a file's text. Raises ValueError that names the line and the reason."""
    by_hash: dict[str, ApiKey] = {}
    names: set[str] = set()
    anonymous = None
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            digest, key = _entry(line)
            if key.name in names:
                raise ValueError(f"the name {key.name} is there twice")
            if digest in by_hash:
                raise ValueError(f"{by_hash[digest].name} has the same key")
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from None
        names.add(key.name)
        if digest == _NO_KEY:
            anonymous = key
        else:
            by_hash[digest] = key
    if len(by_hash) > _MOST_KEYS:
        raise ValueError(f"{len(by_hash)} keys; at most {_MOST_KEYS} are possible")
    return ApiKeys(by_hash, anonymous)


def _entry(line: str) -> tuple[str, ApiKey]:
    columns = line.split()
    if len(columns) < _LEAST_COLUMNS:
        raise ValueError("NAME HASH APIS [rate=COUNT/s] [burst=COUNT] was expected")
    name, digest, apis, *limits = columns
    if (digest == _NO_KEY) != (name == ANONYMOUS):
        raise ValueError(f"{_NO_KEY} stands for the key of {ANONYMOUS}, and of no other")
    if digest != _NO_KEY and not _HASH.fullmatch(digest):
        raise ValueError(
            f"{name}: the key's hash was expected as sha256:… with 64 digits; `triton-lite key` makes both"
        )
    return digest, ApiKey(name, _apis(apis), _rate(limits))


def _apis(text: str) -> frozenset[str]:
    if text == "*":
        return frozenset(RESTRICTABLE)
    apis = text.split(",")
    for api in apis:
        if api not in RESTRICTABLE:
            raise ValueError(f"unknown API '{api}'; it is one of {', '.join(RESTRICTABLE)}, or * alone")
    return frozenset(apis)


def _rate(limits: list[str]) -> Rate | None:
    given: dict[str, str] = {}
    for limit in limits:
        name, _, value = limit.partition("=")
        if name not in ("rate", "burst") or not value or name in given:
            raise ValueError(f"{limit}: rate=COUNT/s and burst=COUNT can stand here, once each")
        given[name] = value
    if not given:
        return None
    if "rate" not in given:
        raise ValueError("burst= needs rate=")
    return Rate.parse(given["rate"], given.get("burst", ""))

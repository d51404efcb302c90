"""Which resource answers a path: Triton's paths, matched as they stand on the wire (never percent-decoded)."""

from __future__ import annotations

import re
from typing import Any, NamedTuple, Protocol

from falcon.constants import COMBINED_METHODS

_FIELD = re.compile(r"{(\w+)(:digits)?}")


class Resource(Protocol):
    """One responder for every method: a resource decides itself what it allows, and answers 405 in Triton's form."""

    def on_request(self, req: Any, resp: Any, **fields: Any) -> None:
        """Answer a WSGI request."""

    async def on_request_async(self, req: Any, resp: Any, **fields: Any) -> None:
        """Answer an ASGI request."""


class Route(NamedTuple):
    """A path template and what answers it."""

    template: str
    pattern: re.Pattern[str]
    resource: Resource
    responders: dict[str, Any]


class Router:
    """A Falcon router. Routes are tried in the order in which they were added.

    Templates: `{name}` is any text without a slash, `{name:digits}` a number.
    """

    def __init__(self, fallback: Resource, asynchronous: bool) -> None:
        """`fallback` answers what no route matches; `asynchronous` takes the coroutine responders."""
        self._asynchronous = asynchronous
        self._routes: list[Route] = []
        self._fallback = self._route("", fallback)

    def add_route(self, uri_template: str, resource: Resource, **options: Any) -> None:
        """Add a route (Falcon's App.add_route calls this)."""
        self._routes.append(self._route(uri_template, resource))

    def find(self, uri: str, req: Any = None) -> tuple[Resource, dict[str, Any], dict[str, str], str]:
        """Return (resource, responders by method, fields, template) for a path."""
        for template, pattern, resource, responders in self._routes:
            match = pattern.fullmatch(uri)
            if match is not None:
                return resource, responders, match.groupdict(), template
        return self._fallback.resource, self._fallback.responders, {}, ""

    def _route(self, template: str, resource: Resource) -> Route:
        responder = resource.on_request_async if self._asynchronous else resource.on_request
        return Route(template, _compile(template), resource, dict.fromkeys(COMBINED_METHODS, responder))


def _compile(template: str) -> re.Pattern[str]:
    pattern, position = "", 0
    for field in _FIELD.finditer(template):
        pattern += re.escape(template[position : field.start()])
        pattern += f"(?P<{field[1]}>{'[0-9]+' if field[2] else '[^/]+'})"
        position = field.end()
    return re.compile(pattern + re.escape(template[position:]))

"""Cross-origin requests (--http-cors-origin): what browsers ask before scripts of other origins may use the server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

_ALLOWED_METHODS = "GET, POST"
_EXPOSED_HEADERS = "Inference-Header-Content-Length, Content-Encoding, x-request-id, Retry-After"
_AGE_SECONDS = "600"

Headers = list[tuple[str, str]]
Wsgi = Callable[..., Iterable[bytes]]
Asgi = Callable[..., Awaitable[None]]


class Cors:
    """Answers preflight requests, and marks the answers to allowed origins. Cookies play no part: none are allowed."""

    def __init__(self, origins: Iterable[str]) -> None:
        """origins: as browsers send them; "*" for any."""
        self._origins = frozenset(origins)

    def wsgi(self, serve: Wsgi) -> Wsgi:
        """Put this around a WSGI application."""

        def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            added = self._added(environ.get("HTTP_ORIGIN"))
            asked = environ.get("HTTP_ACCESS_CONTROL_REQUEST_METHOD")
            if asked and added and environ["REQUEST_METHOD"] == "OPTIONS":
                wanted = environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", "")
                start_response("204 No Content", added + _preflight(wanted))
                return []

            def start(status: str, headers: Headers, *rest: Any) -> Any:
                return start_response(status, [*headers, *added], *rest)

            return serve(environ, start)

        return answer

    def asgi(self, serve: Asgi) -> Asgi:
        """Put this around an ASGI application."""

        async def answer(scope: dict[str, Any], receive: Any, send: Any) -> None:
            if scope["type"] != "http":
                await serve(scope, receive, send)
                return
            scope["headers"] = [tuple(header) for header in scope["headers"]]
            given = {name: value.decode("latin-1") for name, value in scope["headers"]}
            added = self._added(given.get(b"origin"))
            if added and scope["method"] == "OPTIONS" and b"access-control-request-method" in given:
                added += _preflight(given.get(b"access-control-request-headers", ""))
                await send({"type": "http.response.start", "status": 204, "headers": _encoded(added)})
                await send({"type": "http.response.body"})
                return

            async def marked_send(event: dict[str, Any]) -> None:
                if event["type"] == "http.response.start":
                    event = {**event, "headers": [*event.get("headers", ()), *_encoded(added)]}
                await send(event)

            await serve(scope, receive, marked_send)

        return answer

    def _added(self, origin: str | None) -> Headers:
        """What is added to an answer; a cache must not give one origin's to another."""
        if origin is None:
            return []
        if "*" in self._origins:
            return [("Access-Control-Allow-Origin", "*"), ("Access-Control-Expose-Headers", _EXPOSED_HEADERS)]
        if origin not in self._origins:
            return []
        return [
            ("Access-Control-Allow-Origin", origin),
            ("Vary", "Origin"),
            ("Access-Control-Expose-Headers", _EXPOSED_HEADERS),
        ]


def _preflight(wanted: str) -> Headers:
    headers = [("Access-Control-Allow-Methods", _ALLOWED_METHODS), ("Access-Control-Max-Age", _AGE_SECONDS)]
    return [*headers, ("Access-Control-Allow-Headers", wanted)] if wanted else headers


def _encoded(headers: Headers) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]

"""frontends/http: the application, over WSGI and ASGI alike."""

from __future__ import annotations

import asyncio
import gzip
import io
import zlib
from collections.abc import Callable
from typing import Any

import falcon.testing
import pytest
from fakes import FakeAnswer, FakeClient, FakeCodec, Sent, json_answer

from triton_lite.frontends.http import Application
from triton_lite.frontends.http.front_end import FrontEnd
from triton_lite.frontends.http.options import HttpOptions
from triton_lite.frontends.link import EngineLink
from triton_lite.proto import MethodNumber, messages

LIMIT = 3 << 20
UNKNOWN = FakeAnswer(code=5, text="Request for unknown model: 'none' is not found")


def respond(sent: Sent) -> list[FakeAnswer] | None:
    """An engine that knows every model but `none`, and echoes."""
    if sent.method in (MethodNumber.MODEL_EXISTS, MethodNumber.MODEL_TAKES_INFER):
        name = messages.ModelReadyRequest.FromString(sent.message).name
        return [UNKNOWN if name == "none" else FakeAnswer()]
    if sent.http is not None:
        if sent.http.model == "fails":
            return [FakeAnswer(code=13, text="it failed", segments=[memoryview(b"head")])]
        if sent.http.model == "open":
            return None
        if sent.http.model == "refused":
            return [FakeAnswer(code=3, text="wrong shape")]
        return [json_answer(bytes(sent.http.body))]
    if sent.method in (MethodNumber.GENERATE, MethodNumber.GENERATE_STREAM):
        return generate(sent)
    if sent.method == MethodNumber.SERVER_LIVE:
        return [FakeAnswer(message=messages.ServerLiveResponse(live=True).SerializeToString())]
    return [FakeAnswer(code=12, text="not built yet")]


def generate(sent: Sent) -> list[FakeAnswer] | None:
    model = messages.ModelInferRequest.FromString(sent.message).model_name
    body = sent.segments[0]
    return {
        "none": [UNKNOWN],
        "many": [json_answer(b'{"n":1}', last=False, many=True), json_answer(b'{"n":2}', last=False), FakeAnswer()],
        "fails": [FakeAnswer(code=13, text="it failed", segments=[memoryview(b"head")])],
        "fails_late": [json_answer(b'{"n":1}', last=False), FakeAnswer(code=13, text="it failed")],
        "open": None,
    }.get(model, [json_answer(body)])


def staying(receive: Any) -> Any:
    """Receive as `receive` does, from a client that does not hang up after its body, however long we take."""
    whole = False

    async def patient() -> dict[str, Any]:
        nonlocal whole
        if whole:
            await asyncio.Event().wait()
        event: dict[str, Any] = await receive()
        whole = event["type"] == "http.request" and not event.get("more_body")
        return event

    return patient


class World:
    """The application behind one of Falcon's test clients."""

    def __init__(self, kind: str, **options: Any) -> None:
        self.client = FakeClient(respond)
        front_end = FrontEnd(
            EngineLink("http", lambda name: self.client),
            HttpOptions(**{"max_input_size": LIMIT, **options}),
            FakeCodec(),
        )
        self.application = Application(front_end)
        self.application.prepare()
        # "falcon": ASGI, but without what serves plain inference beside Falcon.
        apps = {"wsgi": self.application._wsgi, "asgi": self._asgi, "falcon": self.application._asgi}
        app: Any = apps[kind]
        self.http = falcon.testing.TestClient(app)

    async def _asgi(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            scope["raw_path"] = scope["path"].encode()
            receive = staying(receive)
        await self.application(scope, receive, send)

    def post(self, path: str, body: bytes | str = b"{}", **headers: str) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.simulate_post(path, body=body, headers=named)


@pytest.fixture(params=["wsgi", "asgi", "falcon"])
def world(request: pytest.FixtureRequest) -> World:
    return World(request.param)


def refusal(result: Any) -> tuple[int, str, str]:
    return result.status_code, result.headers["content-type"], result.json["error"]


def test_infer(world: World) -> None:
    result = world.post("/v2/models/m/versions/3/infer", '{"x": 1}')
    assert (result.status_code, result.headers["content-type"], result.content) == (
        200,
        "application/json",
        b'{"x": 1}',
    )
    assert "inference-header-content-length" not in result.headers
    assert (world.client.sent[0].http.model, world.client.sent[0].http.version) == ("m", "3")


def test_infer_with_binary_outputs(world: World) -> None:
    result = world.post("/v2/models/m/infer", b"\0\1\2\3", Inference_Header_Content_Length="0")
    assert (result.content, result.headers["content-type"]) == (b"\0\1\2\3", "application/octet-stream")
    assert result.headers["inference-header-content-length"] == "2"
    assert world.client.sent[0].method == MethodNumber.RAW_INFER


def test_an_unknown_model_goes_before_an_unreadable_body(world: World) -> None:
    unknown = (404, "text/plain", UNKNOWN.text)
    assert refusal(world.post("/v2/models/none/infer", "refuse")) == unknown
    assert refusal(world.post("/v2/models/none/infer", Content_Encoding="br")) == unknown
    assert refusal(world.post("/v2/models/m/infer", "refuse this")) == (500, "application/json", "refuse this")


def test_errors_before_and_in_the_model(world: World) -> None:
    assert refusal(world.post("/v2/models/refused/infer")) == (400, "application/json", "wrong shape")
    assert refusal(world.post("/v2/models/fails/infer")) == (500, "text/plain", "it failed")
    header = world.post("/v2/models/m/infer", "refuse", Inference_Header_Content_Length="99")
    assert refusal(header) == (500, "text/plain", "refuse")


@pytest.mark.parametrize(("coding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_coded_bodies(world: World, coding: str, pack: Callable[[bytes], bytes]) -> None:
    body = b'{"x": 1}' * 20_000
    result = world.post("/v2/models/m/infer", pack(body), Content_Encoding=coding, Accept_Encoding=coding)
    assert result.headers["content-encoding"] == coding
    assert zlib.decompress(result.content, 47) == body


def test_unknown_coding(world: World) -> None:
    result = world.post("/v2/models/m/infer", Content_Encoding="br")
    assert refusal(result) == (501, "text/plain", "Unsupported compression type")
    assert result.headers["accept-encoding"] == "gzip, deflate"


def test_large_bodies_lie_in_the_arena(world: World) -> None:
    assert world.post("/v2/models/m/infer", bytes(LIMIT)).content == bytes(LIMIT)
    assert [len(memory) for memory in world.client.arena] == [LIMIT]


def test_bodies_past_the_limit(world: World) -> None:
    text = (
        f"request JSON size of {LIMIT + 1} bytes exceeds the maximum allowed input size of {LIMIT} bytes. "
        "Use --http-max-input-size to increase the limit."
    )
    assert refusal(world.post("/v2/models/m/infer", bytes(LIMIT + 1))) == (400, "application/json", text)
    assert refusal(world.post("/v2/repository/index", bytes(LIMIT + 1))) == (400, "application/json", text)
    raw = world.post("/v2/models/m/infer", bytes(LIMIT + 1), Inference_Header_Content_Length="0")
    assert raw.json["error"] == (
        f"Raw input has a byte_size ({LIMIT + 1} bytes) that exceeds the maximum allowed value of {LIMIT} bytes. "
        "Use --http-max-input-size to increase the limit."
    )
    packed = world.post("/v2/models/m/infer", gzip.compress(bytes(LIMIT + 1)), Content_Encoding="gzip")
    assert packed.status_code == 400 and "Decompressed data size exceeds" in packed.json["error"]


@pytest.mark.parametrize("kind", ["wsgi", "asgi"])
def test_a_small_limit(kind: str) -> None:
    world = World(kind, max_input_size=10)
    assert world.post("/v2/models/m/infer", bytes(10)).status_code == 200
    assert world.post("/v2/models/m/infer", bytes(11)).status_code == 400


def test_methods(world: World) -> None:
    for method in ("GET", "PUT", "DELETE", "OPTIONS", "PATCH"):
        result = world.http.simulate_request(method, "/v2/models/m/infer")
        assert refusal(result) == (405, "text/plain", "Method Not Allowed")
    assert refusal(world.post("/v2/health/live")) == (405, "text/plain", "Method Not Allowed")
    assert refusal(world.post("/v2")) == (405, "application/json", "Method Not Allowed")
    head = world.http.simulate_head("/v2/health/live")
    assert (head.status_code, head.content) == (405, b"")
    assert refusal(world.http.simulate_get("/v2/nothing")) == (404, "text/plain", "Not Found")


def test_control_requests_are_relayed(world: World) -> None:
    live = world.http.simulate_get("/v2/health/live")
    assert (live.status_code, live.headers["content-type"], live.content) == (200, "text/plain", b"")
    assert refusal(world.http.simulate_get("/v2/trace/setting")) == (501, "application/json", "not built yet")


def test_generate(world: World) -> None:
    result = world.post("/v2/models/m/generate", '{"text_input": "x"}')
    assert (result.status_code, result.headers["content-type"]) == (200, "application/json")
    assert result.json == {"text_input": "x"}
    assert refusal(world.post("/v2/models/none/generate")) == (404, "application/json", UNKNOWN.text)
    coded = world.post("/v2/models/m/generate", Content_Encoding="gzip")
    text = "Unsupported content-encoding, only 'identity' is supported."
    assert refusal(coded) == (400, "application/json", text)


def test_generate_stream(world: World) -> None:
    result = world.post("/v2/models/many/generate_stream")
    assert result.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert result.text == 'data: {"n":1}\n\ndata: {"n":2}\n\n'
    assert refusal(world.post("/v2/models/none/generate_stream")) == (404, "application/json", UNKNOWN.text)
    failed = world.post("/v2/models/fails/generate_stream")
    assert (failed.status_code, failed.text) == (400, 'data: {"error":"it failed"}\n\n')
    late = world.post("/v2/models/fails_late/generate_stream")
    assert (late.status_code, late.text) == (200, 'data: {"n":1}\n\ndata: {"error":"it failed"}\n\n')


@pytest.mark.parametrize("kind", ["wsgi", "asgi"])
def test_forwarded_headers(kind: str) -> None:
    import re

    world = World(kind, header_forward_pattern=re.compile("^x-my|time", re.IGNORECASE))
    world.post("/v2/models/m/infer", X_My_Header="v", Other="o")
    assert world.client.sent[0].http.forwarded == [("x-my-header", "v")]
    refused = world.post("/v2/models/m/infer", Timeout="3")
    text = "Header 'timeout' is reserved for Triton usage and cannot be forwarded."
    assert refusal(refused) == (400, "application/json", text)


def test_without_an_engine(world: World) -> None:
    world.client.connected = False
    for path in ("/v2/models/m/infer", "/v2/models/m/generate", "/v2/models/m/generate_stream", "/v2/repository/index"):
        result = world.post(path)
        assert (result.status_code, result.json) == (503, {"error": "the engine is gone"})


def test_a_failure_of_our_own_is_logged(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.client.respond = lambda sent: 1 // 0
    result = world.http.simulate_get("/v2/health/live")
    assert (result.status_code, list(result.json)) == (500, ["error"])
    assert "ZeroDivisionError" in caplog.text


# The application itself: what comes from the server.


def call_wsgi(world: World, **environ: Any) -> tuple[str, bytes]:
    statuses: list[str] = []
    made = falcon.testing.create_environ(path="/v2/models/a/b/infer", method="POST", body="{}")
    body = world.application({**made, **environ}, lambda status, headers: statuses.append(status))
    return statuses[0], b"".join(body)


def test_wsgi_names_are_taken_undecoded() -> None:
    world = World("wsgi")
    assert call_wsgi(world, RAW_URI="/v2/models/a%2Fb/infer?x=%20")[0] == "200 OK"
    assert world.client.sent[0].http.model == "a%2Fb"


def test_the_sync_worker_is_mentioned_once(caplog: pytest.LogCaptureFixture) -> None:
    world = World("wsgi")
    for _ in range(2):
        call_wsgi(world, SERVER_SOFTWARE="gunicorn/26", **{"wsgi.multithread": False})
    assert len(caplog.records) == 1 and "--timeout" in caplog.text
    caplog.clear()
    call_wsgi(World("wsgi"), SERVER_SOFTWARE="gunicorn/26", **{"wsgi.multithread": True})
    assert not caplog.records


class Asgi:
    """One ASGI request that can be watched and hung up on."""

    def __init__(self, path: str, raw_path: bytes) -> None:
        self.scope = falcon.testing.create_scope(path=path, method="POST", content_length=2)
        self.scope["raw_path"] = raw_path
        self.events: list[Any] = []
        self.begun = asyncio.Event()
        self.gone = asyncio.Event()
        self._body_taken = False

    async def receive(self) -> dict[str, Any]:
        if not self._body_taken:
            self._body_taken = True
            return {"type": "http.request", "body": b"{}", "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, event: dict[str, Any]) -> None:
        self.events.append(event)
        self.begun.set()


def test_asgi_names_are_taken_undecoded() -> None:
    world = World("asgi")
    request = Asgi("/v2/models/a/b/infer", b"/v2/models/a%2Fb/infer?q")

    asyncio.run(world.application(request.scope, request.receive, request.send))
    assert request.events[0]["status"] == 200
    assert world.client.sent[0].http.model == "a%2Fb"


def test_a_body_in_pieces() -> None:
    world = World("asgi")
    request = Asgi("/v2/models/m/infer", b"/v2/models/m/infer")
    pieces = [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.request", "body": b"}"}]

    async def receive() -> dict[str, Any]:
        return pieces.pop(0)

    asyncio.run(world.application(request.scope, staying(receive), request.send))
    assert request.events[0]["status"] == 200
    assert [bytes(sent.http.body) for sent in world.client.sent] == [b"{}"]


def send_pieces(path: str, pieces: list[dict[str, Any]]) -> tuple[World, list[Any]]:
    """Send a chunked body of these pieces; the client hangs up after them unless they are the whole."""
    world = World("asgi")
    request = Asgi(path, path.encode())
    request.scope["headers"] = [(b"transfer-encoding", b"chunked")]
    events = iter([*pieces, {"type": "http.disconnect"}])

    async def receive() -> dict[str, Any]:
        return next(events)

    asyncio.run(world.application(request.scope, staying(receive), request.send))
    return world, request.events


@pytest.mark.parametrize("path", ["/v2/models/m/infer", "/v2/models/m/generate"])
def test_a_body_that_is_cut_short_runs_nothing(path: str) -> None:
    world, events = send_pieces(path, [{"type": "http.request", "body": b"{}", "more_body": True}])
    assert events[0]["status"] == 400
    assert b"did not arrive as a whole" in events[1]["body"]
    assert all(sent.method == MethodNumber.MODEL_TAKES_INFER for sent in world.client.sent)


def test_a_wsgi_body_that_is_cut_short_runs_nothing() -> None:
    world = World("wsgi")
    environ = falcon.testing.create_environ("/v2/models/m/infer", method="POST", headers={"Content-Length": "5"})
    environ["wsgi.input"] = io.BytesIO(b"{}")
    statuses: list[str] = []
    body = b"".join(world.application(environ, lambda status, headers: statuses.append(status)))
    assert statuses == ["400 Bad Request"]
    assert b"did not arrive as a whole" in body
    assert all(sent.method == MethodNumber.MODEL_TAKES_INFER for sent in world.client.sent)


def test_too_many_chunks() -> None:
    piece = {"type": "http.request", "body": b"a", "more_body": True}
    end = {"type": "http.request"}
    _, events = send_pieces("/v2/models/m/infer", [piece] * (1 << 16) + [end])
    assert events[0]["status"] == 200
    _, events = send_pieces("/v2/models/m/infer", [piece] * ((1 << 16) + 1) + [end])
    assert events[0]["status"] == 400
    assert b"exceeds maximum of 65536 non-empty chunks" in events[1]["body"]


@pytest.mark.parametrize(
    "path", ["/v2/models/open/infer", "/v2/models/open/generate", "/v2/models/open/generate_stream"]
)
def test_hanging_up_gives_the_request_up(path: str) -> None:
    world = World("asgi")
    request = Asgi(path, path.encode())

    async def body() -> None:
        call = asyncio.ensure_future(world.application(request.scope, request.receive, request.send))
        while not world.client.sent:
            await asyncio.sleep(0)
        request.gone.set()
        with pytest.raises(asyncio.CancelledError):
            await call

    asyncio.run(asyncio.wait_for(body(), 20))
    assert world.client.cancelled == [1]


def test_hanging_up_ends_a_stream_of_events() -> None:
    world = World("asgi")
    request = Asgi("/v2/models/open/generate_stream", b"/v2/models/open/generate_stream")
    world.client.respond = lambda sent: [json_answer(b"{}", last=False)]

    async def body() -> None:
        call = asyncio.ensure_future(world.application(request.scope, request.receive, request.send))
        await request.begun.wait()
        request.gone.set()
        with pytest.raises(asyncio.CancelledError):
            await call

    asyncio.run(asyncio.wait_for(body(), 20))
    assert world.client.cancelled == [1]


def test_closing_a_wsgi_stream_gives_the_call_up() -> None:
    world = World("wsgi")
    world.client.respond = lambda sent: [json_answer(b"{}", last=False)]
    environ = falcon.testing.create_environ(path="/v2/models/m/generate_stream", method="POST", body="{}")
    stream: Any = world.application(environ, lambda status, headers: None)
    assert next(iter(stream)) == b"data: {}\n\n"
    stream.close()
    assert world.client.cancelled == [1]


def test_making_the_application_starts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> FakeClient:
        raise AssertionError("connected at import")

    monkeypatch.setenv("TRITON_LITE_HTTP_MAX_INPUT_SIZE", "not even read")
    Application(FrontEnd(EngineLink("http", refuse)))


@pytest.mark.parametrize("kind", ["wsgi", "asgi", "falcon"])
@pytest.mark.parametrize("by_peer", [True, False])
@pytest.mark.parametrize("peer", ["127.0.0.1", "10.0.0.1"])
def test_regions_are_denied_to_clients_elsewhere(kind: str, by_peer: bool, peer: str) -> None:
    world = World(kind, regions_by_peer=by_peer)
    denied = by_peer and peer == "10.0.0.1"
    for header_length in (None, "0"):
        headers = {} if header_length is None else {"Inference-Header-Content-Length": header_length}
        world.http.simulate_post("/v2/models/m/infer", body=b"{}", headers=headers, remote_addr=peer)
        assert world.client.sent[-1].regions_denied == denied
    for memory in ("system", "cuda"):
        world.http.simulate_post(f"/v2/{memory}sharedmemory/unregister", remote_addr=peer)
        assert world.client.sent[-1].regions_denied == denied

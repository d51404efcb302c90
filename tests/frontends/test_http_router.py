"""frontends/http/router.py and routes.py: Triton's paths."""

from __future__ import annotations

import pytest

from triton_lite.frontends.http.front_end import FrontEnd
from triton_lite.frontends.http.replies import NotFound
from triton_lite.frontends.http.router import Router
from triton_lite.frontends.http.routes import routes

PATHS = [
    ("/v2", "/v2", {}),
    ("/v2/health/live", "/v2/health/live", {}),
    ("/v2/models/stats", "/v2/models/stats", {}),
    ("/v2/models/stats/stats", "/v2/models/{model}/stats", {"model": "stats"}),
    ("/v2/models/m", "/v2/models/{model}", {"model": "m"}),
    ("/v2/models/a%2Fb/infer", "/v2/models/{model}/infer", {"model": "a%2Fb"}),
    ("/v2/models/m/versions/3", "/v2/models/{model}/versions/{version:digits}", {"model": "m", "version": "3"}),
    (
        "/v2/models/m/versions/03/generate_stream",
        "/v2/models/{model}/versions/{version:digits}/generate_stream",
        {"model": "m", "version": "03"},
    ),
    ("/v2/models/m/trace/setting", "/v2/models/{model}/trace/setting", {"model": "m"}),
    ("/v2/trace/setting", "/v2/trace/setting", {}),
    ("/v2/repository/index", "/v2/repository/index", {}),
    ("/v2/repository/models/index", "/v2/repository/{repository}/index", {"repository": "models"}),
    ("/v2/repository/models/m/load", "/v2/repository/models/{model}/load", {"model": "m"}),
    (
        "/v2/repository/r/models/m/unload",
        "/v2/repository/{repository}/models/{model}/unload",
        {"repository": "r", "model": "m"},
    ),
    ("/v2/systemsharedmemory/status", "/v2/systemsharedmemory/status", {}),
    ("/v2/cudasharedmemory/region/g/register", "/v2/cudasharedmemory/region/{region}/register", {"region": "g"}),
    ("/v2/logging", "/v2/logging", {}),
]
NOWHERE = [
    "/",
    "/v2/",
    "/v2/health/alive",
    "/v2/health/live/",
    "/v2/models",
    "/v2/models/",
    "/v2/models//ready",
    "/v2/models/m/",
    "/v2/models/m/versions/one",
    "/v2/models/m/versions/-1/infer",
    "/v2/models/m/versions/1/trace/setting",
    "/v2/models/m/versions/١",
    "/v2/models/a/b/infer",
    "/v2/systemsharedmemory/region/g/resize",
    "/v1/health/live",
]


@pytest.fixture(scope="module")
def router() -> Router:
    made = Router(NotFound(), asynchronous=False)
    for template, _, resource in routes(FrontEnd()):
        made.add_route(template, resource)
    return made


@pytest.mark.parametrize(("path", "template", "fields"), PATHS)
def test_finds(router: Router, path: str, template: str, fields: dict[str, str]) -> None:
    resource, responders, found, matched = router.find(path)
    assert (matched, found) == (template, fields)
    assert responders["GET"] == responders["OPTIONS"] == resource.on_request


@pytest.mark.parametrize("path", NOWHERE)
def test_finds_nothing(router: Router, path: str) -> None:
    assert isinstance(router.find(path)[0], NotFound)


def test_asynchronous_responders_are_coroutines() -> None:
    router = Router(NotFound(), asynchronous=True)
    assert router.find("/")[1]["GET"].__name__ == "on_request_async"

"""Triton's paths and what answers them. The order matters: the frequent ones first, and `stats` before models."""

from __future__ import annotations

from collections.abc import Iterator

from triton_lite.frontends.http.control import health, logging, metadata, repository, shared_memory, statistics, trace
from triton_lite.frontends.http.control_resource import ControlResource, Prepare
from triton_lite.frontends.http.front_end import FrontEnd
from triton_lite.frontends.http.generate import GenerateResource, GenerateStreamResource
from triton_lite.frontends.http.infer import InferResource
from triton_lite.frontends.http.replies import TEXT
from triton_lite.frontends.http.router import Resource

_MODEL = "/v2/models/{model}"
_VERSION = "/v2/models/{model}/versions/{version:digits}"


def routes(front_end: FrontEnd) -> Iterator[tuple[str, Resource]]:
    """Yield every path template with its resource."""
    yield from _of_models(front_end)
    yield from _of_server(front_end)
    yield from _of_repository(front_end)
    yield from _of_shared_memory(front_end)


def _of_models(front_end: FrontEnd) -> Iterator[tuple[str, Resource]]:
    def get(prepare: Prepare, media_type: str | None = None) -> Resource:
        if media_type is not None:
            return ControlResource(front_end, {"GET": prepare}, media_type)
        return ControlResource(front_end, {"GET": prepare})

    yield "/v2/models/stats", get(statistics.statistics)
    by_suffix: tuple[tuple[str, Resource], ...] = (
        ("/infer", InferResource(front_end)),
        ("/generate", GenerateResource(front_end)),
        ("/generate_stream", GenerateStreamResource(front_end)),
        ("/ready", get(health.model_ready, TEXT)),
        ("/config", get(metadata.config)),
        ("/stats", get(statistics.statistics)),
        ("", get(metadata.model)),
    )
    for suffix, resource in by_suffix:
        yield _MODEL + suffix, resource
        yield _VERSION + suffix, resource
    yield (
        _MODEL + "/trace/setting",
        ControlResource(front_end, {"GET": trace.get, "POST": trace.update}, first=trace.get),
    )


def _of_server(front_end: FrontEnd) -> Iterator[tuple[str, Resource]]:
    yield "/v2", ControlResource(front_end, {"GET": metadata.server})
    yield "/v2/health/live", ControlResource(front_end, {"GET": health.live}, TEXT)
    yield "/v2/health/ready", ControlResource(front_end, {"GET": health.ready}, TEXT)
    yield "/v2/trace/setting", ControlResource(front_end, {"GET": trace.get, "POST": trace.update})
    yield (
        "/v2/logging",
        ControlResource(front_end, {"GET": logging.get, "POST": logging.update}, translate=logging.http_error),
    )


def _of_repository(front_end: FrontEnd) -> Iterator[tuple[str, Resource]]:
    for prefix in ("/v2/repository", "/v2/repository/{repository}"):
        yield prefix + "/index", ControlResource(front_end, {"POST": repository.index})
        yield prefix + "/models/{model}/load", ControlResource(front_end, {"POST": repository.load})
        yield prefix + "/models/{model}/unload", ControlResource(front_end, {"POST": repository.unload})


def _of_shared_memory(front_end: FrontEnd) -> Iterator[tuple[str, Resource]]:
    for kind, status, register, unregister in (
        ("system", shared_memory.system_status, shared_memory.system_register, shared_memory.system_unregister),
        ("cuda", shared_memory.cuda_status, shared_memory.cuda_register, shared_memory.cuda_unregister),
    ):
        for prefix in (f"/v2/{kind}sharedmemory", f"/v2/{kind}sharedmemory/region/{{region}}"):
            yield prefix + "/status", ControlResource(front_end, {"GET": status})
            yield prefix + "/register", ControlResource(front_end, {"POST": register})
            yield prefix + "/unregister", ControlResource(front_end, {"POST": unregister})

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
from triton_lite.guard import groups

_MODEL = "/v2/models/{model}"
_VERSION = "/v2/models/{model}/versions/{version:digits}"


Guarded = tuple[str, str, Resource]
"""A path template, the group of APIs that it belongs to, and what answers it."""


def routes(front_end: FrontEnd) -> Iterator[Guarded]:
    """Yield every path template with its group and its resource."""
    yield from _of_models(front_end)
    yield from _of_server(front_end)
    yield from _of_repository(front_end)
    yield from _of_shared_memory(front_end)


def _of_models(front_end: FrontEnd) -> Iterator[Guarded]:
    def get(prepare: Prepare, media_type: str | None = None) -> Resource:
        if media_type is not None:
            return ControlResource(front_end, {"GET": prepare}, media_type)
        return ControlResource(front_end, {"GET": prepare})

    yield "/v2/models/stats", groups.STATISTICS, get(statistics.statistics)
    by_suffix: tuple[Guarded, ...] = (
        ("/infer", groups.INFERENCE, InferResource(front_end)),
        ("/generate", groups.INFERENCE, GenerateResource(front_end)),
        ("/generate_stream", groups.INFERENCE, GenerateStreamResource(front_end)),
        ("/ready", groups.HEALTH, get(health.model_ready, TEXT)),
        ("/config", groups.MODEL_CONFIG, get(metadata.config)),
        ("/stats", groups.STATISTICS, get(statistics.statistics)),
        ("", groups.METADATA, get(metadata.model)),
    )
    for suffix, group, resource in by_suffix:
        yield _MODEL + suffix, group, resource
        yield _VERSION + suffix, group, resource
    yield (
        _MODEL + "/trace/setting",
        groups.TRACE,
        ControlResource(front_end, {"GET": trace.get, "POST": trace.update}, first=trace.get),
    )


def _of_server(front_end: FrontEnd) -> Iterator[Guarded]:
    yield "/v2", groups.METADATA, ControlResource(front_end, {"GET": metadata.server})
    yield "/v2/health/live", groups.HEALTH, ControlResource(front_end, {"GET": health.live}, TEXT)
    yield "/v2/health/ready", groups.HEALTH, ControlResource(front_end, {"GET": health.ready}, TEXT)
    yield "/v2/trace/setting", groups.TRACE, ControlResource(front_end, {"GET": trace.get, "POST": trace.update})
    yield (
        "/v2/logging",
        groups.LOGGING,
        ControlResource(front_end, {"GET": logging.get, "POST": logging.update}, translate=logging.http_error),
    )


def _of_repository(front_end: FrontEnd) -> Iterator[Guarded]:
    for prefix in ("/v2/repository", "/v2/repository/{repository}"):
        for path, prepare in (
            ("/index", repository.index),
            ("/models/{model}/load", repository.load),
            ("/models/{model}/unload", repository.unload),
        ):
            yield prefix + path, groups.MODEL_REPOSITORY, ControlResource(front_end, {"POST": prepare})


def _of_shared_memory(front_end: FrontEnd) -> Iterator[Guarded]:
    for kind, status, register, unregister in (
        ("system", shared_memory.system_status, shared_memory.system_register, shared_memory.system_unregister),
        ("cuda", shared_memory.cuda_status, shared_memory.cuda_register, shared_memory.cuda_unregister),
    ):
        for prefix in (f"/v2/{kind}sharedmemory", f"/v2/{kind}sharedmemory/region/{{region}}"):
            for path, method, prepare in (
                ("/status", "GET", status),
                ("/register", "POST", register),
                ("/unregister", "POST", unregister),
            ):
                yield prefix + path, groups.SHARED_MEMORY, ControlResource(front_end, {method: prepare})

"""What exports spans: OTLP over HTTP, as Triton does it, or over gRPC."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.sdk.trace.id_generator import IdGenerator

    from triton_lite.engine.trace_config import TraceConfig

_SERVICE = "triton-inference-server"
_PROTOCOL_VARIABLES = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_GRPC, _GRPC_SECURE = "grpc://", "grpcs://"


def make_provider(config: TraceConfig, ids: IdGenerator | None = None) -> TracerProvider:
    """Make the provider that a trace configuration of mode opentelemetry asks for."""
    settings = dict(config.opentelemetry)
    # The engine has decided already what is sampled.
    provider = TracerProvider(ALWAYS_ON, resource(config), id_generator=ids)
    queue_size = max(1, int(settings["bsp_max_queue_size"]))
    processor = BatchSpanProcessor(
        make_exporter(settings.get("url", "")),
        max_queue_size=queue_size,
        schedule_delay_millis=max(1, int(settings["bsp_schedule_delay"])),
        max_export_batch_size=min(queue_size, max(1, int(settings["bsp_max_export_batch_size"]))),
    )
    provider.add_span_processor(processor)
    return provider


def resource(config: TraceConfig) -> Resource:
    """Describe the server: what `resource=` says, the environment, and a service name."""
    attributes = {SERVICE_NAME: _SERVICE}
    for setting, value in config.opentelemetry:
        if setting == "resource":
            name, equals, text = value.partition("=")
            attributes[name] = text if equals else name
    return Resource.create(attributes)


def make_exporter(url: str, environment: Mapping[str, str] | None = None) -> SpanExporter:
    """Make the exporter to `url`: http:// (also without it), https://, grpc:// or grpcs://.

    Without a url the OTEL_EXPORTER_OTLP_* variables of the environment count, protocol and headers among them.
    """
    variables = os.environ if environment is None else environment
    if url.startswith((_GRPC, _GRPC_SECURE)):
        return _grpc_exporter(url.split("://", 1)[1], insecure=url.startswith(_GRPC))
    protocol = next((variables[name] for name in _PROTOCOL_VARIABLES if variables.get(name)), "")
    if not url and protocol == "grpc":
        return _grpc_exporter(None, insecure=None)
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    if not url:
        return OTLPSpanExporter()
    return OTLPSpanExporter(url if "://" in url else f"http://{url}")


def _grpc_exporter(endpoint: str | None, insecure: bool | None) -> SpanExporter:
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter(endpoint, insecure)

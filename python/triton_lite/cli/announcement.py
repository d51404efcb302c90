"""What the server says when it is ready."""

from __future__ import annotations

from collections.abc import Sequence

from triton_lite.cli.ports import Ports
from triton_lite.engine.report import ModelState


def started(ports: Ports) -> list[str]:
    """A log line for each service, in Triton's words; the gRPC front end, alone or not, writes its own."""
    services = (
        ("HTTPService", ports.http),
        ("Metrics Service", ports.metrics),
    )
    return [f"Started {name} at {port.text}" for name, port in services if port is not None]


def urls(ports: Ports, models: Sequence[ModelState], tls: bool = False) -> list[str]:
    """Where to look first. tls: whether HTTP is served over it."""
    lines = []
    if ports.http is not None:
        base = f"{'https' if tls else 'http'}://{ports.http.host}:{ports.http.number}"
        lines.append(f"{base}/v2/health/ready")
        ready = sorted({model.name for model in models if model.ready})
        lines += [f"{base}/v2/models/{name}" for name in ready[:1]]
    if ports.grpc is not None:
        lines.append(f"grpc://{ports.grpc.host}:{ports.grpc.number}")
    if ports.metrics is not None:
        lines.append(f"http://{ports.metrics.host}:{ports.metrics.number}/metrics")
    return lines

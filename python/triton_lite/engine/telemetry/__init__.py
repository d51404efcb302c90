"""Traces as spans of OpenTelemetry, sent by OTLP (--trace-config mode=opentelemetry)."""

from __future__ import annotations

from triton_lite.engine.telemetry.service import SpanService

__all__ = ["SpanService"]

"""A control plane with a data plane without C++."""

from __future__ import annotations

import fake_native

from triton_lite.engine.control_plane import ControlPlane
from triton_lite.engine.handlers import handler_of
from triton_lite.engine.options import EngineOptions
from triton_lite.proto import METHODS


class Server:
    """A control plane and its engine; `call` answers as a front end would get it."""

    def __init__(self, **options):
        self.engine = fake_native.FakeEngine()
        self.control_plane = ControlPlane(self.engine, EngineOptions(**options), fake_native)
        self.lifecycle = self.control_plane.lifecycle

    def call(self, method: str, **fields):
        request = METHODS[method].request(**fields)
        encoded = handler_of(METHODS[method].number).run(self.control_plane._context, request.SerializeToString())
        return METHODS[method].response.FromString(encoded)

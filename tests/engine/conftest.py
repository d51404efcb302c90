"""A control plane over the golden repository, with a data plane without C++."""

from __future__ import annotations

import runpy
from pathlib import Path

import fake_native
import pytest

from triton_lite.engine.control_plane import ControlPlane
from triton_lite.engine.handlers import handler_of
from triton_lite.engine.options import EngineOptions
from triton_lite.proto import METHODS

_MAKE_MODELS = Path(__file__).parents[1] / "golden" / "make_models.py"


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


@pytest.fixture(scope="session")
def golden_models(tmp_path_factory):
    """The golden repository and the names that are loaded at start."""
    folder = tmp_path_factory.mktemp("golden")
    make_models = runpy.run_path(str(_MAKE_MODELS))
    names = make_models["build"](str(folder))
    return folder, sorted(name for name in names if name not in make_models["NOT_LOADED"])


@pytest.fixture(scope="session")
def golden_server(golden_models):
    folder, names = golden_models
    server = Server(model_repository=[str(folder)], model_control_mode="explicit", load_model=names)
    assert server.control_plane.load_models() == ""
    return server

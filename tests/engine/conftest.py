"""A control plane over the golden repository."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
from control_server import Server

_MAKE_MODELS = Path(__file__).parents[1] / "golden" / "make_models.py"


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

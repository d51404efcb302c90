"""Python environments for models."""

import os
import shutil

import numpy as np
import pytest
from serving import write_environment


@pytest.fixture(scope="session")
def environment(tmp_path_factory):
    """A virtual environment with a module of its own."""
    return write_environment(tmp_path_factory.mktemp("environment") / "env")


@pytest.fixture(scope="session")
def environment_with_numpy(environment, tmp_path_factory):
    """The environment, which finds numpy where the server has it."""
    copy = tmp_path_factory.mktemp("with_numpy") / "env"
    shutil.copytree(environment, copy, symlinks=True)
    site = next(copy.glob("lib/python3.*/site-packages"))
    (site / "numpy.pth").write_text(os.path.dirname(os.path.dirname(np.__file__)))
    return copy

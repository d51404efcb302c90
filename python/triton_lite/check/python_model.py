"""Looks at the code of models of the Python backend, without running any of it."""

from __future__ import annotations

import ast
import os
import platform

from triton_lite.check.finding import Findings
from triton_lite.check.model import Candidate
from triton_lite.check.options import CheckOptions
from triton_lite.config.backends import is_python_based, settings_of
from triton_lite.config.error import ConfigError
from triton_lite.config.spec import VersionFiles
from triton_lite.engine.model_processes.environments import environment_path
from triton_lite.engine.model_processes.model import ModelVersion
from triton_lite.engine.model_processes.settings import python_settings
from triton_lite.errors import TritonError

_CLASS = "TritonPythonModel"
_ENVIRONMENT = ("parameters", "EXECUTION_ENV_PATH")


def check_python_model(candidate: Candidate, files: VersionFiles, options: CheckOptions, findings: Findings) -> None:
    """Check what would keep the processes of a version from starting. What the model itself does is not known."""
    config = candidate.config
    assert config is not None
    version = ModelVersion(candidate.source.name, config, candidate.source.directory, files, options.backend_directory)
    # Tensors that are missing may come from the model's auto_complete_config.
    candidate.completes_itself = True
    try:
        python_settings(options.settings_of(*settings_of(config)), config)
        version.check_code()
    except TritonError as error:
        candidate.add(_of_config(error), findings)
        return
    environment = environment_path(config, candidate.source.directory, files.directory)
    if environment and not os.path.exists(environment):
        candidate.add(
            ConfigError(
                f"Failed to get the canonical path for {environment}.",
                field=_ENVIRONMENT,
                expected="the folder of a Python environment, or an archive of one",
            ),
            findings,
        )
    # Another Python may know more than this one.
    package = "" if is_python_based(config) else os.path.basename(files.directory)
    _check_code(candidate, version.code, package, findings, is_ours=not environment)


def _of_config(error: TritonError) -> ConfigError:
    if "must end with '.py'" in error.text:
        return ConfigError(error.text, field=("default_model_filename",), write='default_model_filename: "model.py"')
    return error if isinstance(error, ConfigError) else ConfigError(error.text)


def _check_code(candidate: Candidate, path: str, package: str, findings: Findings, *, is_ours: bool) -> None:
    """package: that the code is imported from, empty where it is imported by itself."""
    try:
        with open(path, "rb") as file:
            tree = ast.parse(file.read(), path)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 0
        text = f"SyntaxError: {getattr(error, 'msg', error)} ({os.path.basename(path)}, line {line})"
        if is_ours:
            candidate.faulty.add(("default_model_filename",))
        python = f"code for Python {platform.python_version()}, which the server runs on" if is_ours else ""
        expected = python or "code for the Python of the environment: this check runs on another one"
        findings.of_file(path, text, severity="error" if is_ours else "warning", line=line, expected=expected)
        return
    except OSError:
        return  # Reported with the files of the version.
    if not _defines_class(tree):
        candidate.faulty.add(("default_model_filename",))
        module = os.path.basename(path).removesuffix(".py")
        module = f"{package}.{module}" if package else module
        findings.of_file(
            path, f"AttributeError: module '{module}' has no attribute '{_CLASS}'", write=f"class {_CLASS}: …"
        )


def _defines_class(tree: ast.Module) -> bool:
    """Tell whether a module may have the class: made or imported, by whatever is not seen from here."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name == _CLASS:
            return True
        if isinstance(node, ast.Name) and node.id == _CLASS and isinstance(node.ctx, ast.Store):
            return True
        if isinstance(node, ast.alias) and (node.asname or node.name) in (_CLASS, "*"):
            return True
        if isinstance(node, ast.FunctionDef) and node.name == "__getattr__":
            return True
        # globals()["TritonPythonModel"] and the like.
        if isinstance(node, ast.Constant) and node.value == _CLASS:
            return True
    return False

"""Loading, unloading and readiness of models, asked for by a model."""

from __future__ import annotations

import base64
from typing import Any

from .bridge import control
from .errors import TritonModelException


def load_model(model_name: str, config: str = "", files: dict[str, bytes] | None = None) -> None:
    """Load a model, as of the repository or of the given configuration and files ("file:PATH")."""
    if not isinstance(model_name, str) or not isinstance(config, str):
        raise _refusal(
            "load_model", "model_name: str, config: str = '', files: object = None", "None", model_name, config
        )
    encoded = None
    if files is not None:
        if not isinstance(files, dict):
            raise TritonModelException(
                f"failed to load model '{model_name}', files should be a dictionary of file paths and file contents"
            )
        encoded = {}
        for path, content in files.items():
            if not isinstance(content, (bytes, bytearray)):
                raise TypeError(f"Object of type '{type(content).__name__}' is not an instance of 'bytes'")
            if not isinstance(path, str):
                raise RuntimeError(
                    "Unable to cast Python instance to C++ type (#define PYBIND11_DETAILED_ERROR_MESSAGES or compile "
                    "in debug mode for details)"
                )
            encoded[path] = base64.b64encode(content).decode("ascii")
    _call("Failed to load model: ", "load_model", name=model_name, files=encoded or None, config=config or None)


def unload_model(model_name: str, unload_dependents: bool = False) -> None:
    """Unload a model, and those that need nothing but it where that is wanted."""
    if not isinstance(model_name, str) or not isinstance(unload_dependents, bool):
        raise _refusal("unload_model", "model_name: str, unload_dependents: bool = False", "None", model_name)
    _call("Failed to unload model: ", "unload_model", name=model_name, unload_dependents=unload_dependents)


def is_model_ready(model_name: str, model_version: str = "") -> bool:
    """Return whether a model (a version of it) is ready."""
    if not isinstance(model_name, str) or not isinstance(model_version, str):
        raise _refusal("is_model_ready", "model_name: str, model_version: str = ''", "bool", model_name, model_version)
    return bool(_call("Failed to check model readiness: ", "is_model_ready", name=model_name, version=model_version))


def _call(prefix: str, method: str, **fields: Any) -> Any:
    try:
        return control().call(method, **fields)
    except TritonModelException as error:
        raise TritonModelException(prefix + str(error)) from None


def _refusal(function: str, arguments: str, result: str, *given: object) -> TypeError:
    return TypeError(
        f"{function}(): incompatible function arguments. The following argument types are supported:\n"
        f"    1. ({arguments}) -> {result}\n\nInvoked with: {', '.join(map(repr, given))}"
    )

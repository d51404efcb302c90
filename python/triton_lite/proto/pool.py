"""The private descriptor pool: loaded once, from the descriptor set that the build makes of protos/."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from google.protobuf.descriptor_pool import DescriptorPool
    from google.protobuf.message import Message

_FILE = "descriptors.bin"
_ENVIRONMENT = "TRITON_LITE_DESCRIPTORS"

_lock = threading.Lock()
_pool: DescriptorPool | None = None


def descriptor_set() -> bytes:
    """Return the encoded FileDescriptorSet of protos/, as gRPC reflection serves it.

    Raises FileNotFoundError when the package was not built and TRITON_LITE_DESCRIPTORS names no file.
    """
    path = os.path.join(os.path.dirname(__file__), _FILE)
    if not os.path.exists(path):
        named = os.environ.get(_ENVIRONMENT)
        if not named:
            raise FileNotFoundError(
                f"{path} is missing: install the package (pip install .), or set {_ENVIRONMENT} to the"
                f" descriptor set that `cmake --build` makes of protos/"
            )
        path = named
    with open(path, "rb") as file:
        return file.read()


def get() -> DescriptorPool:
    """Return the pool, filled on first use. Thread-safe."""
    global _pool
    if _pool is None:
        with _lock:
            if _pool is None:
                _pool = _load()
    return _pool


def message_class(full_name: str) -> type[Message]:
    """Return the class of a message, e.g. `inference.ModelInferRequest`. Raises KeyError for an unknown one."""
    from google.protobuf import message_factory

    return message_factory.GetMessageClass(get().FindMessageTypeByName(full_name))


def _load() -> DescriptorPool:
    from google.protobuf import descriptor_pb2, descriptor_pool

    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(descriptor_set()).file:
        pool.Add(file)
    return pool

"""All that models import by name of c_python_backend_utils."""

from __future__ import annotations

import gc

from .arena import Lease
from .errors import TritonError, TritonModelException
from .inference_request import InferenceRequest, InferenceTrace, MemoryType, PreferredMemory
from .inference_response import InferenceResponse
from .logger import Logger
from .metrics import Metric, MetricFamily, MetricKind
from .models import is_model_ready, load_model, unload_model
from .response_iterator import ResponseIterator
from .response_sender import InferenceResponseSender
from .tensor import Tensor

__all__ = [
    "COUNTER",
    "GAUGE",
    "HISTOGRAM",
    "TRITONSERVER_MEMORY_CPU",
    "TRITONSERVER_MEMORY_GPU",
    "InferenceRequest",
    "InferenceResponse",
    "InferenceResponseSender",
    "InferenceTrace",
    "Logger",
    "MemoryType",
    "Metric",
    "MetricFamily",
    "MetricKind",
    "PreferredMemory",
    "ResponseIterator",
    "SharedMemory",
    "Tensor",
    "TritonError",
    "TritonModelException",
    "is_model_ready",
    "load_model",
    "shared_memory",
    "unload_model",
]

COUNTER = MetricKind.COUNTER
GAUGE = MetricKind.GAUGE
HISTOGRAM = MetricKind.HISTOGRAM
TRITONSERVER_MEMORY_GPU = MemoryType.TRITONSERVER_MEMORY_GPU
TRITONSERVER_MEMORY_CPU = MemoryType.TRITONSERVER_MEMORY_CPU

_MOST_LENT = 4 << 30


class SharedMemory:
    """The memory that models and server share."""

    def free_memory(self) -> int:
        """Return how many bytes the server would still lend this process: what it lends at most, less what is out."""
        out = (lease for lease in gc.get_objects() if type(lease) is Lease)
        return _MOST_LENT - sum(lease.size for lease in out)


shared_memory = SharedMemory()

"""The protocol's messages and methods, from protos/, in a descriptor pool of their own.

`messages.ModelInferRequest` and its like are ordinary protobuf classes; `METHODS` names each method of
GRPCInferenceService with its classes and its number on the channel. Nothing of protobuf is imported before one
of them is used, and nothing enters protobuf's default pool, where tritonclient keeps definitions of the same names.
"""

from triton_lite.proto import messages
from triton_lite.proto.methods import METHODS, REGIONS_DENIED, Method, MethodNumber

__all__ = ["METHODS", "REGIONS_DENIED", "Method", "MethodNumber", "messages"]

"""The front ends: HTTP and gRPC to calls of the engine. They translate; every rule lives in the engine."""

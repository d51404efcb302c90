"""Models of Triton's Python backend, and requests to them whose answers the real Triton has given."""

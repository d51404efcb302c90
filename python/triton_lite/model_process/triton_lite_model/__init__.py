"""The interface of Triton's Python backend, and the loop that serves it."""

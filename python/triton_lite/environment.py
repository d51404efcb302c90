"""Environment variables that more than one part of the server reads."""

CPU_ONLY_VARIABLE = "TRITON_SERVER_CPU_ONLY"
"""With any value, it hides all GPUs from models and metrics."""

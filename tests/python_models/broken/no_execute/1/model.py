"""Loads, and fails with the first request."""


class TritonPythonModel:
    pass

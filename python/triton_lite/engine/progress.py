"""How far the start of an engine is."""

from __future__ import annotations

import threading


class Progress:
    """Whether the models of the start are loaded, and how that went. Thread-safe."""

    def __init__(self) -> None:
        self._done = threading.Event()
        self._problem = ""
        self._initialized = True
        self._draining = threading.Event()

    def finish(self, problem: str, *, initialized: bool = True) -> None:
        """Say that everything was tried. problem: empty when all models are served.

        initialized: False when nothing could even be tried, as where a repository is not there.
        """
        self._problem = problem
        self._initialized = initialized
        self._done.set()

    @property
    def initialized(self) -> bool:
        """False once the start failed as a whole: such a server is neither live nor ready."""
        return self._initialized

    def drain(self) -> None:
        """Say that the server is about to end: it still serves, and is not ready any more."""
        self._draining.set()

    @property
    def draining(self) -> bool:
        """Whether the server is about to end."""
        return self._draining.is_set()

    @property
    def done(self) -> bool:
        """Whether the initial load has ended."""
        return self._done.is_set()

    @property
    def problem(self) -> str:
        """Why the start was not complete; empty while it runs and when it was."""
        return self._problem if self.done else ""

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the initial load to end. Returns whether it has."""
        return self._done.wait(timeout)

"""Talks to a native driver program (tests/native/schedule/driver.h): a scheduler whose instances wait for orders."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from native_programs import program

# Nothing here takes long: a reply that does not come is one that never will.
REPLY_TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class Run:
    """A batch that an instance has started."""

    number: int
    instance: int
    requests: tuple[str, ...]  # As the program describes them; their ids, if it does nothing else.


@dataclass(frozen=True)
class Answer:
    """What a request got in the end: a gRPC code and "ok" or the text of the error."""

    code: int
    text: str


OK = Answer(0, "ok")


class DriverError(AssertionError):
    """The program refused a command, ended, or did not reply in time."""


class Driver:
    """One program, one scheduler at a time."""

    def __init__(self, name: str, *, env: dict[str, str] | None = None) -> None:
        self._history: list[str] = []
        self._process = subprocess.Popen(
            [program(name)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, env=env
        )

    def command(self, *words: object, **fields: object) -> str:
        """Send one command; a list makes a key that comes several times. Returns the reply."""
        text = [str(word) for word in words]
        for key, value in fields.items():
            values = value if isinstance(value, (list, tuple)) else [value]
            text += [f"{key.replace('__', '.')}={int(one) if isinstance(one, bool) else one}" for one in values]
        line = " ".join(text)
        self._history.append(line)
        assert self._process.stdin is not None and self._process.stdout is not None
        watchdog = threading.Timer(REPLY_TIMEOUT_SECONDS, self._process.kill)
        watchdog.start()
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
            reply = self._process.stdout.readline().rstrip("\n")
        except BrokenPipeError:
            reply = ""
        finally:
            watchdog.cancel()
        if not reply or reply.startswith("error "):
            said = "\n".join(self._history[-40:])
            raise DriverError(f"{reply or 'the program is gone'}; the last commands were\n{said}")
        return reply

    def make(self, **options: object) -> None:
        """A new scheduler in place of the one before; the keys are the program's."""
        self._history.clear()
        self.command("make", **options)

    def enqueue(self, request: str, **fields: object) -> None:
        """Hand a request over: batch, priority, timeout, id, flags, input (one text or a list)."""
        self.command("enqueue", request, **fields)

    def cancel(self, request: str) -> None:
        """Mark a request as given up by its client."""
        self.command("cancel", request)

    def run(self) -> Run:
        """Wait for the next batch that starts, in the order of starting."""
        _, number, instance, *requests = self.command("run").split(" ")
        return Run(int(number), int(instance), tuple(requests))

    def run_count(self) -> int:
        """How many batches have started so far, seen by `run` or not."""
        return int(self.command("runs").split(" ")[1])

    def finish(self, run: Run | int, error: str = "") -> None:
        """End a batch: its requests are answered, with an error (one word) where given."""
        self.command("finish", run.number if isinstance(run, Run) else run, *([error] if error else []))

    def answer(self, request: str) -> Answer:
        """Wait for the last answer to a request."""
        _, code, text = (self.command("answer", request) + " ").split(" ", 2)
        return Answer(int(code), text.rstrip(" "))

    def answers(self) -> list[str]:
        """The requests that have got their last answer so far, in the order of the answers."""
        return self.command("answers").split(" ")[1:]

    def pending(self) -> int:
        """What the scheduler counts as queued or running."""
        return int(self.command("pending").split(" ")[1])

    def let_pass(self, microseconds: int) -> None:
        """Come back when so much time has passed."""
        self.command("pass", microseconds)

    def drain(self) -> None:
        """Let go of every instance, now and later, and drain the scheduler."""
        self.command("drain")

    def close(self) -> None:
        """End the program."""
        assert self._process.stdin is not None and self._process.stdout is not None
        watchdog = threading.Timer(REPLY_TIMEOUT_SECONDS, self._process.kill)
        watchdog.start()
        try:
            self._process.stdin.close()
            code = self._process.wait()
        except BrokenPipeError:
            code = self._process.wait()
        finally:
            watchdog.cancel()
            self._process.stdout.close()
        assert code == 0, f"the driver program ended with {code}"


@contextmanager
def driver(name: str, *, env: dict[str, str] | None = None) -> Iterator[Driver]:
    """A driver program, "schedule_NAME_driver" for tests/native/schedule/NAME_driver.cc, until the end of the block."""
    started = Driver(name, env=env)
    try:
        yield started
    finally:
        started.close()

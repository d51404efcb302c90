"""Front ends have as many processes as suit the machine."""

import pytest

from triton_lite.options import load
from triton_lite.options import processes as options_processes


@pytest.mark.parametrize(
    ("cores", "http", "grpc"), [(1, 1, 1), (2, 1, 1), (7, 1, 1), (8, 2, 1), (16, 4, 2), (96, 4, 2)]
)
def test_processes_where_nobody_says_how_many(monkeypatch, cores, http, grpc):
    monkeypatch.setattr(options_processes.os, "sched_getaffinity", lambda _: set(range(cores)))
    settings, _ = load([])
    for option, count in (("http-workers", http), ("grpc-processes", grpc)):
        assert options_processes.front_end_processes(option, settings[option]) == count


def test_what_was_said_counts(monkeypatch):
    monkeypatch.setattr(options_processes.os, "sched_getaffinity", lambda _: set(range(96)))
    settings, _ = load(["--http-workers=7", "--grpc-processes=1"])
    for option, count in (("http-workers", 7), ("grpc-processes", 1)):
        assert options_processes.front_end_processes(option, settings[option]) == count

"""Run the benchmarks: python -m bench [NAME...] [--rounds N] [--seconds S]; prints tables in Markdown."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from bench import (
    footprint,
    gpu,
    inprocess,
    lifecycle,
    observability,
    python_models,
    regions,
    scheduling,
    threads,
    transports,
)
from bench.rounds import HEADER, Comparison

MEMORY_LIMIT = 200 * 1000 * 1000


def _table(rows: list[Comparison]) -> None:
    print(HEADER)
    for row in rows:
        print(row.row())
    print()


def _regions(options: argparse.Namespace) -> None:
    print(regions.HEADER)
    for row in regions.compare(options.rounds, options.seconds):
        print(row.row())
    print()


def _memory(_: argparse.Namespace) -> None:
    pss, threads = footprint.idle_memory()
    megabytes, limit = pss / 1e6, MEMORY_LIMIT / 1e6
    print(f"Idle with models/: {megabytes:.0f} MB PSS in all processes (limit {limit:.0f}), {threads} threads\n")


def _threads(options: argparse.Namespace) -> None:
    row, count = threads.compare(options.rounds, options.seconds)
    _table([row])
    print(f"{count} threads in the process with all four models loaded\n")


def _gpu(_: argparse.Namespace) -> None:
    if (reason := gpu.missing()) is not None:
        print(f"{reason}\n")
        return
    _table(gpu.compare_all())


BENCHMARKS: dict[str, Callable[[argparse.Namespace], None]] = {
    "transports": lambda options: _table(transports.compare_all(options.rounds, options.seconds)),
    "observability": lambda options: _table(observability.compare(options.rounds, options.seconds)),
    "regions": _regions,
    "startup": lambda options: _table(footprint.startup(options.rounds)),
    "inprocess": lambda options: print(inprocess.compare(9, 1.0)),
    "scheduling": lambda _: print(scheduling.report(9, 0.5)),
    "sequences": lambda options: print(inprocess.sequences(9, 0.5)),
    "channel": lambda options: print(inprocess.channel(9, 0.5)),
    "cache": lambda options: print(inprocess.cache(9, 0.5)),
    "memory": _memory,
    "threads": _threads,
    "gpu": _gpu,
    "python_models": lambda options: print(
        python_models.report(options.oracle, options.rounds, options.seconds, options.workers)
    ),
    "lifecycle": lambda options: print(lifecycle.report(quick=options.rounds == 1)),
}


def main() -> None:
    """Run what is named, or everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3, help="length of one run of a load generator")
    parser.add_argument("--workers", type=int, help="processes of each front end (python_models)")
    parser.add_argument("--oracle", help="program of the real Triton (python_models; or TRITON_ORACLE)")
    options = parser.parse_args()
    unknown = set(options.names) - set(BENCHMARKS)
    if unknown:
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}")
    for name in options.names or BENCHMARKS:
        print(f"## {name}\n")
        BENCHMARKS[name](options)


if __name__ == "__main__":
    main()

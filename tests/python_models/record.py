#!/usr/bin/env python3
"""Record what the real Triton answers: python tests/python_models/record.py TRITONSERVER (writes expected*.json)."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from python_models import based, live
from python_models.calls import Answer


def main(oracle: str) -> None:
    """Ask the whole tables of fresh servers and write the answers."""
    with tempfile.TemporaryDirectory() as name, live.triton(Path(oracle), Path(name)) as (_, address):
        _write(live.EXPECTED, live.ask(address))
    with tempfile.TemporaryDirectory() as name, based.triton(Path(oracle), Path(name)) as address:
        _write(based.EXPECTED, based.ask(address))


def _write(path: Path, answers: dict[str, list[Answer]]) -> None:
    lines = [f"{json.dumps(case)}: {json.dumps(got, ensure_ascii=False)}" for case, got in answers.items()]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(f"{path.name}: {len(answers)} cases")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])

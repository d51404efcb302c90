#!/usr/bin/env python3
"""Record what the real Triton answers: python tests/python_models/record.py TRITONSERVER (writes expected.json)."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from python_models import live


def main(oracle: str) -> None:
    """Ask the whole table of a fresh server and write the answers."""
    with tempfile.TemporaryDirectory() as name, live.triton(Path(oracle), Path(name)) as (_, address):
        answers = live.ask(address)
    lines = [f"{json.dumps(case)}: {json.dumps(got, ensure_ascii=False)}" for case, got in answers.items()]
    live.EXPECTED.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(f"{len(answers)} cases")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])

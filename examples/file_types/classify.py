#!/usr/bin/env python3
"""Tell the types of files with the model of build_repository.py.

python examples/file_types/classify.py [--url HOST:PORT] FILE...
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import tritonclient.http as protocol

BLOCK = 4096
EDGE = 1024  # Bytes of each end that the model sees.
PADDING = 256


def features(content: bytes) -> np.ndarray:
    """What the model sees of a file: [2048] INT32, both ends without white space, padded."""
    begin = content[:BLOCK].lstrip()[:EDGE]
    end = content[-BLOCK:].rstrip()[-EDGE:]
    row = np.full(2 * EDGE, PADDING, np.int32)
    row[: len(begin)] = np.frombuffer(begin, np.uint8)
    row[2 * EDGE - len(end) :] = np.frombuffer(end, np.uint8)
    return row


def classify(client: protocol.InferenceServerClient, paths: list[Path]) -> list[tuple[str, float]]:
    """(label, score) of each file."""
    found: list[tuple[str, float]] = []
    for path in paths:
        row = features(path.read_bytes())[np.newaxis]
        tensor = protocol.InferInput("bytes", list(row.shape), "INT32")
        tensor.set_data_from_numpy(row)
        best = protocol.InferRequestedOutput("target_label", class_count=1)
        answer = client.infer("file_type", [tensor], outputs=[best])
        score, _, label = answer.as_numpy("target_label")[0][0].decode().split(":")
        found.append((label, float(score)))
    return found


def main() -> None:
    """Print a line for each file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="localhost:8000")
    parser.add_argument("files", nargs="+", type=Path)
    options = parser.parse_args()
    with protocol.InferenceServerClient(options.url) as client:
        for path, (label, score) in zip(options.files, classify(client, options.files), strict=True):
            print(f"{path}: {label} ({score:.3f})")


if __name__ == "__main__":
    main()

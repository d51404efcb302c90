#!/usr/bin/env python3
"""Classify the held-out digits with tritonclient, over HTTP and over gRPC.

triton-lite serve models &
pip install 'tritonclient[all]' scikit-learn onnx
python examples/digits/classify.py [--http HOST:PORT] [--grpc HOST:PORT]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import tritonclient.grpc
import tritonclient.http

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "models"))
from make_models import NAMES, split_digits

BATCH = 32


def classify(protocol: ModuleType, client: Any, images: np.ndarray) -> list[str]:
    """The best label of each image; images: [n, 64] FP32."""
    labels: list[str] = []
    for start in range(0, len(images), BATCH):
        batch = images[start : start + BATCH]
        pixels = protocol.InferInput("PIXELS", list(batch.shape), "FP32")
        pixels.set_data_from_numpy(batch)
        best = protocol.InferRequestedOutput("PROBABILITIES", class_count=1)
        answer = client.infer("digits", [pixels], outputs=[best])
        # Each class reads "score:index:label" (classification extension).
        labels += [row[0].decode().split(":")[2] for row in answer.as_numpy("PROBABILITIES")]
    return labels


def main() -> None:
    """Print how many held-out digits each protocol got right."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--http", default="localhost:8000")
    parser.add_argument("--grpc", default="localhost:8001")
    options = parser.parse_args()
    _, images, _, digits = split_digits()
    truth = [NAMES[digit] for digit in digits]
    for name, protocol, url in (
        ("HTTP", tritonclient.http, options.http),
        ("gRPC", tritonclient.grpc, options.grpc),
    ):
        with protocol.InferenceServerClient(url) as client:
            labels = classify(protocol, client, images)
        right = sum(a == b for a, b in zip(labels, truth, strict=True))
        print(f"{name}: {right} of {len(truth)} digits right ({right / len(truth):.1%})")


if __name__ == "__main__":
    main()

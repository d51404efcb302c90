#!/usr/bin/env python3
"""Read text in images with the models of build_repository.py: the BLS model over HTTP, the ensemble over gRPC.

python examples/ocr/read.py [--http HOST:PORT] [--grpc HOST:PORT] [IMAGE...]
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import tritonclient.grpc
import tritonclient.http
from pages import images
from PIL import Image

Line = tuple[list[list[float]], str, float]
"""The corners of a box, its text, and how certain that is."""


def read(protocol: Any, client: Any, model: str, image: np.ndarray) -> list[Line]:
    """The lines in an image (RGB), by the server."""
    tensor = protocol.InferInput("IMAGE", list(image.shape), "UINT8")
    tensor.set_data_from_numpy(np.ascontiguousarray(image))
    answer = client.infer(model, [tensor])
    boxes, texts, scores = (answer.as_numpy(name) for name in ("BOXES", "TEXT", "SCORES"))
    return [(box.tolist(), text.decode(), float(score)) for box, text, score in zip(boxes, texts, scores, strict=True)]


def main() -> None:
    """Print what is read in each image."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--http", default="localhost:8000")
    parser.add_argument("--grpc", default="localhost:8001")
    parser.add_argument("images", nargs="*", type=Path, help="instead of the pages and photographs of pages.py")
    options = parser.parse_args()
    given = {str(path): np.array(Image.open(path).convert("RGB")) for path in options.images} or images()
    with (
        tritonclient.http.InferenceServerClient(options.http, network_timeout=120) as http,
        tritonclient.grpc.InferenceServerClient(options.grpc) as grpc,
    ):
        for name, image in given.items():
            lines = read(tritonclient.http, http, "ocr", image)
            same = lines == read(tritonclient.grpc, grpc, "ocr_ensemble", image)
            print(f"{name}: {len(lines)} lines, {'the same' if same else 'ANOTHER ANSWER'} by the ensemble")
            for _, text, score in lines:
                print(f"  {score:.2f} {text}")


if __name__ == "__main__":
    main()

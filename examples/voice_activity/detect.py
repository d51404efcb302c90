#!/usr/bin/env python3
"""Say where in a stream somebody speaks, chunk by chunk, with the state of the stream kept by the server.

    python detect.py [--grpc HOST:PORT | --http HOST:PORT] [FILE.wav]

FILE.wav: 16 kHz, one channel, 16 bits; without one a synthesised stream. Prints each span of speech.
"""

from __future__ import annotations

import argparse
import uuid
import wave
from collections.abc import Iterator

import numpy as np
import tritonclient.grpc
import tritonclient.http
from sound import CHUNK, RATE, Samples, chunks, stream

THRESHOLD = 0.5


def read_wave(path: str) -> Samples:
    """The samples of a file, -1 to 1."""
    with wave.open(path) as file:
        if (file.getframerate(), file.getnchannels(), file.getsampwidth()) != (RATE, 1, 2):
            raise SystemExit(f"{path}: expected 16 kHz, one channel, 16 bits")
        data = file.readframes(file.getnframes())
    return (np.frombuffer(data, np.int16) / 32768).astype(np.float32)


def probabilities(options: argparse.Namespace, samples: Samples) -> Iterator[float]:
    """The model's answer for each chunk of one sequence."""
    library = tritonclient.http if options.http else tritonclient.grpc
    client = library.InferenceServerClient(options.http or options.grpc)
    sequence = str(uuid.uuid4())
    parts = chunks(samples)
    rate = library.InferInput("sr", [1], "INT64")
    rate.set_data_from_numpy(np.array([RATE]))
    for i, part in enumerate(parts):
        sound = library.InferInput("input", part.shape, "FP32")
        sound.set_data_from_numpy(part)
        result = client.infer(
            "voice_activity",
            [sound, rate],
            sequence_id=sequence,
            sequence_start=i == 0,
            sequence_end=i == len(parts) - 1,
        )
        yield float(result.as_numpy("output")[0, 0])
    client.close()


def spans(values: Iterator[float]) -> Iterator[tuple[float, float]]:
    """From and to, in seconds, of what is above the threshold."""
    start = None
    end = 0
    for end, value in enumerate(values, 1):
        if value >= THRESHOLD and start is None:
            start = end - 1
        elif value < THRESHOLD and start is not None:
            yield start * CHUNK / RATE, (end - 1) * CHUNK / RATE
            start = None
    if start is not None:
        yield start * CHUNK / RATE, end * CHUNK / RATE


def main() -> None:
    """Print the spans of speech."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?")
    parser.add_argument("--grpc", default="localhost:8001", metavar="HOST:PORT")
    parser.add_argument("--http", metavar="HOST:PORT")
    options = parser.parse_args()
    samples = read_wave(options.file) if options.file else stream(seed=1)
    for start, end in spans(probabilities(options, samples)):
        print(f"speech from {start:.2f} s to {end:.2f} s")


if __name__ == "__main__":
    main()

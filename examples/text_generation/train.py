#!/usr/bin/env python3
"""Train a small character model on texts of Python's standard library, and build a repository that serves it.

python examples/text_generation/train.py FOLDER [STEPS]
triton-lite serve FOLDER

The model sees the last characters and guesses the next one, through one hidden layer, in numpy alone: some 15 seconds
of training on some 100 KB of text. What it writes looks like the documentation of Python from far away; it knows
nothing. It is here for how its characters reach a client, not for what they say.
"""

from __future__ import annotations

import inspect
import pydoc_data.topics
import shutil
import sys
from pathlib import Path

import numpy as np

CONTEXT = 12
EMBEDDING, HIDDEN = 24, 256
STEPS, BATCH, RATE = 1500, 256, 2e-3
CHARACTERS = 120_000
MODEL = Path(__file__).parent / "model"


def corpus() -> str:
    """Topics of pydoc, without characters beyond ASCII."""
    topics = pydoc_data.topics.topics
    text = "\n\n".join(inspect.cleandoc(topics[name]) for name in sorted(topics))[:CHARACTERS]
    return "".join(letter for letter in text if letter == "\n" or (letter.isascii() and letter.isprintable()))


def _layers(random: np.random.Generator, count: int) -> dict[str, np.ndarray]:
    shapes = {"embedding": (count, EMBEDDING), "inner": (CONTEXT * EMBEDDING, HIDDEN), "outer": (HIDDEN, count)}
    weights = {name: random.normal(0, shape[0] ** -0.5, shape).astype(np.float32) for name, shape in shapes.items()}
    biases = {"inner_bias": np.zeros(HIDDEN, np.float32), "outer_bias": np.zeros(count, np.float32)}
    return {**weights, **biases}


def _gradients(
    weights: dict[str, np.ndarray], seen: np.ndarray, following: np.ndarray
) -> tuple[float, dict[str, np.ndarray]]:
    """The mean loss in nats, and its derivative by each weight."""
    rows = np.arange(len(seen))
    given = weights["embedding"][seen].reshape(len(seen), -1)
    hidden = np.tanh(given @ weights["inner"] + weights["inner_bias"])
    scores = hidden @ weights["outer"] + weights["outer_bias"]
    likely = np.exp(scores - scores.max(axis=1, keepdims=True))
    likely /= likely.sum(axis=1, keepdims=True)
    loss = float(-np.log(likely[rows, following]).mean())
    likely[rows, following] -= 1
    likely /= len(seen)
    before = (likely @ weights["outer"].T) * (1 - hidden**2)
    embedding = np.zeros_like(weights["embedding"])
    np.add.at(embedding, seen, (before @ weights["inner"].T).reshape(*seen.shape, EMBEDDING))
    return loss, {
        "embedding": embedding,
        "inner": given.T @ before,
        "inner_bias": before.sum(axis=0),
        "outer": hidden.T @ likely,
        "outer_bias": likely.sum(axis=0),
    }


def train(text: str, steps: int = STEPS, seed: int = 1) -> tuple[dict[str, np.ndarray], list[float]]:
    """Weights by Adam, with the alphabet beside them, and the loss of each step."""
    alphabet = sorted(set(text))
    codes = np.array([alphabet.index(character) for character in text])
    windows = np.lib.stride_tricks.sliding_window_view(codes, CONTEXT + 1)
    random = np.random.default_rng(seed)
    weights = _layers(random, len(alphabet))
    moments = {name: (np.zeros_like(value), np.zeros_like(value)) for name, value in weights.items()}
    losses = []
    for step in range(1, steps + 1):
        sample = windows[random.integers(0, len(windows), BATCH)]
        loss, gradients = _gradients(weights, sample[:, :-1], sample[:, -1])
        losses.append(loss)
        for name, gradient in gradients.items():
            first, second = moments[name]
            first += 0.1 * (gradient - first)
            second += 0.01 * (gradient**2 - second)
            corrected = first / (1 - 0.9**step), second / (1 - 0.99**step)
            weights[name] -= RATE * corrected[0] / (np.sqrt(corrected[1]) + 1e-8)
    return {**weights, "alphabet": np.array(alphabet)}, losses


def build(repository: Path, steps: int = STEPS) -> float:
    """Train, and write REPOSITORY/writer; returns the mean loss of the last tenth of the training."""
    weights, losses = train(corpus(), steps)
    version = repository / "writer" / "1"
    version.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(MODEL / "config.pbtxt", repository / "writer" / "config.pbtxt")
    shutil.copyfile(MODEL / "model.py", version / "model.py")
    np.savez(version / "weights.npz", **weights)
    return float(np.mean(losses[-max(steps // 10, 1) :]))


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    print(f"loss {build(Path(sys.argv[1]), *map(int, sys.argv[2:])):.2f} nats a character")

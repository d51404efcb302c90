"""Synthesised streams for the voice activity model, and how it wants them cut."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RATE = 16000  # Samples a second.
CHUNK = 512  # Samples that a request adds.
CONTEXT = 64  # Samples of the chunk before that it repeats.

Samples = NDArray[np.float32]


def _voice(seconds: float, pitch: float, random: np.random.Generator) -> Samples:
    """Something like a vowel: the harmonics of a trembling pitch, louder near three formants, in syllables."""
    time = np.arange(int(seconds * RATE)) / RATE
    phase = 2 * np.pi * np.cumsum(pitch * (1 + 0.02 * np.sin(2 * np.pi * 5 * time))) / RATE
    sound = np.zeros_like(time)
    for harmonic in range(1, int(4000 / pitch)):
        frequency = harmonic * pitch
        loudness = sum(np.exp(-(((frequency - formant) / 150) ** 2)) for formant in (700, 1220, 2600))
        sound += (0.02 / harmonic + loudness) * np.sin(harmonic * phase + random.uniform(0, 2 * np.pi))
    syllables = np.clip(np.sin(2 * np.pi * 3 * time) + 0.6, 0, 1)
    return (0.3 * sound * syllables / np.abs(sound).max()).astype(np.float32)


def stream(seed: int, seconds: float = 2.0) -> Samples:
    """Noise, then a voice in noise, then noise; every seed gives another one, always the same."""
    random = np.random.default_rng(seed)
    noise = random.normal(0, 0.003, int(3 * seconds * RATE)).astype(np.float32)
    voice = _voice(seconds, 90 + 12 * (seed % 12), random)
    noise[len(voice) : 2 * len(voice)] += voice
    return noise


def chunks(samples: Samples) -> list[Samples]:
    """The inputs of the requests, [1, CONTEXT + CHUNK] each; what does not fill a chunk is left out."""
    padded = np.concatenate([np.zeros(CONTEXT, np.float32), samples])
    starts = range(0, len(samples) - CHUNK + 1, CHUNK)
    return [padded[None, start : start + CONTEXT + CHUNK] for start in starts]

"""Images to read: pages that are rendered here, and photographs that scikit-learn ships, plain and with a caption."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont

PARAGRAPH = [
    "The quick brown fox jumps over the lazy dog.",
    "Invoice No. 2024-0815",
    "Total: 1,234.56 EUR",
    "Payment within 30 days, please.",
    "Questions? Call 555 0199.",
]


def page(lines: list[str], size: int = 28, width: int = 720, angle: float = 0) -> np.ndarray:
    """Black on white; RGB, [h, w, 3] UINT8."""
    image = Image.new("RGB", (width, 40 + len(lines) * (size + 22)), "white")
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(size)
    for number, line in enumerate(lines):
        draw.text((30, 24 + number * (size + 22)), line, fill="black", font=font)
    if angle:
        image = image.rotate(angle, expand=True, fillcolor="white", resample=Image.Resampling.BICUBIC)
    return np.array(image)


def two_columns() -> np.ndarray:
    """Two columns on one page."""
    return np.concatenate([page(PARAGRAPH[:3], 24, 640), page(PARAGRAPH[2:], 24, 480)], axis=1)


def captioned(photograph: np.ndarray, text: str) -> np.ndarray:
    """White letters with a dark edge on a photograph."""
    image = Image.fromarray(photograph)
    font = ImageFont.load_default(40)
    ImageDraw.Draw(image).text((40, 300), text, fill="white", font=font, stroke_width=3, stroke_fill="black")
    return np.array(image)


def images() -> dict[str, np.ndarray]:
    """Name -> RGB."""
    from sklearn.datasets import load_sample_images

    temple, flower = load_sample_images().images
    return {
        "a page": page(PARAGRAPH),
        "a page in large letters": page(PARAGRAPH[:2], 64, 1600),
        "a page in a corner": page(PARAGRAPH, angle=7),
        "a page upside down": page(PARAGRAPH[:3], angle=180),
        "two columns": two_columns(),
        "one flat line": page(["A single line, very wide and flat, with nothing above or below it"], 20, 1400)[12:60],
        "a small label": page(["Fragile"], 18, 120)[20:48, 20:],
        "a large page": page(PARAGRAPH * 3, 60, 2300),
        "an empty page": page([]),
        "a photograph of a temple": temple,
        "a photograph of a flower": flower,
        "the temple with a caption": captioned(temple, "SUMMER PALACE"),
        "the flower with a caption": captioned(flower, "Dahlia pinnata"),
    }

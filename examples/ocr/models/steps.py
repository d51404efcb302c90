"""The steps between an image and its text, as the PyPI package rapidocr-onnxruntime 1.4.4 takes them by default.

An image is shrunk or grown where it is very large or small, a network marks which pixels are text, the marks become
quadrangles, what they hold is cut out, turned upright with the help of a second network, and read by a third one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import pyclipper

LONGEST, SHORTEST = 2000, 30  # Sides of an image.
SHORTEST_SEEN = 736  # Of what the detector sees.
FLATTEST = 8  # Width over height, from which an image gets borders.
STEP = 32  # The detector wants multiples of it.
IS_TEXT = 0.3
BOX_IS_TEXT = 0.5
GROWTH = 1.6  # Marks are smaller than the text.
BATCH = 6
HEIGHT = 48  # Of a line for the two other networks.
DIRECTION_WIDTH, NARROWEST = 192, 320
UPSIDE_DOWN = 0.9
READABLE = 0.5


@dataclass(frozen=True)
class Placement:
    """How the page that the detector saw lies in the image: factors, the border above, the image's size."""

    ratio_h: float
    ratio_w: float
    top: int
    height: int
    width: int


def _in_steps(length: float) -> int:
    return int(round(int(length) / STEP) * STEP)


def _scaled(image: np.ndarray, ratio: float) -> tuple[np.ndarray, float, float]:
    height, width = image.shape[:2]
    new_height, new_width = _in_steps(height * ratio), _in_steps(width * ratio)
    return cv2.resize(image, (new_width, new_height)), height / new_height, width / new_width


def page_of(image: np.ndarray) -> tuple[np.ndarray, Placement]:
    """The page on which text is looked for: the image (BGR) in a size that does, with borders where it is flat."""
    height, width = image.shape[:2]
    page, ratio_h, ratio_w = image, 1.0, 1.0
    if max(height, width) > LONGEST:
        page, ratio_h, ratio_w = _scaled(page, LONGEST / max(height, width))
    if min(page.shape[:2]) < SHORTEST:
        page, ratio_h, ratio_w = _scaled(page, SHORTEST / min(page.shape[:2]))
    page_height, page_width = page.shape[:2]
    border = 0
    if page_height <= SHORTEST or page_width / page_height > FLATTEST:
        wanted = max(int(page_width / FLATTEST), SHORTEST) * 2
        border = int(abs(wanted - page_height) / 2)
        page = cv2.copyMakeBorder(page, border, border, 0, 0, cv2.BORDER_CONSTANT, value=(0, 0, 0))
    return page, Placement(ratio_h, ratio_w, border, height, width)


def detector_input(page: np.ndarray) -> np.ndarray:
    """[1, 3, h, w] FP32."""
    shortest = min(page.shape[:2])
    seen, _, _ = _scaled(page, SHORTEST_SEEN / shortest if shortest < SHORTEST_SEEN else 1.0)
    values = (seen.astype(np.float32) * (1 / 255.0) - np.full(3, 0.5)) / np.full(3, 0.5)
    return values.transpose(2, 0, 1)[np.newaxis].astype(np.float32)


def _quadrangle(points: np.ndarray) -> tuple[np.ndarray, float]:
    """The smallest rectangle around points, from its upper left corner on, and its shorter side."""
    rectangle = cv2.minAreaRect(points)
    corners = sorted(cv2.boxPoints(rectangle), key=lambda corner: corner[0])
    left, right = corners[:2], corners[2:]
    top_left, bottom_left = left if left[1][1] > left[0][1] else left[::-1]
    top_right, bottom_right = right if right[1][1] > right[0][1] else right[::-1]
    return np.array([top_left, top_right, bottom_right, bottom_left]), min(rectangle[1])


def _mean_inside(marks: np.ndarray, box: np.ndarray) -> float:
    height, width = marks.shape
    x0, x1 = (int(np.clip(value, 0, width - 1)) for value in (np.floor(box[:, 0].min()), np.ceil(box[:, 0].max())))
    y0, y1 = (int(np.clip(value, 0, height - 1)) for value in (np.floor(box[:, 1].min()), np.ceil(box[:, 1].max())))
    mask = np.zeros((y1 - y0 + 1, x1 - x0 + 1), np.uint8)
    moved = box - np.array([x0, y0], box.dtype)
    cv2.fillPoly(mask, moved.reshape(1, -1, 2).astype(np.int32), 1)
    return cv2.mean(marks[y0 : y1 + 1, x0 : x1 + 1], mask)[0]


def _grown(box: np.ndarray) -> np.ndarray:
    corners = box.astype(np.float64)
    following = np.roll(corners, -1, axis=0)
    area = abs(np.sum(corners[:, 0] * following[:, 1] - following[:, 0] * corners[:, 1])) / 2
    around = np.linalg.norm(following - corners, axis=1).sum()
    offset = pyclipper.PyclipperOffset()
    offset.AddPath(box, pyclipper.JT_ROUND, pyclipper.ET_CLOSEDPOLYGON)
    return np.array(offset.Execute(area * GROWTH / around)).reshape(-1, 1, 2)


def _marked(marks: np.ndarray, page_height: int, page_width: int) -> list[np.ndarray]:
    """Quadrangles around what is marked, in pixels of the page."""
    height, width = marks.shape
    mask = cv2.dilate((marks > IS_TEXT).astype(np.uint8), np.ones((2, 2), np.int64))
    contours, _ = cv2.findContours(mask * 255, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    boxes = []
    for contour in contours[:1000]:
        box, side = _quadrangle(contour)
        if side < 3 or _mean_inside(marks, box) < BOX_IS_TEXT:
            continue
        box, side = _quadrangle(_grown(box))
        if side < 5:
            continue
        box[:, 0] = np.clip(np.round(box[:, 0] / width * page_width), 0, page_width)
        box[:, 1] = np.clip(np.round(box[:, 1] / height * page_height), 0, page_height)
        boxes.append(box.astype(np.int32))
    return boxes


def _in_order(box: np.ndarray) -> np.ndarray:
    """Corners clockwise from the upper left one."""
    by_x = box[np.argsort(box[:, 0])]
    left, right = (side[np.argsort(side[:, 1])] for side in (by_x[:2], by_x[2:]))
    return np.array([left[0], right[0], right[1], left[1]], np.float32)


def boxes_of(marks: np.ndarray, page: np.ndarray) -> list[np.ndarray]:
    """The lines of text on the page, from top to bottom and left to right: 4 corners each."""
    height, width = page.shape[:2]
    boxes = []
    for found in _marked(marks, height, width):
        box = np.clip(_in_order(found), 0, [width - 1, height - 1]).astype(np.float32)
        if int(np.linalg.norm(box[0] - box[1])) > 3 and int(np.linalg.norm(box[0] - box[3])) > 3:
            boxes.append(box)
    boxes.sort(key=lambda box: (box[0][1], box[0][0]))
    for last in range(1, len(boxes)):  # Boxes of about the same height stand from left to right.
        for right in range(last, 0, -1):
            first, second = boxes[right - 1], boxes[right]
            if abs(second[0][1] - first[0][1]) >= 10 or second[0][0] >= first[0][0]:
                break
            boxes[right - 1], boxes[right] = second, first
    return boxes


def cut_out(page: np.ndarray, box: np.ndarray) -> np.ndarray:
    """The line in a box, upright as far as its shape tells."""
    width = int(max(np.linalg.norm(box[0] - box[1]), np.linalg.norm(box[2] - box[3])))
    height = int(max(np.linalg.norm(box[0] - box[3]), np.linalg.norm(box[1] - box[2])))
    target = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    mapping = cv2.getPerspectiveTransform(box, target)
    line = cv2.warpPerspective(page, mapping, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.rot90(line) if height / width >= 1.5 else line


def _fitted(line: np.ndarray, width: int) -> np.ndarray:
    """[3, HEIGHT, width] FP32, zeros to the right of the line."""
    ratio = line.shape[1] / float(line.shape[0])
    used = min(math.ceil(HEIGHT * ratio), width)
    values = cv2.resize(line, (used, HEIGHT)).astype(np.float32).transpose(2, 0, 1) / 255
    fitted = np.zeros((3, HEIGHT, width), np.float32)
    fitted[:, :, :used] = (values - 0.5) / 0.5
    return fitted


def batches_of(lines: list[np.ndarray]) -> list[list[int]]:
    """Which lines go together: those of about the same shape."""
    order = np.argsort(np.array([line.shape[1] / float(line.shape[0]) for line in lines]))
    return [order[start : start + BATCH].tolist() for start in range(0, len(lines), BATCH)]


def direction_input(lines: list[np.ndarray]) -> np.ndarray:
    """[n, 3, HEIGHT, DIRECTION_WIDTH] FP32 for lines of one batch."""
    return np.stack([_fitted(line, DIRECTION_WIDTH) for line in lines])


def upright(line: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """The line, turned by half a turn where the network is sure that it stands on its head."""
    return cv2.rotate(line, cv2.ROTATE_180) if probabilities[1] > max(probabilities[0], UPSIDE_DOWN) else line


def reader_input(lines: list[np.ndarray]) -> np.ndarray:
    """[n, 3, HEIGHT, w] FP32 for lines of one batch."""
    ratio = max(NARROWEST / HEIGHT, *(line.shape[1] * 1.0 / line.shape[0] for line in lines))
    return np.stack([_fitted(line, int(HEIGHT * ratio)) for line in lines])


def text_of(probabilities: np.ndarray, characters: list[str]) -> tuple[str, float]:
    """What the network read ([columns, characters], the first of which is a gap), and the mean of its certainty."""
    best = probabilities.argmax(axis=1)
    kept = best != 0
    kept[1:] &= best[1:] != best[:-1]
    certainty = probabilities.max(axis=1)[kept].tolist()
    return "".join(characters[index] for index in best[kept]), float(np.mean(certainty or [0]))


def in_image(boxes: list[np.ndarray], placement: Placement) -> np.ndarray:
    """Boxes of the page as boxes of the image, [n, 4, 2] FP32."""
    corners = np.array(boxes).astype(np.float32)
    corners[:, :, 1] -= placement.top
    corners[:, :, 0] *= placement.ratio_w
    corners[:, :, 1] *= placement.ratio_h
    return np.clip(corners, 0, np.array([placement.width, placement.height], np.float32))

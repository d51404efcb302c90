"""From a page and the marks on it to its text, with two networks that are models of the server."""

from __future__ import annotations

import numpy as np
import steps
import triton_python_backend_utils as pb_utils


def called(model: str, output: str, values: np.ndarray) -> pb_utils.InferenceRequest:
    """A request to one of the networks, not sent yet."""
    return pb_utils.InferenceRequest(
        model_name=model, requested_output_names=[output], inputs=[pb_utils.Tensor("x", values)]
    )


def result(response: pb_utils.InferenceResponse) -> np.ndarray:
    """The only output; an error goes to the caller as an exception."""
    if response.has_error():
        raise pb_utils.TritonModelException(response.error().message())
    return response.output_tensors()[0].as_numpy()


def read(
    page: np.ndarray, marks: np.ndarray, placement: steps.Placement, characters: list[str]
) -> pb_utils.InferenceResponse:
    """BOXES, TEXT and SCORES of a page."""
    boxes = steps.boxes_of(marks, page)
    lines = [steps.cut_out(page, box) for box in boxes]
    found = [("", 0.0)] * len(lines)
    for batch in steps.batches_of(lines):
        values = steps.direction_input([lines[index] for index in batch])
        directions = result(called("text_direction", "save_infer_model/scale_0.tmp_1", values).exec())
        for index, direction in zip(batch, directions, strict=True):
            lines[index] = steps.upright(lines[index], direction)
    for batch in steps.batches_of(lines):
        values = steps.reader_input([lines[index] for index in batch])
        texts = result(called("text_recognition", "softmax_11.tmp_0", values).exec())
        for index, text in zip(batch, texts, strict=True):
            found[index] = steps.text_of(text, characters)
    kept = [index for index, (_, score) in enumerate(found) if score >= steps.READABLE]
    corners = steps.in_image(boxes, placement)[kept] if kept else np.zeros((0, 4, 2), np.float32)
    return pb_utils.InferenceResponse(
        [
            pb_utils.Tensor("BOXES", corners),
            pb_utils.Tensor("TEXT", np.array([found[index][0] for index in kept], np.object_)),
            pb_utils.Tensor("SCORES", np.array([found[index][1] for index in kept], np.float64)),
        ]
    )


def characters_of(folder: str) -> list[str]:
    """What the classes of the recognition network mean: a gap, the characters of its metadata, a space."""
    with open(f"{folder}/characters.txt", encoding="utf-8", newline="\n") as file:
        return ["", *file.read().split("\n"), " "]

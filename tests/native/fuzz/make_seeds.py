"""Writes what the fuzz targets start from: the requests of the golden corpus, and small inputs of each form.

    python tests/native/fuzz/make_seeds.py FOLDER

A folder for each target; what fuzzing finds in them is merged into corpus/ (docs/fuzzing.md).
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from tritonclient.grpc import service_pb2

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
MOST_BYTES = 2048


def main(folder: Path) -> None:
    seeds = {
        "http_infer": list(http_bodies()),
        "http_head": list(http_heads()),
        "grpc_infer": list(grpc_messages()),
        "generate": list(generate_bodies()),
        "json": [body[1:] for body in http_bodies() if body[:1] == b"\0"],
        "json_tensor": list(tensors()),
        "call_metadata": [
            struct.pack("<QQQ", 1, 2, 3) + b"127.0.0.1\nid\n00-" + b"1" * 32 + b"-" + b"2" * 16 + b"-01\na=b"
        ],
        "frame": list(frames()),
        "channel": list(duels()),
        "client": list(client_duels()),
        "model_process": list(model_bodies()),
    }
    for target, inputs in seeds.items():
        (folder / target).mkdir(parents=True, exist_ok=True)
        for content in inputs:
            if len(content) <= MOST_BYTES:
                (folder / target / hashlib.sha1(content).hexdigest()).write_bytes(content)


def steps(kind: str) -> Iterator[dict[str, Any]]:
    for path in sorted(GOLDEN.glob("cases*/*.json")):
        for case in json.loads(path.read_text())["cases"]:
            yield from (step[kind] for step in case["steps"] if kind in step)


def bodies(ending: str) -> Iterator[tuple[bytes, str | None]]:
    for request in steps("http"):
        body = base64.b64decode(request["body_b64"]) if "body_b64" in request else request.get("body", "").encode()
        headers = {name.lower(): value for name, value in request["headers"]}
        if request["path"].endswith(ending) and "content-encoding" not in headers:
            yield body, headers.get("inference-header-content-length")


def http_heads() -> Iterator[bytes]:
    for request in steps("http"):
        lines = [f"POST {request['path']} HTTP/1.1", "Host: localhost:8000", "Content-Length: 120"]
        lines += [f"{name}: {value}" for name, value in request["headers"]]
        yield "\r\n".join([*lines, "", ""]).encode()


def http_bodies() -> Iterator[bytes]:
    for body, length in bodies("/infer"):
        if length is None:
            yield b"\0" + body
        elif length.isdecimal() and 0 <= len(body) - int(length) < 256:
            yield bytes([2, len(body) - int(length)]) + body
        else:
            yield b"\1" + length.encode() + b"\n" + body


def generate_bodies() -> Iterator[bytes]:
    for ending in ("/generate", "/generate_stream"):
        for body, _ in bodies(ending):
            yield from (bytes([model]) + body for model in range(2))
    yield b"\1" + b'{"text_input": "a", "n": [1, 2, 3, 4], "id": "x", "parameters": {"p": 1.5, "q": true}}'
    yield b"\2" + b'{"n": [1.5, 2, 3], "b": true}'


def grpc_messages() -> Iterator[bytes]:
    for call in steps("grpc"):
        if call["method"] in ("ModelInfer", "ModelStreamInfer"):
            for request in call.get("requests", [call.get("request")]):
                try:
                    message = json_format.ParseDict(request, service_pb2.ModelInferRequest())
                except (json_format.ParseError, TypeError):
                    continue  # A step that stands for something else.
                yield message.SerializeToString()
    response = service_pb2.ModelInferResponse(model_name="m", model_version="1", id="i")
    response.parameters["p"].double_param = 1.5
    output = response.outputs.add(name="O", datatype="FP32", shape=[1, 2])
    output.parameters["q"].string_param = "text"
    yield response.SerializeToString()


def tensors() -> Iterator[bytes]:
    for datatype in range(15):
        if datatype == 13:
            yield bytes([datatype, 0]) + struct.pack("<I", 3) + b'a"\n' + struct.pack("<I", 0)
        else:
            yield bytes([datatype, 0]) + bytes(range(0, 256, 16))
    yield bytes([11, 0]) + struct.pack("<4f", 1.5, -2e30, float("nan"), float("-inf"))
    yield bytes([12, 0]) + struct.pack("<4d", 0.1, 5e-324, 1.7976931348623157e308, 1e21)


def slot_head(flags: int, segments: int, message: int, frame: int, offset: int = 0, region: int = 0) -> bytes:
    return struct.pack("<QHHIQQQII", 1 << 16, 6, flags, segments, message, frame, offset, region, 0)


def reference(size: int, offset: int, region: int) -> bytes:
    return struct.pack("<QQII", size, offset, region, 0)


IN_FRAME = 0xFFFFFFFF


def frames() -> Iterator[bytes]:
    in_slot = reference(4, 48, IN_FRAME) + reference(100, 8, 7) + b"mess" + bytes(8) + b"tail"
    yield b"\1" + slot_head(0, 2, 4, len(in_slot)) + struct.pack("<H", len(in_slot)) + in_slot
    table = reference(8, 0, 7) * 6 + b"message"
    written = struct.pack("<HB", 64, len(table)) + table
    yield b"\1" + slot_head(4, 6, 7, len(table), 64) + struct.pack("<H", 0) + written
    # The head and the table change while they are read.
    again = struct.pack("<HB", 0x8000, 48) + slot_head(4, 9, 99, 999, 9, 9)
    yield b"\1" + slot_head(4, 6, 7, len(table), 64) + struct.pack("<H", 0) + written + again
    for first in (0, 600):
        yield b"\0" + struct.pack("<HBHHH", first, 9, 8, 0x8400, 0x7FF) + bytes(300)


def publish(call: int, method: int, flags: int, segments: int, payload: bytes, message: int, region: int = 0) -> bytes:
    head = bytes([call, 1]) + struct.pack("<HBB", method, flags, segments)
    return b"\0" + head + bytes([len(payload)]) + payload + bytes([message, 0, region, 0])


def duels() -> Iterator[bytes]:
    take, serve, answer, notes, drop = b"\x09", b"\x0c", b"\x0d", b"\x0f", b"\x10"
    small = publish(0, 6, 0, 1, reference(4, 24, IN_FRAME) + b"mess", 4)
    in_region = publish(1, 7, 2, 1, reference(64, 8, 0) + b"mess", 4)
    many = answer + bytes([0x0F, 0, 9, 1, 2, 3])
    last = answer + bytes([0x14, 0, 9, 1])
    announced = b"\x08" + bytes([1 | 4 | 8, 2]) + publish(2, 6, 0, 1, reference(64, 8, 2), 0)
    yield b"\1" + small + take + last + serve + drop
    yield b"\1" + in_region + take + many * 6 + b"\x06" + bytes([1, 1, 3]) + serve + last
    yield b"\2" + announced + take + notes + last + b"\x08" + bytes([2, 2]) + notes
    yield b"\0" + small + b"\x03" + bytes([0, 0, 1]) + take + serve + last + b"\x04" + bytes(2) + serve
    yield b"\0" + small + take + b"\x07" + struct.pack("<IB", 64, 8) + bytes(8) + last + b"\x05" + bytes(2) + serve


def client_duels() -> Iterator[bytes]:
    send, poll, drop = b"\0" + bytes([9, 40]), b"\x09", b"\x0b"
    payload = reference(4, 24, IN_FRAME) + b"mess"
    answered = b"\2" + bytes([0, 0, 1, 1, len(payload)]) + payload + bytes([4]) + struct.pack("<I", 0) + b"\0"
    lent = b"\2" + bytes([0, 0, 0x13, 1, 24]) + reference(64, 8, 0) + b"\0" + struct.pack("<I", 3) + b"\0"
    outside = b"\2" + bytes([0, 0, 0x13, 1, 24]) + reference(64, 8, 0) + b"\0" + struct.pack("<I", 1 << 28) + b"\0"
    yield send + answered + poll + drop
    yield send + outside + poll + drop
    yield send + send + lent + poll + b"\x0a\0" + b"\x06\0" + poll + drop
    yield send + b"\x08" + bytes([1 | 4, 2]) + answered + poll + b"\x08" + bytes([3, 0]) + poll
    yield send + b"\x05" + struct.pack("<H", 9) + poll + b"\x07" + struct.pack("<IB", 128, 4) + bytes(4) + poll


def tensor(name: bytes, datatype: int, shape: tuple[int, ...], where: int, place: int, size: int) -> bytes:
    record = struct.pack("<IIIIQQ", len(name), datatype, len(shape), where, place, size)
    return padded(record + struct.pack(f"<{len(shape)}q", *shape) + name)


def padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % 8)


def model_bodies() -> Iterator[bytes]:
    counts = struct.pack("<II", 1, 1)
    response = struct.pack("<QIIIIII", 5, 1, 0, 0, 9, 2, 0) + padded(b'{"a":1.5}')
    tensors_ = tensor(b"O", 8, (1, 2), 0, 0, 8) + tensor(b"P", 13, (1,), 1, 16, 20)
    responses = counts + response + tensors_ + struct.pack("<Q", 64)
    yield b"\0" + responses
    texts = b"model" + b"id" + b"corr" + b'{"p":"v"}' + b'["O"]' + b"trace"
    infer = struct.pack("<QQQQIIIIIIIIqQ", 1, 0, 0, 0, 3, 1, 5, 2, 4, 9, 5, 5, -1, 0) + padded(texts)
    infer += tensor(b"I", 11, (2,), 0, 8, 8)
    yield b"\1" + infer
    yield b"\2" + struct.pack("<QQ", 64, 4096)
    for flags, kind, body in ((0, 16, responses), (0, 32, infer), (3, 17, b"")):
        yield b"\3" + bytes([flags >> 1]) + struct.pack("<IIQQQ", kind, flags, 1, 0, len(body) or 40) + body


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""Calls over gRPC, byte by byte: for tests that send less than a whole one."""

from __future__ import annotations

import struct

SERVICE = "/inference.GRPCInferenceService/"
# What begins a connection over gRPC: the preface and empty settings.
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
FRAME_BYTE_SIZE = 1 << 14
DATA, HEADERS, CONTINUATION = 0, 1, 9
END_STREAM, END_HEADERS = 1, 4


def frame(kind: int, flags: int, payload: bytes) -> bytes:
    """A frame of HTTP/2, of the first call of a connection."""
    return struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) + struct.pack(">I", 1) + payload


def grpc_head(method: str) -> bytes:
    """The head of a call, without Huffman codes or tables."""

    def text(value: str) -> bytes:
        return bytes((len(value),)) + value.encode()

    head = b"\x83\x86\x04" + text(SERVICE + method) + b"\x01" + text("x") + b"\x0f\x10" + text("application/grpc")
    return head + b"\x00" + text("te") + text("trailers")


def grpc_call(method: str, message: bytes) -> bytes:
    """The bytes of a connection with one call."""
    body = b"\x00" + struct.pack(">I", len(message)) + message
    pieces = [body[at : at + FRAME_BYTE_SIZE] for at in range(0, len(body), FRAME_BYTE_SIZE)]
    frames = [frame(DATA, 0, piece) for piece in pieces[:-1]] + [frame(DATA, END_STREAM, pieces[-1])]
    return PREFACE + frame(HEADERS, END_HEADERS, grpc_head(method)) + b"".join(frames)

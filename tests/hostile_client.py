"""A client that does to its shared memory whatever it can, at random: run by test_hostile_regions.py.

python hostile_client.py SEED COUNT HTTP GRPC FAMILY: COUNT calls, then one line of JSON: how many of each ended how.
All clients of a FAMILY (a prefix) share names and keys, so that they meet each other in them.
"""

from __future__ import annotations

import collections
import contextlib
import json
import os
import random
import socket
import stat
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import tritonclient.grpc as grpcclient
import tritonclient.http as httpclient
from tritonclient.utils import InferenceServerException

from triton_lite.proto import messages

SHM = Path("/dev/shm")
MODELS = {"simple": ("INT32", 2), "identity_fp32": ("FP32", 1), "identity_bytes": ("BYTES", 1)}
NAMES, KEYS = 8, 6
SIZES = (0, 1, 63, 64, 4095, 4096, 4097, 8192, 8192, 16384, 16384, 65536, 65536)
OFFSETS = (*[0] * 12, 4096, 4096, 8192, 12288, 64, 1)
# Around every limit of 32 and 64 bits. As JSON or protobuf they may be unreadable, which is an answer too.
EXTREME = tuple(sign * (1 << bits) + near for sign in (1, -1) for bits in (31, 32, 62, 63, 64) for near in (-1, 0, 1))
STRANGE_KEYS = (
    "", "/", "//", "/.", "/..", "/../etc/passwd", "../dev/zero", "/a/b", ".", "..", "/" + "k" * 255, "/" + "k" * 4096,
    "/triton_lite_x", "//triton_lite_x", "/triton_python_backend_shm_region_1", "/no such key", "/\x7f\n", "/ä",
)  # fmt: skip
SERVICE = "/inference.GRPCInferenceService/"


class Hostile:
    """One client's state: its random numbers, connections, and how its calls ended."""

    def __init__(self, seed: int, http: str, grpc_address: str, family: str) -> None:
        self.random = random.Random(seed)
        self.family = family
        self.address = http
        self.http = httpclient.InferenceServerClient(http)
        self.grpc = grpcclient.InferenceServerClient(grpc_address)
        self.channel = grpc.insecure_channel(grpc_address)
        self.ended: collections.Counter[str] = collections.Counter()
        self.over = threading.Event()

    def close(self) -> None:
        self.over.set()
        self.http.close()
        self.grpc.close()
        self.channel.close()

    def name(self) -> str:
        return f"{self.family}_{self.random.randrange(NAMES)}"

    def key(self) -> str:
        return f"/{self.family}_{self.random.randrange(KEYS)}"

    def path(self) -> Path:
        return SHM / self.key()[1:]

    def number(self, usual: tuple[int, ...]) -> int:
        return self.random.choice(usual if self.random.random() < 0.97 else EXTREME)

    def library(self) -> tuple[Any, Any]:
        return self.random.choice(((httpclient, self.http), (grpcclient, self.grpc)))

    # What it does to objects. Others of the family do the same to the same ones, so nothing need be there.

    def resize(self) -> None:
        with (
            contextlib.suppress(OSError),
            open(os.open(self.path(), os.O_RDWR | os.O_CREAT | os.O_NONBLOCK), "r+b") as file,
        ):
            if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                file.truncate(self.random.choice(SIZES))

    def replace(self) -> None:
        path = self.path()
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
            kind = self.random.random()
            if kind < 0.05:
                os.mkfifo(path)
            elif kind < 0.1:
                path.symlink_to(
                    self.random.choice(("/dev/zero", "/dev/null", "/etc/passwd", path.name, "/proc/self/mem"))
                )
            elif kind < 0.9:
                path.write_bytes(self.random.randbytes(self.random.choice(SIZES)))

    def scribble(self) -> None:
        """Change bytes of objects all the time, beside the calls. Has random numbers of its own: threads race."""
        numbers = random.Random(self.random.random())
        while not self.over.wait(0.001):
            path = SHM / f"{self.family}_{numbers.randrange(KEYS)}"
            with contextlib.suppress(OSError):
                descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)
                try:
                    size = os.fstat(descriptor).st_size
                    os.pwrite(descriptor, numbers.randbytes(8), numbers.randrange(max(size - 8, 1)))
                finally:
                    os.close(descriptor)

    # Calls.

    def register(self) -> None:
        key = self.key() if self.random.random() < 0.95 else self.random.choice(STRANGE_KEYS)
        client = self.library()[1]
        client.register_system_shared_memory(self.name(), key, self.number(SIZES), self.number(OFFSETS))

    def unregister(self) -> None:
        self.library()[1].unregister_system_shared_memory(self.name())

    def status(self) -> None:
        self.library()[1].get_system_shared_memory_status(self.random.choice(("", self.name())))

    def infer(self) -> None:
        library, client = self.library()
        model = self.random.choice(tuple(MODELS))
        datatype, count = MODELS[model]
        inputs = [library.InferInput(f"INPUT{i}", [1, 16], datatype) for i in range(count)]
        for tensor in inputs:
            if self.random.random() < 0.9:
                tensor.set_shared_memory(self.name(), self.number((*[64] * 12, 128)), self.number(OFFSETS))
            else:
                tensor.set_data_from_numpy(
                    np.zeros((1, 16), {"INT32": np.int32, "FP32": np.float32}.get(datatype, object))
                )
        outputs = []
        for i in range(count):
            output = library.InferRequestedOutput(f"OUTPUT{i}")
            if self.random.random() < 0.7:
                output.set_shared_memory(self.name(), self.number((*[64] * 8, 63, 4096)), self.number(OFFSETS))
            outputs.append(output)
        client.infer(model, inputs, outputs=outputs)

    def send_raw_http(self) -> None:
        """JSON that no library writes, and connections that are cut."""
        value = self.random.choice(
            ("-1", "1e3", "0.5", '"64"', "null", "[]", "{}", "true", "18446744073709551616", "--")
        )
        if self.random.random() < 0.5:
            path = f"/v2/systemsharedmemory/region/{self.name()}/register"
            body = f'{{"key": "{self.key()}", "offset": {value}, "byte_size": {self.random.choice(("64", value))}}}'
        else:
            path = "/v2/models/simple/infer"
            region = f'"shared_memory_region": "{self.name()}", "shared_memory_byte_size": 64'
            parameters = f'{{{region}, "shared_memory_offset": {value}}}'
            tensor = f'"datatype": "INT32", "shape": [1, 16], "parameters": {parameters}}}'
            body = f'{{"inputs": [{{"name": "INPUT0", {tensor}, {{"name": "INPUT1", {tensor}]}}'
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
        host, port = self.address.split(":")
        with socket.create_connection((host, int(port)), timeout=60) as connection:
            if self.random.random() < 0.3:
                connection.sendall((head + body)[: self.random.randrange(len(head + body))].encode())
                return
            connection.sendall((head + body).encode())
            with connection.makefile("rb") as file:
                head, _, text = file.read().decode().partition("\r\n\r\n")
        code = head.split()[1]
        if code != "200":
            raise InferenceServerException(json.loads(text)["error"], code)

    def send_raw_grpc(self) -> None:
        """Messages with a byte changed."""
        if self.random.random() < 0.5:
            method = "SystemSharedMemoryRegister"
            message = messages.SystemSharedMemoryRegisterRequest(name=self.name(), key=self.key(), byte_size=64)
        else:
            method = "ModelInfer"
            message = messages.ModelInferRequest(model_name="identity_bytes")
            tensor = message.inputs.add(name="INPUT0", datatype="BYTES", shape=[1, 16])
            tensor.parameters["shared_memory_region"].string_param = self.name()
            tensor.parameters["shared_memory_byte_size"].int64_param = 64
        encoded = bytearray(message.SerializeToString())
        encoded[self.random.randrange(len(encoded))] = self.random.randrange(256)
        try:
            self.channel.unary_unary(SERVICE + method)(bytes(encoded), timeout=60)
        except grpc.RpcError as error:
            raise InferenceServerException(error.details(), str(error.code())) from None

    def act(self) -> None:
        """One call, whatever comes of it, with something done to an object before."""
        for _ in range(self.random.randrange(2)):
            self.random.choice((self.resize, self.replace))()
        calls: tuple[Callable[[], None], ...] = (
            self.register, self.infer, self.unregister, self.status, self.send_raw_http, self.send_raw_grpc,
        )  # fmt: skip
        (call,) = self.random.choices(calls, (6, 12, 1, 1, 1, 1))
        try:
            call()
            self.ended[f"{call.__name__}: done"] += 1
        except InferenceServerException as error:
            text = error.message() or ""
            if error.status() in ("StatusCode.UNAVAILABLE", "503") or text.startswith(("internal error", "Deadline")):
                raise  # No answer of a server that is well.
            self.ended[f"{call.__name__}: refused"] += 1
            if "truncated by its owner" in text:
                self.ended["truncated"] += 1
        except (OverflowError, ValueError, TypeError):  # The library itself cannot write such a number.
            self.ended[f"{call.__name__}: not sent"] += 1


def main(seed: int, count: int, http: str, grpc_address: str, family: str) -> None:
    client = Hostile(seed, http, grpc_address, family)
    scribbler = threading.Thread(target=client.scribble)
    scribbler.start()
    try:
        for _ in range(count):
            client.act()
    finally:
        client.close()
        scribbler.join()
    print(json.dumps(client.ended))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])

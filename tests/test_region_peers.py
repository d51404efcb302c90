"""Who may use shared memory: clients on this machine unless --allow-client-shm says who, by real connections."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import grpc
import pytest
from region_peer import answers
from repositories import MODELS
from server_process import ServerProcess, environment, free_ports, serve, started

from triton_lite.proto import messages

REFUSAL = "Client shared memory is disabled. Start the server with '--allow-client-shm=true' to enable."
# Nothing of it is told to who may not use regions.
FREE = ("status", "infer", "stream")
PERMITTED = {
    "register": "Unable to open shared memory region: '/no_such_key'",
    "unregister": "",
    "unregister one": "",
    "register cuda": "failed to register shared memory region: invalid args",
    "unregister cuda": "",
    "infer in": "Unable to find shared memory region: 'mine'",
    "infer out": "Unable to find shared memory region: 'mine'",
    "stream in": "Unable to find shared memory region: 'mine'",
}
EVERYWHERE = ("--http-address=0.0.0.0", "--grpc-address=0.0.0.0")


@pytest.fixture(scope="module", params=["", "true"])
def server(request: pytest.FixtureRequest) -> Iterator[ServerProcess]:
    """A server without the option, and one that lets everybody."""
    given = [f"--allow-client-shm={request.param}"] if request.param else []
    with serve(f"--model-repository={MODELS}", *EVERYWHERE, *given) as running:
        yield running


@pytest.fixture
def open_to_all(request: pytest.FixtureRequest) -> bool:
    return request.node.callspec.params["server"] == "true"


def port_of(server: ServerProcess, protocol: str) -> int:
    return server.http_port if protocol == "http" else server.grpc_port


def check(told: Mapping[str, tuple[str, str]], protocol: str, permitted: bool) -> None:
    assert len(told) == (9 if protocol == "http" else 11)
    for name, (status, text) in told.items():
        if name in FREE:
            assert text == "", name
        elif permitted:
            assert text == PERMITTED[name], name
        else:
            assert text == REFUSAL, name
            if "stream" not in name:  # An error inside the stream has no status.
                assert status == {"http": "501", "grpc": "StatusCode.UNIMPLEMENTED"}[protocol], name


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_loopback(server: ServerProcess, protocol: str) -> None:
    check(answers(protocol, f"127.0.0.1:{port_of(server, protocol)}"), protocol, permitted=True)


def own_address() -> str | None:
    """An address of this machine that others reach, if it has one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # Sends nothing: only looks for the way.
        except OSError:
            return None
        address: str = probe.getsockname()[0]
    return None if address.startswith("127.") else address


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_own_address_that_is_no_loopback(server: ServerProcess, open_to_all: bool, protocol: str) -> None:
    address = own_address()
    if address is None:
        pytest.skip("this machine has no address but loopback")
    check(answers(protocol, f"{address}:{port_of(server, protocol)}"), protocol, open_to_all)


class Elsewhere:
    """Another host as far as the network knows: a network namespace behind a pair of virtual interfaces."""

    # Of the range for tests of networks (RFC 2544).
    HERE, THERE = "198.18.77.1", "198.18.77.2"

    def __init__(self) -> None:
        self.name = f"tl{os.getpid()}"

    def __enter__(self) -> Elsewhere:
        if os.geteuid() != 0 or shutil.which("ip") is None:
            pytest.skip("needs root and iproute2 for a network namespace")
        here, there = f"{self.name}a", f"{self.name}b"
        made = subprocess.run(["ip", "netns", "add", self.name], capture_output=True, text=True)
        if made.returncode != 0:
            pytest.skip(f"network namespaces do not work here: {made.stderr.strip()}")
        for command in (
            f"ip link add {here} type veth peer name {there} netns {self.name}",
            f"ip addr add {self.HERE}/30 dev {here}",
            f"ip link set {here} up",
            f"ip -n {self.name} addr add {self.THERE}/30 dev {there}",
            f"ip -n {self.name} link set {there} up",
        ):
            done = subprocess.run(command.split(), capture_output=True, text=True)
            if done.returncode != 0:
                self.__exit__()
                pytest.skip(f"virtual interfaces do not work here: {command}: {done.stderr.strip()}")
        return self

    def __exit__(self, *_: object) -> None:
        subprocess.run(["ip", "link", "del", f"{self.name}a"], capture_output=True)
        subprocess.run(["ip", "netns", "del", self.name], check=True)

    def run(self, *command: str) -> str:
        inside = ["ip", "netns", "exec", self.name, *command]
        return subprocess.run(inside, check=True, capture_output=True, text=True, timeout=120).stdout


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Elsewhere]:
    with Elsewhere() as host:
        yield host


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_another_host(server: ServerProcess, open_to_all: bool, elsewhere: Elsewhere, protocol: str) -> None:
    script = str(Path(__file__).with_name("region_peer.py"))
    address = f"{elsewhere.HERE}:{port_of(server, protocol)}"
    told = json.loads(elsewhere.run(sys.executable, script, protocol, address))
    check(told, protocol, open_to_all)


SEND_HEADERS = """
import json, sys, urllib.error, urllib.request
url, headers = sys.argv[1], json.loads(sys.argv[2])
try:
    urllib.request.urlopen(urllib.request.Request(url, b"", headers))
except urllib.error.HTTPError as error:
    print(error.code, json.load(error)["error"])
"""


def test_headers_of_another_host_are_not_believed(
    server: ServerProcess, open_to_all: bool, elsewhere: Elsewhere
) -> None:
    if open_to_all:
        pytest.skip("nothing to forge where all may")
    forged = {"X-Forwarded-For": "127.0.0.1", "Forwarded": "for=127.0.0.1", "X-Real-IP": "127.0.0.1"}
    url = f"http://{elsewhere.HERE}:{server.http_port}/v2/systemsharedmemory/unregister"
    assert elsewhere.run(sys.executable, "-c", SEND_HEADERS, url, json.dumps(forged)) == f"501 {REFUSAL}\n"


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, own: str = "") -> None:
        super().__init__("localhost")
        self._path, self._own = path, own

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        if self._own:
            self.sock.bind(self._own)
        self.sock.connect(self._path)


@pytest.mark.parametrize("worker", ["sync", "asgi"])
def test_unix_socket(tmp_path: Path, worker: str) -> None:
    ports = free_ports(3)
    path = str(tmp_path / "socket")
    env = environment(
        TRITON_LITE_MODEL_REPOSITORY=str(MODELS), TRITON_LITE_RUNTIME_DIR=str(tmp_path / "run"), HOME=str(tmp_path)
    )
    command = [sys.executable, "-m", "gunicorn", "triton_lite.frontends.http:app", "-k", worker]
    bound = ["-b", f"127.0.0.1:{ports[0]}", "-b", f"unix:{path}"]
    with started([*command, *bound], env, ports, cwd=tmp_path):
        for own in ("", str(tmp_path / "client")):
            with contextlib.closing(UnixConnection(path, own)) as connection:
                connection.request("POST", "/v2/systemsharedmemory/unregister", b"")
                response = connection.getresponse()
                assert (response.status, response.read()) == (200, b"")


def test_no_client_names_its_own_permission(server: ServerProcess, open_to_all: bool) -> None:
    """Fields that our messages do not have, and ends that take in what might be put behind them, change nothing."""
    address = own_address()
    if address is None:
        pytest.skip("this machine has no address but loopback")
    request = messages.ModelInferRequest(model_name="simple")
    tensor = request.inputs.add(name="INPUT0", datatype="INT32", shape=[1, 16])
    tensor.parameters["shared_memory_region"].string_param = "mine"
    tensor.parameters["shared_memory_byte_size"].int64_param = 64
    encoded = request.SerializeToString()
    expected = PERMITTED["infer in"] if open_to_all else REFUSAL
    with grpc.insecure_channel(f"{address}:{server.grpc_port}") as channel:
        call = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
        for number in (1001, 1002, 1003, 1004):
            tag = bytes(((number << 3 & 0x7F) | 0x80, number >> 4))
            for extra in (tag + b"\x00", tag + b"\x01"):
                for message in (extra + encoded, encoded + extra):
                    with pytest.raises(grpc.RpcError) as raised:
                        call(message)
                    assert raised.value.details() == expected
        for missing in range(1, 24):
            with pytest.raises(grpc.RpcError) as raised:
                call(encoded + b"\xa2\x06" + bytes((missing,)))
            assert raised.value.details() == "Unable to parse request"

"""TLS and mutual TLS of both protocols, with certificates made here; and what is wrong with files of TLS at start."""

from __future__ import annotations

import datetime
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from repositories import MODELS
from rule_clients import GrpcClient, http_call
from server_process import Probe, ServerProcess, environment, serve

from triton_lite import options
from triton_lite.guard.certificates import server_context


@dataclass
class Files:
    """PEM files of a server that clients trust, and of clients that the server trusts."""

    folder: Path
    issuer: trustme.CA

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.issuer = trustme.CA()
        self.issuer.cert_pem.write_to_path(self.path("root"))
        self.write("server", self.issuer.issue_cert("localhost", "127.0.0.1"))
        self.write("client", self.issuer.issue_cert("client@example.org"))
        self.write("stranger", trustme.CA().issue_cert("localhost", "127.0.0.1"))
        past = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=2)
        self.write("expired", self.issuer.issue_cert("localhost", "127.0.0.1", not_after=past))

    def path(self, name: str) -> Path:
        return self.folder / f"{name}.pem"

    def write(self, name: str, cert: trustme.LeafCert) -> None:
        self.path(name).write_bytes(b"".join(pem.bytes() for pem in cert.cert_chain_pems))
        cert.private_key_pem.write_to_path(self.path(f"{name}-key"))

    def context(self, client: str = "") -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.path("root")))
        if client:
            context.load_cert_chain(self.path(client), self.path(f"{client}-key"))
        return context

    def credentials(self, client: str = "") -> grpc.ChannelCredentials:
        root = self.path("root").read_bytes()
        if not client:
            return grpc.ssl_channel_credentials(root)
        return grpc.ssl_channel_credentials(
            root, self.path(f"{client}-key").read_bytes(), self.path(client).read_bytes()
        )

    def flags(self, mutual: bool) -> list[str]:
        names = {"server-cert": "server", "server-key": "server-key"} | ({"root-cert": "root"} if mutual else {})
        flags = [f"--{p}-{option}={self.path(file)}" for p in ("http", "grpc") for option, file in names.items()]
        return flags + [f"--{p}-use-ssl{'-mutual' if mutual else ''}=true" for p in ("http", "grpc")]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return Files(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def server(files: Files) -> Iterator[ServerProcess]:
    with serve(f"--model-repository={MODELS}", *files.flags(False), probe=Probe(tls=files.context())) as running:
        yield running


@pytest.fixture(scope="module")
def mutual(files: Files) -> Iterator[ServerProcess]:
    probe = Probe(tls=files.context("client"))
    # Both, as Triton's users write it: the stricter one counts.
    flags = [*files.flags(True), "--grpc-use-ssl=true", "--http-use-ssl=true"]
    with serve(f"--model-repository={MODELS}", *flags, probe=probe) as running:
        yield running


def test_encrypted(server: ServerProcess, files: Files) -> None:
    assert http_call(server.http, "/v2", tls=files.context()).status == 200
    with GrpcClient(server.grpc, files.credentials()) as client:
        assert b"triton" in client.call("ServerMetadata")


def test_large_bodies_and_kept_connections(server: ServerProcess, files: Files) -> None:
    import numpy as np
    import tritonclient.http as httpclient

    def context() -> ssl.SSLContext:
        return files.context()

    with httpclient.InferenceServerClient(server.http, ssl=True, ssl_context_factory=context) as client:
        inputs = [httpclient.InferInput(name, [1, 16], "INT32") for name in ("INPUT0", "INPUT1")]
        for tensor in inputs:
            tensor.set_data_from_numpy(np.ones((1, 16), np.int32))
        for _ in range(20):
            assert client.infer("simple", inputs).as_numpy("OUTPUT0").tolist() == [[2] * 16]
    answer = http_call(server.http, "/v2/models/simple/infer", body=b"[" * (8 << 20), tls=files.context())
    assert "failed to parse the request JSON buffer" in answer.error


def test_plain_clients_get_nothing(server: ServerProcess) -> None:
    with pytest.raises(OSError):
        http_call(server.http, "/v2")
    with GrpcClient(server.grpc) as client:
        assert client.code("ServerLive") == "UNAVAILABLE"


def test_old_versions_of_tls_are_not_spoken(files: Files) -> None:
    settings, _ = options.load(files.flags(True), {})
    for protocol in ("http", "grpc"):
        assert server_context(settings, protocol).minimum_version == ssl.TLSVersion.TLSv1_2


def test_urls_and_exposure_say_so(server: ServerProcess) -> None:
    assert f"https://localhost:{server.http_port}/v2/health/ready" in server.text()
    assert f"HTTP at 0.0.0.0:{server.http_port}, TLS: everything is answered without authentication" in server.text()


def test_mutual(mutual: ServerProcess, files: Files) -> None:
    assert http_call(mutual.http, "/v2", tls=files.context("client")).status == 200
    with GrpcClient(mutual.grpc, files.credentials("client")) as client:
        assert client.code("ServerLive") == "OK"
    assert "mutual TLS: nothing is answered without authentication" in mutual.text()


@pytest.mark.parametrize("client", ["", "stranger", "expired"])
def test_mutual_refuses_others(mutual: ServerProcess, files: Files, client: str) -> None:
    with pytest.raises(OSError):
        http_call(mutual.http, "/v2", tls=files.context(client))
    with GrpcClient(mutual.grpc, files.credentials(client)) as other:
        assert other.code("ServerLive") == "UNAVAILABLE"


def test_metrics_are_served_as_before(mutual: ServerProcess) -> None:
    assert b"nv_" in http_call(f"127.0.0.1:{mutual.metrics_port}", "/metrics").body


def broken(files: Files, what: str) -> dict[str, Path]:
    """Files by option, one of which is wrong in some way; the wrong one is last."""
    good = {
        "server-cert": files.path("server"),
        "server-key": files.path("server-key"),
        "root-cert": files.path("root"),
    }
    option, _, kind = what.partition(" ")
    wrong = files.folder / f"{option}-{kind}.pem"
    if kind == "garbage":
        wrong.write_text("no certificate")
    elif kind == "stranger":
        wrong = files.path("stranger-key")
    elif kind == "expired":
        wrong = files.path("expired")
        good["server-key"] = files.path("expired-key")
    elif kind == "encrypted":
        key = serialization.load_pem_private_key(files.path("server-key").read_bytes(), None)
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
        wrong.write_bytes(key.private_bytes(*form, serialization.BestAvailableEncryption(b"secret")))
    elif kind == "expired-root":
        wrong = _expired_root(wrong)
    return {**good, option: wrong}


def _expired_root(path: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "an old issuer")])
    now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now - 9 * day, now - day)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    path.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    return path


@pytest.mark.parametrize("protocol", ["http", "grpc"])
@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("server-cert missing", "cannot be read: No such file"),
        ("server-key missing", "cannot be read: No such file"),
        ("root-cert missing", "cannot be read: No such file"),
        ("server-cert garbage", "no certificate and its key"),
        ("server-key garbage", "no certificate and its key"),
        ("root-cert garbage", "holds no certificates"),
        ("server-key stranger", "KEY_VALUES_MISMATCH"),
        ("server-key encrypted", "the key is encrypted"),
        ("server-cert expired", "certificate has expired"),
        ("root-cert expired-root", "a certificate has expired"),
    ],
)
def test_what_cannot_be_used_is_no_start(files: Files, protocol: str, what: str, text: str) -> None:
    option = what.split()[0]
    given = broken(files, what)
    flags = [f"--{protocol}-{name}={path}" for name, path in given.items()] + [f"--{protocol}-use-ssl-mutual=true"]
    commands = [["triton_lite.cli.main", "serve", str(MODELS)]]
    if protocol == "grpc":
        commands.append(["triton_lite.frontends.grpc.main", f"--model-repository={MODELS}", "--grpc-port=0"])
    for command in commands:
        done = subprocess.run(
            [sys.executable, "-m", *command, *flags], capture_output=True, text=True, env=environment(), timeout=60
        )
        assert done.returncode == 1
        assert text in done.stderr
        assert str(given[option]) in done.stderr
        assert f'Bad option: "--{protocol}-' in done.stderr


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_tls_without_files_is_no_start(files: Files, protocol: str) -> None:
    server = [f"--{protocol}-server-cert={files.path('server')}", f"--{protocol}-server-key={files.path('server-key')}"]
    for flags, missing in (
        ([f"--{protocol}-use-ssl=true"], "server-cert"),
        ([f"--{protocol}-use-ssl=true", server[0]], "server-key"),
        ([f"--{protocol}-use-ssl-mutual=true", *server], "root-cert"),
    ):
        command = [sys.executable, "-m", "triton_lite.cli.main", "serve", str(MODELS), *flags]
        done = subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=60)
        assert done.returncode == 1
        assert f'Bad option: "--{protocol}-{missing}".' in done.stderr


def test_gunicorn_by_hand_does_not_serve_in_the_clear_what_was_to_be_encrypted(files: Files, tmp_path: Path) -> None:
    env = environment(
        TRITON_LITE_RUNTIME_DIR=str(tmp_path),
        TRITON_LITE_HTTP_USE_SSL="true",
        TRITON_LITE_HTTP_SERVER_CERT=str(files.path("server")),
        TRITON_LITE_HTTP_SERVER_KEY=str(files.path("server-key")),
    )
    command = [sys.executable, "-m", "gunicorn", "triton_lite.frontends.http:app", "-b", "127.0.0.1:0"]
    done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=60)
    assert done.returncode != 0
    assert "give gunicorn --certfile" in done.stderr

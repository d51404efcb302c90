"""The files of TLS: looked at before anything starts, so that what is wrong with one is one clear message."""

from __future__ import annotations

import ssl
import time

from triton_lite.options import OptionError, Settings

_LEAST_VERSION = ssl.TLSVersion.TLSv1_2
# No more messages go back and forth in a handshake.
_MOST_ROUNDS = 10


def check_certificates(settings: Settings, protocol: str) -> None:
    """Refuse files of a protocol ("http", "grpc") that no client could use. Raises OptionError naming the file."""
    context = server_context(settings, protocol)
    for root in context.get_ca_certs():
        expires = str(root["notAfter"])
        if ssl.cert_time_to_seconds(expires) < time.time():
            path = settings[f"{protocol}-root-cert"]
            raise OptionError(f'Bad option: "--{protocol}-root-cert".\n{path}: a certificate has expired ({expires})')
    _shake_hands(context, f"{protocol}-server-cert", settings[f"{protocol}-server-cert"])


def server_context(settings: Settings, protocol: str) -> ssl.SSLContext:
    """Make what a protocol's TLS connections are made of. Raises OptionError."""
    cert, key = settings[f"{protocol}-server-cert"], settings[f"{protocol}-server-key"]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _LEAST_VERSION
    for file, path in (("server-cert", cert), ("server-key", key)):
        _check_readable(f"{protocol}-{file}", path)
    try:
        context.load_cert_chain(cert, key, password=_no_password)
    except (ssl.SSLError, ValueError) as error:
        raise _bad(f"{protocol}-server-cert", f"{cert} and {key} are no certificate and its key (PEM)", error) from None
    if settings[f"{protocol}-use-ssl-mutual"]:
        root = settings[f"{protocol}-root-cert"]
        _check_readable(f"{protocol}-root-cert", root)
        try:
            context.load_verify_locations(root)
        except ssl.SSLError as error:
            raise _bad(f"{protocol}-root-cert", f"{root} holds no certificates (PEM)", error) from None
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _shake_hands(server_side: ssl.SSLContext, option: str, cert: str) -> None:
    """Look at a certificate as a client does that trusts its issuer."""
    server_side.verify_mode = ssl.CERT_NONE  # This client has none of its own.
    client_side = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client_side.check_hostname = False
    client_side.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    client_side.load_verify_locations(cert)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = server_side.wrap_bio(to_server, to_client, server_side=True)
    client = client_side.wrap_bio(to_client, to_server)
    for _ in range(_MOST_ROUNDS):
        try:
            client.do_handshake()
            return
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLCertVerificationError as error:
            raise OptionError(f'Bad option: "--{option}".\n{cert}: {error.verify_message}') from None
        try:
            server.do_handshake()
        except ssl.SSLWantReadError:
            continue


def _check_readable(option: str, path: str) -> None:
    try:
        with open(path, "rb") as file:
            file.read(1)
    except OSError as error:
        raise OptionError(f'Bad option: "--{option}".\n{path} cannot be read: {error.strerror}') from None


def _bad(option: str, text: str, error: Exception) -> OptionError:
    reason = getattr(error, "reason", None) or str(error)
    return OptionError(f'Bad option: "--{option}".\n{text}: {reason}')


def _no_password() -> str:
    raise ValueError("the key is encrypted, and nobody can be asked for its password")

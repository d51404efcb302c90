"""`triton-lite serve`: from arguments to a running server."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from triton_lite.errors import TritonError
from triton_lite.options import OptionError, Settings, load

if TYPE_CHECKING:
    from triton_lite.cli.children import Programs


def serve(arguments: Sequence[str], programs: Programs | None = None) -> int:
    """Serve until a signal comes. Exit code: 0 after an orderly stop, 1 if the server could not start or broke.

    programs: what is run for each process, if not the real ones.
    """
    if "--help" in arguments or "-h" in arguments:
        from triton_lite.options.help import usage

        print("Usage: triton-lite serve [OPTIONS] [REPOSITORY or FILE.onnx ...]\n" + usage())
        return 0
    try:
        settings = read_settings(arguments)
        return _run(settings, programs)
    except (OptionError, TritonError) as error:
        print(f"triton-lite: {error}", file=sys.stderr)
        return 1


def read_settings(arguments: Sequence[str]) -> Settings:
    """Parse the arguments of `serve`; those that are no option are repositories. Raises OptionError."""
    settings, paths = load(arguments)
    for path in paths:
        if not os.path.exists(path):
            raise OptionError(f"Unexpected argument: {path} (neither an option nor a repository or ONNX file)")
    if paths:
        settings = settings.replaced(model_repository=(*settings.texts("model-repository"), *paths))
    return settings


def _run(settings: Settings, programs: Programs | None) -> int:
    from triton_lite.cli.children import Commands, Programs
    from triton_lite.cli.log import log_here
    from triton_lite.cli.ports import claim_ports
    from triton_lite.cli.private_place import private_place
    from triton_lite.cli.supervisor import Supervisor
    from triton_lite.guard.exposure import exposure

    check_files(settings)
    with claim_ports(settings) as ports, private_place(settings) as place:
        log = log_here(settings, place)
        for warning in settings.warnings:
            log.warning(warning)
        for line in exposure(settings):
            log.info(line)
        return Supervisor(settings, ports, Commands(settings, ports, place, programs or Programs())).run()


def check_files(settings: Settings) -> None:
    """Refuse files of TLS and API keys that cannot be used. Raises OptionError."""
    from triton_lite.options.rules import uses_tls

    for protocol in ("http", "grpc"):
        if settings[f"allow-{protocol}"] and uses_tls(settings.values, protocol):
            from triton_lite.guard.certificates import check_certificates

            check_certificates(settings, protocol)
    if settings["api-keys-file"]:
        from triton_lite.guard.guard import read_key_file

        read_key_file(settings)

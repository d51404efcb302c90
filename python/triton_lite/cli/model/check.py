"""`triton-lite model check`: everything that is wrong with a repository, at once."""

from __future__ import annotations

import argparse
import json
import logging
import os
from collections.abc import Sequence

from triton_lite.check import CheckOptions, Finding, check_repository
from triton_lite.cli.model.usage_error import UsageError
from triton_lite.config.backends import TRITON_DIRECTORY


def describe(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "repository", nargs="+", metavar="DIR", help="a model repository; several are checked as one server has them"
    )
    parser.add_argument("--model-config-name", default="", metavar="NAME", help="as of `triton-lite serve`")
    parser.add_argument(
        "--backend-directory", default=TRITON_DIRECTORY, metavar="FOLDER", help="as of `triton-lite serve`"
    )
    parser.add_argument("--disable-auto-complete-config", action="store_true", help="as of `triton-lite serve`")
    parser.add_argument("--model-namespacing", action="store_true", help="as of `triton-lite serve`")
    parser.add_argument(
        "--gpus", metavar="LIST", help="GPUs of the machine that will serve, as 0,1 or none (default: of this machine)"
    )
    parser.add_argument("--no-open", action="store_true", help="do not load the models' files")
    parser.add_argument("--errors-only", action="store_true", help="leave out warnings")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Check repositories; returns 1 when something is wrong. Raises UsageError."""
    logging.getLogger("triton_lite").addHandler(logging.NullHandler())  # What it would warn of is found.
    options = CheckOptions(
        model_config_name=arguments.model_config_name,
        backend_directory=arguments.backend_directory,
        disable_auto_complete_config=arguments.disable_auto_complete_config,
        model_namespacing=arguments.model_namespacing,
        gpus=_gpus(arguments.gpus),
        open_files=not arguments.no_open,
    )
    findings = [
        finding
        for finding in check_repository(arguments.repository, options)
        if finding.severity == "error" or not arguments.errors_only
    ]
    errors = sum(finding.severity == "error" for finding in findings)
    warnings = len(findings) - errors
    if arguments.json:
        content = {"errors": errors, "warnings": warnings, "findings": [finding.as_json() for finding in findings]}
        print(json.dumps(content, indent=2))
    else:
        print("".join(f"{as_text(finding)}\n" for finding in findings) + _summary(errors, warnings))
    return 1 if findings else 0


def as_text(finding: Finding) -> str:
    """Spell a finding as compilers do, so that editors find the place."""
    path = os.path.relpath(finding.path)
    path = finding.path if path.startswith(os.pardir) else path
    place = f"{path}:{finding.line}:{finding.column}" if finding.line else path
    lines = [f"{place}: {finding.severity}: {finding.text}"]
    for what, text in (("field", finding.field), ("expected", finding.expected), ("write", finding.write)):
        if text:
            lines.append(f"    {what}: {text}")
    return "\n".join(lines)


def _summary(errors: int, warnings: int) -> str:
    counts: Sequence[tuple[int, str]] = ((errors, "error"), (warnings, "warning"))
    told = [f"{count} {what}{'s' if count > 1 else ''}" for count, what in counts if count]
    return ", ".join(told) if told else "nothing is wrong"


def _gpus(given: str | None) -> frozenset[int] | None:
    if given is None:
        return None
    if given == "none":
        return frozenset()
    try:
        return frozenset(int(part) for part in given.split(","))
    except ValueError:
        raise UsageError(f"--gpus {given}: expected ids of GPUs, as 0,1, or none") from None

"""Loads the files of models, completes the configurations from them, and compares the two."""

from __future__ import annotations

import difflib
import importlib
from functools import partial
from typing import Any

from triton_lite.check.faults import all_faults, copy_of
from triton_lite.check.finding import Findings
from triton_lite.check.model import Candidate
from triton_lite.check.options import CheckOptions
from triton_lite.check.python_model import check_python_model
from triton_lite.check.repairs import signature_repairs
from triton_lite.check.versions import is_known_backend
from triton_lite.config import backends, rules, signature_rules
from triton_lite.config.autocomplete import autocomplete
from triton_lite.config.error import ConfigError
from triton_lite.config.normalize import normalize
from triton_lite.config.signature import Signature
from triton_lite.config.spec import VersionFiles, opening_spec
from triton_lite.engine import onnxruntime_library
from triton_lite.errors import TritonError

_DEFAULT_MAX_BATCH_SIZE = "4"


class ModelFiles:
    """Opens models in a data plane of its own, which serves nothing."""

    def __init__(self, options: CheckOptions) -> None:
        self._options = options
        self._native: Any = importlib.import_module("triton_lite._native")
        self._engine: Any = self._native.Engine()
        self._runtime_ready = False

    def complete(self, candidate: Candidate, files: VersionFiles, findings: Findings) -> None:
        """Open one version, complete the configuration from it, and compare it with what the file has."""
        config = candidate.config
        if config is None or not candidate.backend_known:
            return
        if ("runtime",) in candidate.faulty and config.backend not in backends.OWN:
            return  # There is nothing to ask.
        if config.backend == backends.PYTHON or backends.is_python_based(config):
            check_python_model(candidate, files, self._options, findings)
            return
        settings = self._options.settings_of(*backends.settings_of(config))
        try:
            signature = self._open(candidate, files, settings)
        except TritonError as error:
            self._report(candidate, files, error, findings)
            return
        if ("max_batch_size",) in candidate.faulty:
            config.max_batch_size = _largest_batch(signature)
        try:
            if not self._options.disable_auto_complete_config or candidate.source.bare_file:
                autocomplete(config, signature, int(settings.get("default-max-batch-size", _DEFAULT_MAX_BATCH_SIZE)))
                normalize(config)
            rules.check_given(config, provided=candidate.provided, completed=signature.known)
        except ConfigError as error:
            candidate.add(error, findings)
            return
        _compare(candidate, signature, findings)

    def _open(self, candidate: Candidate, files: VersionFiles, settings: dict[str, str]) -> Signature:
        assert candidate.config is not None
        config = copy_of(candidate.config)
        config.ClearField("instance_group")  # The GPUs that it names may be those of another machine.
        if config.backend == backends.ONNXRUNTIME and not self._runtime_ready:
            self._native.configure_onnxruntime(onnxruntime_library.find_library())
            self._runtime_ready = True
        signature: Signature = self._engine.open_model(opening_spec(self._native, config, files, settings)).signature
        return signature

    def _report(self, candidate: Candidate, files: VersionFiles, error: TritonError, findings: Findings) -> None:
        assert candidate.config is not None
        backend = candidate.config.backend
        if error.text.startswith("unable to find backend library"):
            near = difflib.get_close_matches(backend, [known.backend for known in backends.KNOWN], 1)
            missing = ConfigError(
                error.text,
                field=("backend",),
                expected="a backend that this server has"
                + (f"; '{backend}' is one of Triton's that it does not" if is_known_backend(backend) else ""),
                write=f'backend: "{near[0] if near and near[0] != backend else backends.ONNXRUNTIME}"',
            )
            candidate.add(missing, findings)
            return
        candidate.faulty.add(("default_model_filename",))
        findings.of_file(
            files.model_file,
            error.text,
            expected=f"a file that backend {backend} loads",
            write=f"cp FILE {files.model_file}, with a model that was exported anew",
        )


def _largest_batch(signature: Signature) -> int:
    """Stand in for a max_batch_size that is wrong, so that the tensors can still be compared."""
    tensors = [*signature.inputs, *signature.outputs]
    return 1 if tensors and all(tensor.dims and tensor.dims[0] == -1 for tensor in tensors) else 0


def _compare(candidate: Candidate, signature: Signature, findings: Findings) -> None:
    config = candidate.config
    if config is None or not signature.known:
        return
    names = {tensor.name for tensor in signature.inputs}
    for rule in (
        signature_rules.controls_fit,
        signature_rules.input_count_fits,
        signature_rules.inputs_fit,
        signature_rules.outputs_fit,
    ):
        if rule is signature_rules.input_count_fits and any(tensor.name not in names for tensor in config.input):
            continue  # A wrong name also makes a wrong count: only the name is reported.
        for error in all_faults(partial(_ask, rule, signature), config, partial(signature_repairs, signature)):
            candidate.add(error, findings)


def _ask(rule: Any, signature: Signature, config: Any) -> None:
    rule(config, signature)

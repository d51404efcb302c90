"""Which versions of a model are served."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from triton_lite.proto import messages

_log = logging.getLogger(__name__)


def select(config: messages.ModelConfig, available: Sequence[int]) -> list[int]:
    """Apply the version policy of a complete configuration to the versions that are there. Ascending."""
    policy = config.version_policy
    choice = policy.WhichOneof("policy_choice")
    if choice in ("all", None):  # An empty policy allows everything.
        return sorted(available)
    if choice == "specific":
        for version in policy.specific.versions:
            if version not in available:
                _log.error(
                    "version %d is specified for model '%s', but the version directory is not present",
                    version,
                    config.name,
                )
        return sorted(set(policy.specific.versions) & set(available))
    number = policy.latest.num_versions
    return sorted(available)[-number:] if number else []

"""Model repositories that several tests serve."""

from __future__ import annotations

from pathlib import Path

MODELS = Path(__file__).resolve().parents[1] / "models"
_IDENTITY = """\
backend: "identity"
max_batch_size: 0
input [ { name: "INPUT0" data_type: TYPE_UINT8 dims: [ -1 ] } ]
output [ { name: "OUTPUT0" data_type: TYPE_UINT8 dims: [ -1 ] } ]
"""


def write_identity(repository: Path, name: str = "plain_identity") -> Path:
    """Add a model that answers INPUT0, [n] UINT8, as OUTPUT0; returns the repository."""
    (repository / name / "1").mkdir(parents=True)
    (repository / name / "config.pbtxt").write_text(_IDENTITY)
    return repository

"""docs/model_configuration.md names every field of ModelConfig."""

import re
from pathlib import Path

from triton_lite.proto import messages

PAGE = Path(__file__).parents[2] / "docs" / "model_configuration.md"


def fields(message, seen=()):
    """Yield the name of every field, those of nested messages included."""
    for field in message.fields:
        if field.message_type is None or not field.message_type.GetOptions().map_entry:
            yield field.name
        else:
            yield field.name
            field = field.message_type.fields_by_name["value"]
        if field.message_type is not None and field.message_type not in seen:
            yield from fields(field.message_type, (*seen, field.message_type))


def test_every_field_has_its_place():
    rows = "\n".join(line for line in PAGE.read_text().splitlines() if line.startswith("| `"))
    spelled = set(re.findall(r"\w+", rows))
    assert sorted(set(fields(messages.ModelConfig.DESCRIPTOR)) - spelled) == []

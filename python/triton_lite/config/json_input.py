"""Reads a configuration that is given as JSON: the parameter `config` of a load.

Protocol: model repository extension, load. Field names as in the .proto file or in camel case, 64-bit numbers as
numbers or strings, enum values by name (case and dashes do not matter) or number, null for "not given".
"""

from __future__ import annotations

from typing import Any, TypeGuard

from triton_lite.config import json_text
from triton_lite.config.error import ConfigError, FieldPath
from triton_lite.config.json_form import is_repeated
from triton_lite.config.json_scalar import NoFit, convert, spelled, type_name
from triton_lite.config.json_text import Members, Value
from triton_lite.proto import messages

_NO_NAME = "Proto fields must have a name."


def from_json(text: str) -> messages.ModelConfig:
    """Parse a configuration. Raises ConfigError (INVALID_ARGUMENT) with protobuf's text as Triton logs it.

    Of several faults the last one is named, as Triton does; but a fault of the syntax goes before all others.
    """
    # Triton hands the text on as a C string.
    root = json_text.parse(text.partition("\0")[0])
    config = messages.ModelConfig()
    writer = _Writer()
    if isinstance(root, Members):
        writer.write_message(config, root, _Place())
    else:
        writer.refuse_name(_Place(), "", "Root element must be a message.")
    if writer.error is not None:
        try:
            raise writer.error
        finally:
            writer = _Writer()  # Or the error would hold the frame that holds it, and all that called this.
    return config


class _Place:
    """Where the writer is, as it spells it in errors: input[0].dims[1]. Lists count what was written into them."""

    def __init__(self, parent: _Place | None = None, field: Any = None, *, is_list: bool = False) -> None:
        self._parent = parent
        self._field = field
        self._is_list = is_list
        self._count = 0
        if parent is not None and parent._is_list and not is_list:
            parent._count += 1

    def path(self) -> FieldPath:
        """Return the path of fields and indices."""
        if self._parent is None:
            return ()
        path = self._parent.path()
        if self._parent._field is not self._field:
            path = (*path, self._field.name)
        return (*path, self._count - 1) if self._count else path

    def spelled(self) -> str:
        """Return the path in parentheses, or nothing for the configuration itself."""
        name = ""
        for part in self.path():
            name += f"[{part}]" if isinstance(part, int) else f".{part}" if name else part
        return f"({name})" if name else ""


class _Writer:
    """Writes JSON values into messages; `error` is the last fault."""

    def __init__(self) -> None:
        self.error: ConfigError | None = None

    def refuse_name(self, place: _Place, name: str, reason: str, field: FieldPath = ()) -> None:
        """Note that a name cannot stand where it does."""
        where = place.spelled()
        self.error = ConfigError(f"{where} {name}: {reason}" if where else f"{name}: {reason}", field=field)

    def refuse_value(self, place: _Place, kind: str, value: str, expected: str = "") -> None:
        """Note that a value does not fit."""
        text = f"{place.spelled()}: invalid value {value} for type {kind}"
        self.error = ConfigError(text, field=place.path(), expected=expected)

    def write_message(self, message: Any, members: Members, place: _Place) -> None:
        """Write the members of an object into a message."""
        taken: set[str] = set()
        for name, value in members:
            field = self._field(message, name, place)
            if field is None or value is None:
                continue
            if _is_list(value) and not is_repeated(field):
                self.refuse_name(place, name, "Proto field is not repeating, cannot start list.", (field.name,))
            elif self._take_choice(field, name, taken, place):
                self._write(message, field, name, value, place)

    def _field(self, message: Any, name: str, place: _Place) -> Any:
        fields = message.DESCRIPTOR.fields_by_name
        field = message.DESCRIPTOR.fields_by_camelcase_name.get(name) or fields.get(name)
        if field is None:
            self.refuse_name(place, name, "Cannot find field." if name else _NO_NAME, place.path())
            if self.error is not None:
                self.error.expected = "one of " + ", ".join(sorted(fields))
        return field

    def _take_choice(self, field: Any, name: str, taken: set[str], place: _Place) -> bool:
        """Choose one of several; more than once is an error, even for the same."""
        choice = field.containing_oneof
        if choice is None:
            return True
        if choice.name in taken:
            value = f"oneof field '{choice.name}' is already set. Cannot set '{name}'"
            self.refuse_value(place, "oneof", value)
            return False
        taken.add(choice.name)
        return True

    def _write(self, message: Any, field: Any, name: str, value: Value, place: _Place) -> None:
        if _is_map(field):
            self._write_map(message, field, name, value, place)
        elif _is_list(value):
            self._write_list(message, field, value, _Place(place, field, is_list=True))
        else:
            self._write_one(message, field, value, place)

    def _write_list(self, message: Any, field: Any, items: list[Value], place: _Place) -> None:
        for item in items:
            if _is_list(item):
                self._write_list(message, field, item, _Place(place, field, is_list=True))
            elif item is not None:
                self._write_one(message, field, item, place)

    def _write_one(self, message: Any, field: Any, value: Value, place: _Place) -> None:
        """Write an object or a scalar into a field; into a repeated one, as one more."""
        if isinstance(value, Members):
            if field.message_type is None:
                self.refuse_value(place, field.name, "Starting an object on a scalar field")
                return
            inner = getattr(message, field.name)
            target = inner.add() if is_repeated(field) else inner
            target.SetInParent()
            self.write_message(target, value, _Place(place, field))
            return
        converted = self._converted(field, value, _Place(place, field))
        if converted is None:
            return
        if is_repeated(field):
            getattr(message, field.name).append(converted)
        else:
            setattr(message, field.name, converted)

    def _converted(self, field: Any, value: Value, place: _Place) -> Any:
        """Return a scalar as the field has it, or None when it does not fit."""
        try:
            return convert(field, value)
        except NoFit as reason:
            self.refuse_value(place, type_name(field), spelled(value), str(reason))
            return None

    def _write_map(self, message: Any, field: Any, name: str, value: Value, place: _Place) -> None:
        if not isinstance(value, Members):
            if isinstance(value, list):
                self.refuse_value(place, "Map", f"Cannot bind a list to map for field '{name}'.")
            else:
                self._converted(field, value, _Place(place, field))
            return
        entries = _Place(place, field, is_list=True)
        keys: set[str] = set()
        for key, item in value:
            if key in keys:
                self.refuse_name(entries, key, f"Repeated map key: '{key}' is already set.", entries.path())
                continue
            keys.add(key)
            self._write_entry(getattr(message, field.name), field, key, item, _Place(entries, field))

    def _refuse_object(self, members: Members, place: _Place) -> None:
        """Refuse an object where a map has scalars: protobuf looks for its members, or notices in the end."""
        for name, _ in members:
            self.refuse_name(place, name, "Cannot find field." if name else _NO_NAME, place.path())
        if self.error is None:
            self.error = ConfigError("JSON transcoder produced invalid protobuf output.", field=place.path())

    def _write_entry(self, target: Any, field: Any, name: str, value: Value, place: _Place) -> None:
        fields = field.message_type.fields_by_name
        key = self._converted(fields["key"], name, _Place(place, fields["key"]))
        of = fields["value"]
        inside = _Place(place, of)
        if _is_list(value):
            self.refuse_value(inside, "Map", f"Cannot have repeated items ('{name}') within a map.")
            if value:
                self.refuse_name(inside, "", _NO_NAME, inside.path())
        elif of.message_type is not None:
            inner = type(target.GetEntryClass()().value)()
            if isinstance(value, Members):
                self.write_message(inner, value, inside)
            elif value is not None:
                self._converted(of, value, inside)
            if key is not None:
                target[key].CopyFrom(inner)
        elif isinstance(value, Members):
            self._refuse_object(value, inside)
        elif key is not None:
            converted = of.default_value if value is None else self._converted(of, value, inside)
            if converted is not None:
                target[key] = converted


def _is_list(value: Value) -> TypeGuard[list[Value]]:
    return isinstance(value, list) and not isinstance(value, Members)


def _is_map(field: Any) -> bool:
    return field.message_type is not None and bool(field.message_type.GetOptions().map_entry)

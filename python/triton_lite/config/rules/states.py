"""Rules of the implicit states of sequences, which the sequence batcher checks when it is made."""

from __future__ import annotations

from triton_lite.config.error import ConfigError, FieldPath
from triton_lite.config.rules.sizes import VARIABLE, byte_size
from triton_lite.proto import messages


def check_states(config: messages.ModelConfig) -> None:
    """Apply every rule to the initial value of each state, in their order. Raises ConfigError."""
    initialized: set[str] = set()
    for index, state in enumerate(config.sequence_batching.state):
        field: FieldPath = ("sequence_batching", "state", index, "initial_state")
        if len(state.initial_state) > 1:
            raise ConfigError(
                f"initial_state field for state input '{state.input_name}' must contain exactly one or zero element."
                f" Found '{len(state.initial_state)}' elements.",
                field=(*field, 1),
                write="one initial_state",
            )
        for initial in state.initial_state:
            for rule in _RULES:
                try:
                    rule(state, initial)
                except ConfigError as error:
                    error.field = (*field, 0, *error.field)
                    raise
                if rule is is_named and state.input_name in initialized:
                    raise ConfigError(
                        f"State input name '{state.input_name}' specified more than once.",
                        field=("sequence_batching", "state", index, "input_name"),
                        expected="one state for each input",
                    )
            initialized.add(state.input_name)


def has_type_of_state(state: messages.Message, initial: messages.Message) -> None:
    """The initial value has the type of its state."""
    if initial.data_type != state.data_type:
        raise ConfigError(
            f"The data type used for 'initial_state' field of state '{state.input_name}' does not match the state data"
            " type.",
            field=("data_type",),
            expected="the data_type of the state",
        )


def is_named(state: messages.Message, initial: messages.Message) -> None:
    """The initial value has a name."""
    if not initial.name:
        raise ConfigError(
            f"Field 'name' must be set when using initial_state for state input '{state.input_name}'.",
            field=("name",),
            write='name: "…" in initial_state',
        )


def has_dims_of_state(state: messages.Message, initial: messages.Message) -> None:
    """The initial value has the shape of its state, with sizes where that varies."""
    if len(initial.dims) != len(state.dims):
        raise ConfigError(
            "Number of dimensions in 'initial_state' doesn't match the size of 'state' dimensions for state input"
            f" '{state.input_name}'. {len(initial.dims)} != {len(state.dims)}",
            field=("dims",),
            expected="as many dims as the state has",
        )
    for index, (size, of_state) in enumerate(zip(initial.dims, state.dims, strict=True)):
        if size == VARIABLE:
            raise ConfigError(
                f"'initial_state' field for state input name '{state.input_name}' contains variable dimensions.",
                field=("dims", index),
                write="the size of the initial value instead of -1",
            )
        if of_state not in (VARIABLE, size):
            raise ConfigError(
                f"'initial_state' dim for input name '{state.input_name}' doesn't match 'state' dim description."
                f" {size} != {of_state}",
                field=("dims", index),
                write=str(of_state),
            )


def has_size(state: messages.Message, initial: messages.Message) -> None:
    """The initial value is no larger than memory can be."""
    try:
        byte_size(initial.data_type, initial.dims, state.input_name)
    except ConfigError as error:
        error.field = ("dims",)
        raise


def has_data(state: messages.Message, initial: messages.Message) -> None:
    """The initial value says where its data come from."""
    if initial.WhichOneof("state_data") is None:
        raise ConfigError(
            f"initial_state setting expects state'{state.input_name}' to have state_data set",
            write="zero_data: true, or data_file",
        )


_RULES = (has_type_of_state, is_named, has_dims_of_state, has_size, has_data)

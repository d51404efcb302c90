"""Every option of the server, by group, in the order of the help."""

from triton_lite.options.catalog import backends, deprecated, grpc, hosting, http, memory, observability, own, server
from triton_lite.options.option import Option

OPTIONS: tuple[Option, ...] = (
    *server.OPTIONS,
    *http.OPTIONS,
    *grpc.OPTIONS,
    *observability.OPTIONS,
    *backends.OPTIONS,
    *memory.OPTIONS,
    *own.OPTIONS,
    *hosting.OPTIONS,
    *deprecated.OPTIONS,
)

_BY_NAME = {name: option for option in OPTIONS for name in (option.name, *option.aliases)}


def find(name: str) -> Option | None:
    """Return the option of this name or alias."""
    return _BY_NAME.get(name)

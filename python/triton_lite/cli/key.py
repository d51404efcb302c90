"""`triton-lite key`: makes an API key, and the line that a file of keys has for it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from triton_lite.guard import api_keys


def key(arguments: Sequence[str]) -> int:
    """Print a new key's line on the standard output, the key on the standard error output. Returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="triton-lite key",
        description="Make an API key. Prints its line for --api-keys-file, which holds only its hash; the key itself "
        "goes to the standard error output, once: triton-lite key alice --apis inference,metadata >> keys",
    )
    parser.add_argument("name", help="whose key it is: stands in error messages")
    parser.add_argument("--apis", default="*", help="the APIs that it opens, with commas between them (default: all)")
    parser.add_argument("--rate", default="", help="how many requests it may send, such as 100/s or 600/m")
    parser.add_argument("--burst", default="", help="how many of them at once (default: those of a second)")
    given = parser.parse_args(arguments)
    made = api_keys.new_key()
    limits = [f"{name}={value}" for name, value in (("rate", given.rate), ("burst", given.burst)) if value]
    line = " ".join((given.name, api_keys.hash_of(made), given.apis, *limits))
    try:
        api_keys.parse(line)
    except ValueError as error:
        print(f"triton-lite key: {str(error).removeprefix('line 1: ')}", file=sys.stderr)
        return 2
    print(line)
    print(made, file=sys.stderr)
    return 0

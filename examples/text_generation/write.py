#!/usr/bin/env python3
"""Let the model of train.py write, and print its characters as they come (generate_stream; standard library only).

python examples/text_generation/write.py [--url HOST:PORT] [--tokens N] [--temperature T] [--seed N] [TEXT]
"""

from __future__ import annotations

import argparse
import json
import urllib.request
from collections.abc import Iterator
from typing import Any


def stream(url: str, **body: Any) -> Iterator[str]:
    """The characters of an answer, each as soon as it is there."""
    address = f"http://{url}/v2/models/writer/generate_stream"
    request = urllib.request.Request(address, json.dumps({**body, "stream": True}).encode())
    with urllib.request.urlopen(request) as events:
        for line in events:
            if line.startswith(b"data: "):
                event = json.loads(line.removeprefix(b"data: "))
                if "error" in event:
                    raise RuntimeError(event["error"])
                yield event["text_output"]


def main() -> None:
    """Print the text and how it goes on."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="localhost:8000")
    parser.add_argument("--tokens", type=int, default=200)
    parser.add_argument("--temperature", type=float, default=0.7)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("text", nargs="?", default="The class statement ")
    options = parser.parse_args()
    print(options.text, end="", flush=True)
    given = {"max_tokens": options.tokens, "temperature": options.temperature, "random_seed": options.seed}
    for character in stream(options.url, text_input=options.text, **given):
        print(character, end="", flush=True)
    print()


if __name__ == "__main__":
    main()

"""guard/api_keys.py: what a file of keys may say."""

from __future__ import annotations

import pytest

from triton_lite.guard import api_keys
from triton_lite.guard.rate import Rate
from triton_lite.options.values import RESTRICTABLE

KEY = "tl_" + "k" * 43
HASH = api_keys.hash_of(KEY)
OTHER = api_keys.hash_of("another")


def test_finds_by_the_key_alone() -> None:
    keys = api_keys.parse(f"# people\n\nalice {HASH} inference,health rate=10/s burst=20\nbob {OTHER} *\n")
    alice = keys.find(KEY)
    assert alice == api_keys.ApiKey("alice", frozenset({"inference", "health"}), Rate(100_000_000, 20))
    assert keys.find("another") == api_keys.ApiKey("bob", frozenset(RESTRICTABLE))
    assert keys.find(HASH) is None  # Who reads the file has no key.
    assert keys.find("") is None
    assert keys.anonymous is None


def test_requests_without_a_key() -> None:
    assert api_keys.parse("anonymous - health").anonymous == api_keys.ApiKey("anonymous", frozenset({"health"}))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("alice", "line 1: NAME HASH APIS"),
        (f"# one\nalice {HASH[:-1]} *", "line 2: alice: the key's hash was expected"),
        (f"alice {KEY} *", "the key's hash was expected"),
        (f"alice {HASH} inference,infer", "unknown API 'infer'"),
        (f"alice {HASH} *,health", "unknown API '*'"),
        (f"alice {HASH} * speed=3", "speed=3: rate="),
        (f"alice {HASH} * rate=1/s rate=2/s", "once each"),
        (f"alice {HASH} * rate=10", "a number of requests was expected"),
        (f"alice {HASH} * rate=0/s", "a number of requests was expected"),
        (f"alice {HASH} * burst=2", "burst= needs rate="),
        (f"alice {HASH} * rate=1/s burst=0", "burst=0"),
        ("alice - *", "stands for the key of anonymous"),
        (f"anonymous {HASH} *", "stands for the key of anonymous"),
        (f"alice {HASH} *\nalice {OTHER} *", "line 2: the name alice is there twice"),
        (f"alice {HASH} *\nbob {HASH} *", "line 2: alice has the same key"),
        ("\n".join(f"k{n} {api_keys.hash_of(str(n))} *" for n in range(4097)), "at most 4096"),
    ],
)
def test_says_what_is_wrong_and_where(text: str, reason: str) -> None:
    with pytest.raises(ValueError) as refused:
        api_keys.parse(text)
    assert reason in str(refused.value)


def test_new_keys_are_long_and_fit_into_a_header() -> None:
    made = {api_keys.new_key() for _ in range(100)}
    assert len(made) == 100
    assert all(len(key) > 40 and key.isascii() and key.isprintable() and " " not in key for key in made)

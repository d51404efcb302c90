"""The local response cache: random lookups and answers against a plain model of the least recently used."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from schedule.driver import Driver, driver

pytestmark = pytest.mark.timeout(1300)

SMALLEST = 500  # Bytes of an entry with hardly any output, its bookkeeping included, at least.


class LocalCache(RuleBasedStateMachine):
    program: Driver

    @initialize(capacity=st.sampled_from([0, SMALLEST // 2, 2000, 5000, 20000]))
    def make(self, capacity: int) -> None:
        self.capacity = capacity
        self.entries: OrderedDict[int, tuple[int, str]] = OrderedDict()  # The least recently used first.
        self.count = 0
        self.program.command("make", capacity)

    @rule(key=st.integers(1, 12), byte_size=st.sampled_from([0, 1, 64, 65, 700, 1500, 6000, 30000]))
    def insert(self, key: int, byte_size: int) -> None:
        self.count += 1
        reply = self.program.command("insert", key, byte_size, f"answer{self.count}")
        if key in self.entries:
            assert reply == f"key '{key}' already exists"
            return
        if reply.startswith("Requested byte_size: "):
            taken = int(reply.split(" ")[2])
            assert taken > self.capacity
            assert reply.endswith(f" is greater than total cache size: {self.capacity}")
        else:
            taken = int(reply.split(" ")[1])
            assert taken <= self.capacity
            while self.byte_size() + taken > self.capacity:
                self.entries.popitem(last=False)
            self.entries[key] = (taken, f"answer{self.count}")
        assert byte_size + 200 < taken < byte_size + 2000

    @rule(key=st.integers(1, 12))
    def find(self, key: int) -> None:
        expected = self.entries[key][1] if key in self.entries else "miss"
        if key in self.entries:
            self.entries.move_to_end(key)
        assert self.program.command("find", key) == expected

    @invariant()
    def holds_what_the_model_holds(self) -> None:
        if hasattr(self, "entries"):
            assert self.program.command("state") == f"{len(self.entries)} {self.byte_size()}"

    def byte_size(self) -> int:
        return sum(taken for taken, _ in self.entries.values())


@pytest.fixture(scope="module", autouse=True)
def _program() -> Iterator[None]:
    with driver("cache_local_cache_driver") as started:
        LocalCache.program = started
        yield


TestLocalCache = LocalCache.TestCase
TestLocalCache.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)

"""The rules of the dynamic batcher as the model configuration documents them, as plainly as they can be said."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import strategies as st

MICROSECOND = 1000


@dataclass
class Policy:
    """A ModelQueuePolicy."""

    delay: bool = False  # The timeout action: behind the others instead of rejected.
    timeout: int = 0  # Microseconds; 0: none.
    override: bool = False
    limit: int = 0

    def text(self) -> str:
        return f"{int(self.delay)},{self.timeout},{int(self.override)},{self.limit}"

    def timeout_of(self, wanted: int) -> int:
        shorter = self.override and 0 < wanted < self.timeout
        return wanted if shorter else self.timeout


@dataclass
class Request:
    name: str
    arrived: int
    size: int
    shape: int
    expires: int | None
    cancelled: bool = False
    late: bool = False


@dataclass
class Config:
    max_batch: int
    preferred: list[int]
    delay: int
    levels: int
    default_level: int
    default: Policy
    own: dict[int, Policy]

    def policy(self, level: int) -> Policy:
        return self.own.get(level, self.default)

    def fields(self) -> dict[str, object]:
        """The same for "make" of tests/native/schedule/batch_model.h."""
        fields: dict[str, object] = {"policy": self.default.text()}
        fields |= {f"policy__{level}": policy.text() for level, policy in self.own.items()}
        if self.preferred:
            fields["preferred"] = ",".join(map(str, self.preferred))
        return fields | {
            "dynamic": 1,
            "max_batch": self.max_batch,
            "delay": self.delay,
            "levels": self.levels,
            "default_level": self.default_level,
            "input": "IN:-1",
        }


@dataclass
class Model:
    """What waits, and what becomes of it at a given time (nanoseconds)."""

    config: Config
    levels: dict[int, list[Request]] = field(default_factory=dict)  # Each: in time first, then the late ones.

    def push(self, name: str, now: int, size: int, shape: int, priority: int, timeout: int) -> bool:
        config = self.config
        level = priority if 0 < priority <= config.levels else config.default_level
        if config.levels == 0:
            level = 0
        policy = config.policy(level)
        queue = self.levels.setdefault(level, [])
        if policy.limit and len(queue) >= policy.limit:
            return False
        timeout = policy.timeout_of(timeout)
        expires = now + timeout * MICROSECOND if timeout else None
        in_time = [one for one in queue if not one.late]
        late = [one for one in queue if one.late]
        self.levels[level] = [*in_time, Request(name, now, size, shape, expires), *late]
        return True

    def waiting(self) -> list[Request]:
        return [one for level in sorted(self.levels) for one in self.levels[level]]

    def remove(self, gone: list[Request]) -> None:
        for level, queue in self.levels.items():
            self.levels[level] = [one for one in queue if one not in gone]

    def expire(self, now: int) -> set[str]:
        rejected: list[Request] = []
        for level, queue in self.levels.items():
            over = [one for one in queue if one.expires is not None and not one.late and now > one.expires]
            if self.config.policy(level).delay:
                in_time = [one for one in queue if one not in over and not one.late]
                late = [one for one in queue if one.late]
                for one in over:
                    one.late = True
                self.levels[level] = in_time + late + over
            else:
                rejected += over
        self.remove(rejected)
        return {one.name for one in rejected}

    def decide(self, now: int) -> tuple[list[Request], int]:
        """The batch to run now, or nothing and when to look again."""
        config, queue = self.config, self.waiting()
        if not queue:
            return [], 0
        preferred = config.preferred or [config.max_batch]
        fits: list[Request] = []
        for one in queue:
            if fits and (sum(r.size for r in fits) + one.size > config.max_batch or one.shape != fits[0].shape):
                break
            fits.append(one)
        prefixes = [fits[: n + 1] for n in range(len(fits))]
        total = sum(one.size for one in fits)
        oldest = min(one.arrived for one in fits)
        due = oldest + config.delay * MICROSECOND
        if config.delay and now >= due:
            return fits, 0
        good = [prefix for prefix in prefixes if sum(one.size for one in prefix) in preferred]
        if good:
            return good[-1], 0
        for prefix, following in zip(prefixes, queue[1:], strict=False):
            if sum(one.size for one in prefix) + following.size > max(preferred):
                return prefix, 0
        can_grow = len(fits) == len(queue) and total < max(preferred)
        return ([], due) if config.delay and can_grow else (fits, 0)

    def take(self, now: int) -> tuple[set[str], set[str], list[str], int]:
        rejected = self.expire(now)
        cancelled: set[str] = set()
        while True:
            batch, again = self.decide(now)
            dropped = [one for one in batch if one.cancelled]
            if not dropped:
                break
            cancelled |= {one.name for one in dropped}
            self.remove(dropped)
        self.remove(batch)
        return rejected, cancelled, [one.name for one in batch], again


def policies(timeouts: list[int], override: st.SearchStrategy[bool]) -> st.SearchStrategy[Policy]:
    return st.builds(
        Policy,
        delay=st.booleans(),
        timeout=st.sampled_from(timeouts),
        override=override,
        limit=st.sampled_from([0, 0, 1, 3]),
    )


@st.composite
def configs(draw: st.DrawFn, policies: st.SearchStrategy[Policy], delays: list[int]) -> Config:
    max_batch = draw(st.integers(1, 8))
    levels = draw(st.sampled_from([0, 0, 1, 3]))
    own = draw(st.dictionaries(st.integers(1, levels), policies, max_size=levels)) if levels else {}
    return Config(
        max_batch=max_batch,
        preferred=draw(st.lists(st.integers(1, max_batch), max_size=2, unique=True)),
        delay=draw(st.sampled_from(delays)),
        levels=levels,
        default_level=draw(st.integers(1, levels)) if levels else 0,
        default=draw(policies),
        own=own,
    )

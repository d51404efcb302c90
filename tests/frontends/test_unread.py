"""Answers that are not read: what is beyond the limit is refused or waits, and nobody waits for ever."""

from __future__ import annotations

import asyncio

import pytest

from triton_lite.errors import Code, TritonError
from triton_lite.frontends.unread import COUNTED_BYTE_SIZE, UnreadAnswers

LARGE = 10 * COUNTED_BYTE_SIZE


def test_the_limit() -> None:
    unread = UnreadAnswers(2 * LARGE)
    unread.check(100 * LARGE)  # By itself.
    with unread.holding(LARGE):
        unread.check(LARGE)
        with unread.holding(LARGE):
            unread.check(COUNTED_BYTE_SIZE - 1)
            with pytest.raises(TritonError, match=r"--max-unread-byte-size") as raised:
                unread.check(COUNTED_BYTE_SIZE)
            assert raised.value.code is Code.UNAVAILABLE
        unread.check(LARGE)
        with pytest.raises(TritonError):
            unread.check(2 * LARGE)
    unread.check(100 * LARGE)


def test_streams_wait_for_room_one_after_another() -> None:
    async def body() -> None:
        unread = UnreadAnswers(LARGE)
        order: list[str] = []

        async def write(name: str) -> None:
            async with unread.waiting(LARGE):
                order.append(f"{name} begins")
                await asyncio.sleep(0)
                order.append(f"{name} ends")

        unread.add(LARGE)
        tasks = [asyncio.create_task(write(name)) for name in "abc"]
        await asyncio.sleep(0)
        tasks[1].cancel()  # Its client leaves.
        await asyncio.sleep(0)
        assert order == []
        unread.remove(LARGE)
        await asyncio.gather(*tasks, return_exceptions=True)
        assert order == ["a begins", "a ends", "c begins", "c ends"]
        unread.check(100 * LARGE)

    asyncio.run(asyncio.wait_for(body(), 30))

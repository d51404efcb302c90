"""The engine's memory regions in this process, and leases of blocks in them."""

from __future__ import annotations

import mmap
import os
from typing import TYPE_CHECKING, Any, Callable

import numpy as np

from .protocol import OFFSET_MASK, REGION_SHIFT

if TYPE_CHECKING:
    from .datatypes import Array


class Region:
    """A mapped region. It is unmapped when neither the arena nor a lease knows it any longer."""

    __slots__ = ("address", "mapping", "size")

    def __init__(self, descriptor: int, size: int) -> None:
        try:
            self.mapping = mmap.mmap(descriptor, size, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
        finally:
            os.close(descriptor)
        self.size = size
        self.address: int = np.frombuffer(self.mapping, np.uint8).__array_interface__["data"][0]


class Lease:
    """A block of the engine's that this process uses: it goes back when the last array upon it is gone.

    numpy keeps whatever an array was made of alive; this is what it keeps.
    """

    __slots__ = ("__array_interface__", "_give_back", "_place", "_region", "size")

    def __init__(self, region: Region, place: int, size: int, give_back: Callable[[int], None]) -> None:
        self._region = region
        self._place = place
        self.size = size
        self._give_back = give_back
        address = region.address + (place & OFFSET_MASK)
        self.__array_interface__ = {"shape": (size,), "typestr": "|u1", "data": (address, False), "version": 3}

    def __del__(self) -> None:
        self._give_back(self._place)


class Arena:
    """The regions of one lane, by number."""

    __slots__ = ("_give_back", "_regions", "_spans", "leases")

    def __init__(self, give_back: Callable[[int], None]) -> None:
        self._give_back = give_back
        self._regions: dict[int, Region] = {}
        self._spans: tuple[tuple[int, int, int], ...] = ()
        self.leases = 0
        """How many leases there have been."""

    def add(self, number: int, descriptor: int, size: int) -> None:
        """Map a region that the engine announced."""
        self._regions[number] = Region(descriptor, size)
        self._index()

    def drop(self, number: int) -> None:
        """Forget a region; leases still out keep it mapped."""
        self._regions.pop(number, None)
        self._index()

    def lease(self, place: int, size: int) -> Array:
        """Return the bytes of a block as an array that gives the block back when nothing uses it any longer."""
        self.leases += 1
        lease: Any = Lease(self._regions[place >> REGION_SHIFT], place, size, self._give_back)
        return np.asarray(lease)

    def place_of(self, address: int, size: int) -> int | None:
        """Return the place of memory that lies in this arena, None for all other."""
        for start, end, place in self._spans:
            if start <= address and address + size <= end:
                return place + address - start
        return None

    def _index(self) -> None:
        self._spans = tuple(
            (region.address, region.address + region.size, number << REGION_SHIFT)
            for number, region in self._regions.items()
        )

"""Where each scenario is: the file ``places`` has a line for each, and lines are only ever appended to it.

A line is ``id address file``: the scenario's id, its address of its own in 127.66.0.0/16, and the file of this package,
or of the recipes, that has its entry. So names, addresses and order are known without reading an entry, an address
that somebody has written into /etc/hosts never moves, and no entry is read before somebody asks for it.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

__all__ = ["Place", "free_address", "has_address", "places"]

_NETWORK = "127.66"
_SIZE = 1 << 16


class Place(NamedTuple):
    """A line without its id."""

    address: str
    """Empty for a scenario that is met by name and by port only."""
    file: str


def places(lines: Iterable[str]) -> dict[str, Place]:
    """Return each scenario's place by its id, in the catalogue's order: entries of one file stand together.

    A file stands where its first line is. Raises ValueError for a line that is none.
    """
    by_file: dict[str, list[tuple[str, Place]]] = {}
    for line in lines:
        identifier, address, file = line.split()
        by_file.setdefault(file, []).append((identifier, Place(address, file)))
    return {identifier: place for entries in by_file.values() for identifier, place in entries}


def free_address(identifier: str, taken: Container[str]) -> str:
    """Return the address for a new scenario: the one that follows from its id, or the next that nobody has."""
    wanted = int.from_bytes(hashlib.sha256(identifier.encode()).digest()[:2], "big")
    for number in range(wanted, wanted + _SIZE):
        high, low = number % _SIZE >> 8, number & 255
        address = f"{_NETWORK}.{high}.{low}"
        if low not in {0, 255} and address not in taken:  # addresses that look like a network's own are left out
            return address
    raise ValueError(f"no address is left in {_NETWORK}.0.0/16")


def has_address(address: str) -> bool:
    """Return whether an address is one of those at which scenarios are; asking costs nothing."""
    return address.startswith(f"{_NETWORK}.")

"""Where each scenario is: its names, and an address of its own in 127.66.0.0/16, the same in every run.

The address follows from the id alone. Where two ids want the same one, the later entry of the catalogue takes the next
that is free, so that adding an entry never moves those before it.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING

from labserver.catalogue.entries import CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["DOMAINS", "addresses", "has_address", "host_names", "hosts_entries", "scenario_named"]

DOMAINS = ("lab.test", "lab.localhost")
"""``<scenario>.<domain>`` is a scenario's host name, unless its recipe has it under another."""
_NETWORK = "127.66"
_SIZE = 1 << 16


def addresses(ids: Iterable[str] = CATALOGUE) -> dict[str, str]:
    """Return each scenario's address by its id; ids in the catalogue's order."""
    return dict(_places(tuple(ids)))


@lru_cache(maxsize=4)
def _places(ids: tuple[str, ...]) -> dict[str, str]:
    taken: dict[int, str] = {}
    for identifier in ids:
        place = int.from_bytes(hashlib.sha256(identifier.encode()).digest()[:2], "big")
        while place in taken or place % 256 in {0, 255}:  # addresses that look like a network's own are left out
            place = (place + 1) % _SIZE
        taken[place] = identifier
    return {identifier: f"{_NETWORK}.{place >> 8}.{place & 255}" for place, identifier in taken.items()}


def has_address(address: str) -> bool:
    """Return whether an address is one of those at which scenarios are; asking costs nothing."""
    return address.startswith(f"{_NETWORK}.")


def host_names(identifier: str) -> tuple[str, ...]:
    """Return the names to which clients of the scenario connect, one at least; or an address, or ``localhost``."""
    host = CATALOGUE[identifier].host.replace("{id}", identifier)
    return tuple(dict.fromkeys(host.replace("{lab}", domain) for domain in DOMAINS))


def hosts_entries(identifier: str) -> tuple[str, ...]:
    """Return the names that a hosts file must give the scenario, an absolute one (``x.``) without its dot, too.

    There are none where the scenario is met at an address or as ``localhost``, which mean this host everywhere.
    """
    if "{id}" not in CATALOGUE[identifier].host:
        return ()
    return tuple(dict.fromkeys(one for name in host_names(identifier) for one in (name, name.rstrip("."))))


def scenario_named(host: str) -> str | None:
    """Return the id of the scenario whose name ``host`` is, None if it is no scenario's.

    Names outside the lab's domains are never looked up: their scenarios have an address and leases, and the many
    connections that ask for the lab itself read no recipes.
    """
    name = host.lower().rstrip(".")
    for domain in DOMAINS:
        below = name.removesuffix(f".{domain}")
        identifier = below.rpartition(".")[2]
        if below != name and identifier in CATALOGUE and name in hosts_entries(identifier):
            return identifier
    return None

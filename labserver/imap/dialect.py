"""A dialect: core IMAP4rev1 plus the extensions that are switched on, composed into one set of tables."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

from labserver.errors import ConfigurationError
from labserver.imap.commands.table import COMMANDS
from labserver.imap.extensions.table import EXTENSIONS
from labserver.imap.fetch import FETCH_ITEMS
from labserver.imap.search import SEARCH_KEYS
from labserver.imap.status import STATUS_ITEMS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from labserver.imap.cursor import Cursor
    from labserver.imap.fetch import Item
    from labserver.imap.search import KeyReader
    from labserver.imap.search_keys import SearchKey
    from labserver.imap.vocabulary import Entry
    from labserver.limits import Limits
    from labserver.mailstore.mailbox import Mailbox

__all__ = ["Dialect", "compose", "without"]

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What one listener understands and announces."""

    extensions: frozenset[str]
    commands: Mapping[str, Entry]
    fetch_items: Mapping[bytes, Callable[[Cursor], Item]]
    search_keys: Mapping[bytes, Callable[[KeyReader], SearchKey]]
    status_items: Mapping[bytes, Callable[[Mailbox], int]]
    capabilities_before_login: tuple[str, ...]
    capabilities: tuple[str, ...]
    enabling: frozenset[str]
    """What ENABLE can switch on."""

    def has(self, extension: str) -> bool:
        """Whether an extension is switched on."""
        return extension in self.extensions


def without(names: Collection[str]) -> frozenset[str]:
    """Return the names of all extensions but these; raises ConfigurationError for unknown ones."""
    unwanted = {name.upper() for name in names}
    unknown = sorted(unwanted - EXTENSIONS.keys())
    if unknown:
        known = ", ".join(EXTENSIONS)
        raise ConfigurationError(f"there is no IMAP extension called {', '.join(unknown)}; there are {known}")
    return frozenset(EXTENSIONS.keys() - unwanted)


def compose(extensions: frozenset[str], limits: Limits) -> Dialect:
    """Return the dialect with these extensions, in the table's order, but without those whose needs are not met."""
    return _composed(extensions, limits.message_size)  # every session asks, and all limits together hash slowly


@lru_cache(maxsize=64)
def _composed(extensions: frozenset[str], message_size: int) -> Dialect:
    chosen = [
        extension for name, extension in EXTENSIONS.items() if name in extensions and extension.needs <= extensions
    ]

    def announced(*, everyone: bool) -> tuple[str, ...]:
        return tuple(
            capability.format(message_size=message_size)
            for extension in chosen
            if extension.before_login or not everyone
            for capability in extension.capabilities
        )

    return Dialect(
        extensions=frozenset(extension.name for extension in chosen),
        commands=_merged(COMMANDS, [extension.commands for extension in chosen]),
        fetch_items=_merged(FETCH_ITEMS, [extension.fetch_items for extension in chosen]),
        search_keys=_merged(SEARCH_KEYS, [extension.search_keys for extension in chosen]),
        status_items=_merged(STATUS_ITEMS, [extension.status_items for extension in chosen]),
        capabilities_before_login=announced(everyone=True),
        capabilities=announced(everyone=False),
        enabling=frozenset(extension.name for extension in chosen if extension.enabling),
    )


def _merged(core: Mapping[K, V], added: Iterable[Mapping[K, V]]) -> dict[K, V]:
    """Return one table; an extension's entry takes the place of the core's (LIST-EXTENDED's LIST)."""
    table = dict(core)
    for more in added:
        table.update(more)
    return table

r"""Which names LIST and LSUB find, and what they say of each (RFC 3501 6.3.8, RFC 5258, RFC 6154).

Names come from an account: mailboxes, containers (``\Noselect``) and subscriptions, which need not exist.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from labserver.mailstore.account import Account

__all__ = ["Listed", "Pattern", "Selection", "list_names", "subscribed_names"]

_PIECE = re.compile(r"[*%]+|[^*%]", re.DOTALL)
_INBOX = "INBOX"


class Pattern:
    """A pattern in which ``*`` stands for anything and ``%`` for anything without a separator; INBOX in any case.

    Theory of operation: a set of states as the bits of a number; bit *i* says that the first *i* characters of the
    pattern have been found. Each character of the name is one step for all states at once, so no pattern is slow.
    """

    __slots__ = ("_any", "_end", "_level", "_next", "_separator")

    def __init__(self, text: str, separator: str) -> None:
        first, found, rest = text.partition(separator)
        if first.upper() == _INBOX:
            text = _INBOX + found + rest
        self._separator = separator
        self._next: dict[str, int] = {}
        self._any = 0
        self._level = 0
        position = 0
        for piece in _PIECE.findall(text):
            bit = 1 << position
            if piece[0] in "*%":
                self._level |= bit
                self._any |= bit if "*" in piece else 0
            else:
                self._next[piece] = self._next.get(piece, 0) | bit
                position += 1
        self._end = 1 << position

    def matches(self, name: str) -> bool:
        """Return whether the whole name fits."""
        states = 1
        for character in name:
            advance = self._next.get(character, 0)
            if name == _INBOX:
                advance |= self._next.get(character.lower(), 0)
            stay = self._any if character == self._separator else self._level
            states = (states & advance) << 1 | states & stay
            if not states:
                return False
        return bool(states & self._end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which names are wanted (RFC 5258 3.1, RFC 6154 2), and what is said of them besides."""

    subscribed: bool = False
    special_use: bool = False
    recursive: bool = False
    """Also names that only stand above a wanted one."""
    show_subscribed: bool = False
    show_children: bool = True
    show_special_use: bool = True

    def child_info(self) -> tuple[str, ...]:
        """Return what CHILDINFO names: the options a name below fulfils."""
        return ("SUBSCRIBED",) * self.subscribed + ("SPECIAL-USE",) * self.special_use


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One name of an answer."""

    name: str
    attributes: tuple[str, ...]
    child_info: tuple[str, ...] = ()
    """What names below it fulfil (RFC 5258 3.5)."""

    def response(self, verb: str, encoded: bytes, separator: str) -> bytes:
        """Return the untagged response; ``encoded`` is the name as it is sent."""
        line = f'* {verb} ({" ".join(self.attributes)}) "{separator}" '.encode() + encoded
        if self.child_info:
            options = " ".join(f'"{option}"' for option in self.child_info)
            line += f' ("CHILDINFO" ({options}))'.encode()
        return line + b"\r\n"


def list_names(account: Account, patterns: Sequence[Pattern], selection: Selection) -> Iterator[Listed]:
    """Yield what LIST finds, INBOX first, then by name."""
    existing = {*account.mailboxes, *account.containers}
    parents = {parent for name in existing for parent in _above(name, account.separator)}
    wanted = {name for name in existing | account.subscriptions if _fulfils(account, name, selection)}
    if not selection.subscribed:
        wanted &= existing
    above = {parent for name in wanted for parent in _above(name, account.separator)} if selection.recursive else set()
    for name in sorted(wanted | above, key=_order):
        if any(pattern.matches(name) for pattern in patterns):
            yield Listed(
                name=name,
                attributes=tuple(_attributes(account, name, selection, has_children=name in parents)),
                child_info=selection.child_info() if name in above else (),
            )


def subscribed_names(account: Account, pattern: Pattern) -> Iterator[Listed]:
    r"""Yield what LSUB finds; above a subscribed name that ``%`` does not reach, its parents, ``\Noselect``."""
    parents = {parent for name in account.subscriptions for parent in _above(name, account.separator)}
    for name in sorted(account.subscriptions | parents, key=_order):
        if not pattern.matches(name):
            continue
        if name in account.subscriptions:
            yield Listed(name=name, attributes=())
        elif any(not pattern.matches(below) for below in _below(name, account.subscriptions, account.separator)):
            yield Listed(name=name, attributes=("\\Noselect",))


def _attributes(account: Account, name: str, selection: Selection, *, has_children: bool) -> Iterator[str]:
    mailbox = account.mailboxes.get(name)
    if mailbox is None:
        yield "\\Noselect" if name in account.containers else "\\NonExistent"
    if selection.show_children:
        yield "\\HasChildren" if has_children else "\\HasNoChildren"
    if (selection.show_subscribed or selection.subscribed) and name in account.subscriptions:
        yield "\\Subscribed"
    if mailbox is not None and mailbox.special_use and selection.show_special_use:
        yield mailbox.special_use


def _fulfils(account: Account, name: str, selection: Selection) -> bool:
    if selection.subscribed and name not in account.subscriptions:
        return False
    mailbox = account.mailboxes.get(name)
    return not selection.special_use or (mailbox is not None and mailbox.special_use is not None)


def _order(name: str) -> tuple[bool, str]:
    return name != _INBOX, name


def _above(name: str, separator: str) -> Iterator[str]:
    position = name.find(separator)
    while position >= 0:
        yield name[:position]
        position = name.find(separator, position + 1)


def _below(name: str, names: Iterable[str], separator: str) -> Iterator[str]:
    return (other for other in names if other.startswith(name + separator))

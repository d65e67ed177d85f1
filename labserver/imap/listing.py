r"""Which names LIST and LSUB find, and what they say of each (RFC 3501 6.3.8, RFC 5258, RFC 6154).

Names come from an account: mailboxes, containers (``\Noselect``) and subscriptions, which need not exist.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labserver.effort import GIVE_WAY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from labserver.effort import Effort, GiveWay
    from labserver.mailstore.account import Account

__all__ = ["Listed", "Pattern", "Selection", "list_names", "subscribed_names"]

_PIECE = re.compile(r"[*%]+|[^*%]", re.DOTALL)
_INBOX = "INBOX"
_NAME, _CHARACTER = 256, 16
"""Units of work for a name, and for a character of it and a short pattern."""
_BITS = 32
"""Characters of a pattern that take one unit more."""


class Pattern:
    """A pattern in which ``*`` stands for anything and ``%`` for anything without a separator.

    A first level INBOX is found in any case, also by a part of a pattern: ``inb*`` finds INBOX/a.

    Theory of operation: a set of states as the bits of a number; bit *i* says that the first *i* characters of the
    pattern have been found. Each character of the name is one step for all states at once, so no pattern is slow.
    """

    __slots__ = ("_any", "_end", "_level", "_next", "_separator", "cost")

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
        self.cost = _CHARACTER + position // _BITS
        """Units of work for each character of a name."""

    def matches(self, name: str) -> bool:
        """Return whether the whole name fits."""
        states = 1
        any_case = len(_INBOX) if name.partition(self._separator)[0] == _INBOX else 0
        for index, character in enumerate(name):
            advance = self._next.get(character, 0)
            if index < any_case:
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


def list_names(
    account: Account, patterns: Sequence[Pattern], selection: Selection, effort: Effort
) -> Iterator[Listed | GiveWay]:
    """Yield what LIST finds, INBOX first, then by name; in turns, of which the first finds out what there is.

    Only names below that no pattern reaches make RECURSIVEMATCH tell the names above them (RFC 5258 3.1).
    """
    existing = {*account.mailboxes, *account.containers}
    parents = {parent for name in existing for parent in _above(name, account.separator)}
    wanted = {name for name in existing | account.subscriptions if _fulfils(account, name, selection)}
    if not selection.subscribed:
        wanted &= existing
    above = {parent for name in wanted for parent in _above(name, account.separator)} if selection.recursive else set()
    cost = sum(pattern.cost for pattern in patterns)
    reached: set[str] = set()
    stand_in: set[str] = set()
    for name in wanted if selection.recursive else ():
        if effort.spend(_NAME + cost * len(name)):
            yield GIVE_WAY
        if any(pattern.matches(name) for pattern in patterns):
            reached.add(name)
        else:
            stand_in.update(_above(name, account.separator))
    for name in sorted(reached | (stand_in - wanted) if selection.recursive else wanted, key=_order):
        if effort.spend(_NAME + cost * len(name)):
            yield GIVE_WAY
        if name in reached or any(pattern.matches(name) for pattern in patterns):
            yield Listed(
                name=name,
                attributes=tuple(_attributes(account, name, selection, has_children=name in parents)),
                child_info=selection.child_info() if name in above else (),
            )


def subscribed_names(account: Account, pattern: Pattern, effort: Effort) -> Iterator[Listed | GiveWay]:
    r"""Yield what LSUB finds; above a subscribed name that ``%`` does not reach, its parents, ``\Noselect``."""
    subscribed = frozenset(account.subscriptions)
    reached: set[str] = set()
    stand_in: set[str] = set()
    for name in subscribed:
        if pattern.matches(name):
            reached.add(name)
        else:
            stand_in.update(_above(name, account.separator))
        if effort.spend(_NAME + pattern.cost * len(name)):
            yield GIVE_WAY
    for name in sorted(reached | stand_in, key=_order):
        if effort.spend(_NAME + pattern.cost * len(name)):
            yield GIVE_WAY
        if name in reached:
            yield Listed(name=name, attributes=())
        elif name not in subscribed and pattern.matches(name):
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

"""Mailbox names: Unicode, levels separated by ``/``, INBOX in any case; what may be one and what it is called."""

from __future__ import annotations

import re

from labserver.errors import StoreError, told

__all__ = ["INBOX", "LEVEL_OCTETS", "NAME_OCTETS", "SEPARATOR", "ancestors", "canonical", "checked", "is_below"]

INBOX = "INBOX"
SEPARATOR = "/"
LEVEL_OCTETS = 255
"""A level's bound in UTF-8."""
NAME_OCTETS = 1_000
"""A whole name's bound in UTF-8; it also bounds how many containers one CREATE can make."""
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Control characters, line and paragraph separators (RFC 9051 5.1), and what UTF-8 cannot carry."""


def canonical(name: str) -> str:
    """Return ``name`` with a first level INBOX, in any case, spelled so (RFC 9051 5.1)."""
    first, separator, rest = name.partition(SEPARATOR)
    return INBOX + separator + rest if first.upper() == INBOX else name


def checked(name: str) -> str:
    """Return the canonical name, or raise StoreError (``CANNOT``) when nothing can be called that."""
    name = canonical(name)
    problem = _problem(name)
    if problem:
        raise StoreError(f"A mailbox cannot be called {told(name)}: {problem}.", code="CANNOT")
    return name


def _problem(name: str) -> str | None:
    if _FORBIDDEN.search(name):
        return "it has a control character"
    if len(name.encode()) > NAME_OCTETS:
        return f"it is longer than {NAME_OCTETS} octets"
    for level in name.split(SEPARATOR):
        if not level:
            return "it has an empty level"
        if len(level.encode()) > LEVEL_OCTETS:
            return f"it has a level longer than {LEVEL_OCTETS} octets"
    return None


def ancestors(name: str) -> list[str]:
    """Return the names above ``name``, the highest first."""
    levels = name.split(SEPARATOR)
    return [SEPARATOR.join(levels[:depth]) for depth in range(1, len(levels))]


def is_below(name: str, ancestor: str) -> bool:
    """Return whether ``name`` is an inferior of ``ancestor``, at any depth."""
    return name.startswith(ancestor + SEPARATOR)

"""Flags compare without case and are shown in one spelling: the system's own, or the keyword's first in its mailbox.

A mailbox has few different sets of flags however many messages it has. Each set is one object and is counted, so that
the mailbox knows its keywords, those that a message has, without looking at its messages.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from labserver.errors import LimitExceededError, StoreError, told
from labserver.mailstore.message import SYSTEM_FLAGS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["KEYWORD_OCTETS", "MESSAGE_KEYWORDS", "FlagChange", "FlagSets"]

KEYWORD_OCTETS = 255
"""One keyword's bound."""
MESSAGE_KEYWORDS = 100
"""Keywords of one message; they are written out with each message that has them."""
_SUM = 100_000
"""Keywords in all different sets of a mailbox together: few keywords make more combinations than memory can hold."""
_RECENT = "\\recent"
_KEYWORD = re.compile(r'[^\x00-\x20\x7f-\U0010ffff(){%*"\\\]]+')
"""RFC 9051's ``flag-keyword``: an atom."""
_LIMIT = "LIMIT"
_SYSTEM = frozenset(SYSTEM_FLAGS.values())

_Flags = frozenset[str]


class FlagSets:
    """The different sets of flags of one mailbox's messages, and so its keywords, at most ``most`` of them."""

    def __init__(self, known: Iterable[str], sets: Iterable[_Flags], *, most: int) -> None:
        self.most = most
        self._counts: dict[_Flags, int] = Counter(sets)
        """How many messages have each set; the key is the one object for it."""
        self.shared = {flags: flags for flags in self._counts}
        """The one object for each set; read-only for others."""
        self._uses = Counter(keyword for flags in self._counts for keyword in sorted(_keywords(flags)))
        """How many of the different sets have each keyword."""
        self._sum = sum(self._uses.values())
        self.keywords: list[str] = [keyword for keyword in dict.fromkeys((*known, *self._uses)) if self._uses[keyword]]
        """In order of first use; always this list object. Read-only for others."""
        self._spellings = {keyword.lower(): keyword for keyword in self.keywords}

    def spelling(self, flag: str) -> str | None:
        """Return how a flag is spelled here; None for a keyword that no message has."""
        lowered = flag.lower()
        return SYSTEM_FLAGS.get(lowered) or self._spellings.get(lowered)

    def apply(self, keywords: Sequence[str] | None, delta: Mapping[_Flags, int]) -> None:
        """Count what messages have now and no longer have; both are the plan's."""
        for flags, change in delta.items():
            self._count(flags, change)
        if keywords is not None:
            self.keywords[:] = keywords
            self._spellings = {keyword.lower(): keyword for keyword in keywords}

    def after(self, delta: Mapping[_Flags, int], fresh: Iterable[str]) -> list[str] | None:
        """Return the keywords that there would be after a change, None if they are the same.

        Raise LimitExceededError (``LIMIT``) when they, or their combinations, would be too many and more than before.
        """
        uses: dict[str, int] = {}
        for flags, change in delta.items():
            before = self._counts.get(flags, 0)
            if bool(before) != bool(before + change):
                for keyword in _keywords(flags):
                    uses[keyword] = uses.get(keyword, 0) + (-1 if before else 1)
        if not uses:
            return None
        more = sum(uses.values())
        if more > 0 and self._sum + more > _SUM:
            raise LimitExceededError("There are too many combinations of keywords in the mailbox.", code=_LIMIT)
        keywords = [keyword for keyword in (*self.keywords, *fresh) if self._uses[keyword] + uses.get(keyword, 0) > 0]
        if len(keywords) > max(self.most, len(self.keywords)):
            raise LimitExceededError(f"A mailbox cannot have more than {self.most} keywords.", code=_LIMIT)
        return None if keywords == self.keywords else keywords

    def _count(self, flags: _Flags, change: int) -> None:
        before = self._counts.get(flags, 0)
        after = before + change
        if after:
            self._counts[flags] = after
        elif before:
            del self._counts[flags]
        if bool(before) == bool(after):
            return
        step = 1 if after else -1
        for keyword in _keywords(flags):
            self._sum += step
            self._uses[keyword] += step
            if not self._uses[keyword]:
                del self._uses[keyword]
        if after:
            self.shared[flags] = flags
        else:
            del self.shared[flags]


class FlagChange:
    """What a change of a mailbox will do to its flags; nothing has happened yet."""

    def __init__(self, sets: FlagSets) -> None:
        self._sets = sets
        self._fresh: dict[str, str] = {}
        self._known = sets.shared
        self._found: dict[_Flags, _Flags] = {}
        self.delta: dict[_Flags, int] = {}
        """How many messages more have each set of flags."""

    def spelled(self, flags: _Flags) -> _Flags:
        r"""Return the flags in their one spelling, as one object, without ``\Recent``, which no client sets.

        Raise StoreError (``CANNOT``) for what is neither a settable system flag nor an atom, and LimitExceededError
        (``LIMIT``) for too long a keyword or too many.
        """
        found = self._known.get(flags)
        if found is None:
            found = self._found.get(flags)
        return self._find(flags) if found is None else found

    def come(self, flags: _Flags, messages: int = 1) -> _Flags:
        """Count flags that a message, or more of them, will have, and return them as it will have them."""
        found = self.spelled(flags)
        self.delta[found] = self.delta.get(found, 0) + messages
        return found

    def go(self, flags: _Flags, messages: int = 1) -> None:
        """Count flags that a message, or more of them, will no longer have."""
        self.delta[flags] = self.delta.get(flags, 0) - messages

    def keywords(self) -> list[str] | None:
        """Return all of the mailbox's keywords if they will be others, else None. Raise LimitExceededError."""
        return self._sets.after(self.delta, self._fresh.values())

    def _find(self, flags: _Flags) -> _Flags:
        spelled = frozenset(filter(None, map(self._spelled, sorted(flags))))
        if len(_keywords(spelled)) > MESSAGE_KEYWORDS:
            raise LimitExceededError(f"A message cannot have more than {MESSAGE_KEYWORDS} keywords.", code=_LIMIT)
        found = self._known.get(spelled, spelled)
        found = self._found.setdefault(spelled, found)
        return self._found.setdefault(flags, found)

    def _spelled(self, flag: str) -> str | None:
        lowered = flag.lower()
        spelling = self._sets.spelling(flag) or self._fresh.get(lowered)
        if spelling is not None or lowered == _RECENT:  # RFC 9051 2.3.2
            return spelling
        if not _KEYWORD.fullmatch(flag):
            raise StoreError(f"{told(flag)} cannot be a flag: a keyword is an atom of ASCII", code="CANNOT")
        if len(flag) > KEYWORD_OCTETS:
            raise LimitExceededError(f"A keyword cannot be longer than {KEYWORD_OCTETS} octets.", code=_LIMIT)
        self._fresh[lowered] = flag
        return flag


def _keywords(flags: _Flags) -> _Flags:
    return flags - _SYSTEM

"""Flags compare without case and are shown in one spelling: the system's own, or the keyword's first in its mailbox."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from labserver.errors import StoreError, told
from labserver.mailstore.message import SYSTEM_FLAGS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["spelled"]

_RECENT = "\\recent"
_KEYWORD = re.compile(r'[^\x00-\x20\x7f-\U0010ffff(){%*"\\\]]+')
"""RFC 9051's ``flag-keyword``: an atom."""


def spelled(flags: Iterable[str], known: Mapping[str, str], fresh: dict[str, str]) -> frozenset[str]:
    r"""Return ``flags`` in their one spelling, without ``\Recent``, which no client sets (RFC 9051 2.3.2).

    ``known`` and ``fresh`` map lower-cased keywords to their spelling; keywords in neither are added to ``fresh``.
    Raise StoreError (``CANNOT``) for what is neither a settable system flag nor an atom.
    """
    result = set()
    for flag in flags:
        lowered = flag.lower()
        spelling = SYSTEM_FLAGS.get(lowered) or known.get(lowered) or fresh.get(lowered)
        if spelling is None:
            if lowered == _RECENT:
                continue
            if not _KEYWORD.fullmatch(flag):
                raise StoreError(f"{told(flag)} cannot be a flag: a keyword is an atom of ASCII", code="CANNOT")
            spelling = fresh[lowered] = flag
        result.add(spelling)
    return frozenset(result)

"""SASLprep (RFC 4013): one form for names and passwords, whatever keyboard or system they were typed on.

It lies below everything that compares passwords, so that the directory and the mechanisms agree on what "equal" means.
"""

from __future__ import annotations

import stringprep
import unicodedata

__all__ = ["prepared", "saslprep"]

_PROHIBITED = (  # RFC 4013 2.3
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)


def saslprep(text: str, *, allow_unassigned: bool = False) -> str:
    """Return ``text`` prepared by RFC 4013; ValueError where the profile prohibits it.

    ``allow_unassigned`` is for queries, which are only compared, never stored (RFC 3454 7).
    """
    if text.isascii() and text.isprintable():
        return text  # nothing of it is mapped, prohibited or unassigned
    mapped = "".join(" " if stringprep.in_table_c12(c) else c for c in text if not stringprep.in_table_b1(c))
    normal = unicodedata.ucd_3_2_0.normalize("NFKC", mapped)
    if any(prohibited(c) for c in normal for prohibited in _PROHIBITED):
        raise ValueError("a character that RFC 4013 2.3 prohibits")
    if not allow_unassigned and any(stringprep.in_table_a1(c) for c in normal):
        raise ValueError("a character that Unicode 3.2 does not assign (RFC 4013 2.5)")
    _check_direction(normal)
    return normal


def prepared(password: str) -> str:
    """Return the prepared form of a password, or the password itself where SASLprep would not have it.

    An emoji is no reason to lock a user out: both sides then compare what was typed.
    """
    try:
        return saslprep(password, allow_unassigned=True)
    except ValueError:
        return password


def _check_direction(text: str) -> None:
    """RFC 3454 6: right-to-left text has no left-to-right characters and begins and ends right-to-left."""
    if not any(stringprep.in_table_d1(c) for c in text):
        return
    if any(stringprep.in_table_d2(c) for c in text):
        raise ValueError("right-to-left and left-to-right characters in one string (RFC 3454 6)")
    if not (stringprep.in_table_d1(text[0]) and stringprep.in_table_d1(text[-1])):
        raise ValueError("right-to-left text that does not begin and end so (RFC 3454 6)")

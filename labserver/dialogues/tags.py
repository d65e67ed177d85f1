"""IMAP tags as clients count them."""

from __future__ import annotations

import re

__all__ = ["next_tag"]

_LAST_NUMBER = re.compile(rb"(\d+)(?!.*\d)")


def next_tag(tag: bytes, steps: int = 1) -> bytes:
    """Return the tag that a client uses ``steps`` commands after ``tag``, in the same width.

    That is its last number counted up; a tag without a number is returned as it is.
    """
    match = _LAST_NUMBER.search(tag)
    if match is None:
        return tag
    number = str(int(match[1]) + steps).encode().rjust(len(match[1]), b"0")
    return tag[: match.start(1)] + number + tag[match.end(1) :]

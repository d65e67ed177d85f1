"""The base subject: what remains of a subject without "Re:", "[list]" and "(fwd)" (RFC 5256 2.1)."""

from __future__ import annotations

import re
from typing import NamedTuple

from labserver.message.words import readable

__all__ = ["BaseSubject", "base_subject"]

_LONGEST = 1_000
_LEADER = re.compile(r"(?:\[[^\[\]]*\] *)*(?:re|fwd?) *(?:\[[^\[\]]*\] *)?:", re.IGNORECASE)
_BLOB = re.compile(r"\[[^\[\]]*\] *")
_TRAILER = re.compile(r"(?: |\(fwd\))+\Z", re.IGNORECASE)
_FORWARD_HEADER = "[fwd:"
_FORWARD_TRAILER = "]"


class BaseSubject(NamedTuple):
    """A subject's base, and whether something told of a reply or a forward."""

    text: str
    is_reply: bool


def base_subject(value: bytes) -> BaseSubject:
    """Return the base subject of an unfolded Subject value; only its first thousand characters count."""
    text = " ".join(readable(value).split())[:_LONGEST]
    is_reply = False
    while True:
        stripped = _without_trailers(text)
        is_reply = is_reply or len(stripped) < len(text.rstrip(" "))
        text, replies = _without_leaders(stripped)
        is_reply = is_reply or replies
        forwarded = text[: len(_FORWARD_HEADER)].lower() == _FORWARD_HEADER and text.endswith(_FORWARD_TRAILER)
        if not forwarded:
            return BaseSubject(text, is_reply)
        is_reply = True
        text = text[len(_FORWARD_HEADER) : -len(_FORWARD_TRAILER)]


def _without_trailers(text: str) -> str:
    """Drop every ``(fwd)`` and space at the end (step 2)."""
    trailer = _TRAILER.search(text)
    return text[: trailer.start()] if trailer else text


def _without_leaders(text: str) -> tuple[str, bool]:
    """Drop ``Re:`` and the like, and blobs as long as something remains (steps 3 to 5)."""
    replies = False
    while True:
        text = text.lstrip(" ")
        leader = _LEADER.match(text)
        blob = _BLOB.match(text)
        if leader:
            replies = True
            text = text[leader.end() :]
        elif blob and blob.end() < len(text):
            text = text[blob.end() :]
        else:
            return text, replies

"""How a protocol spells what a misbehaviour wants to say, and what its octets mean to the dialogue."""

from __future__ import annotations

import re
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING

from labserver.dialogues.exchange import Command, LoginFailure, Reply, ReplyKind
from labserver.dialogues.purposes import Purpose
from labserver.services import ProtocolName

if TYPE_CHECKING:
    from labserver.misbehaviours.moment import Moment

__all__ = ["Refusal", "code_of", "completion", "is_smtp", "kind_of", "over_quota", "recoded", "refusal"]

_SMTP_CODE = re.compile(rb"[0-9]{3}(?=[ \-\r\n]|\Z)")
_ENHANCED = re.compile(rb"\A[245]\.[0-9]{1,3}\.[0-9]{1,3} ")
_WORD = re.compile(rb"[^ \r\n]+")
_TURN = frozenset({"334", "354", "+"})
_IMAP_STATUS = re.compile(rb"\A([^ \r\n]+ )(OK|NO|BAD|PREAUTH|BYE)\b")
_POP3_STATUS = re.compile(rb"\A(?:\+OK|-ERR)")


class Refusal(StrEnum):
    """How something is refused."""

    TEMPORARY = "temporary"
    """Try again later."""
    PERMANENT = "permanent"
    """Never."""
    UNKNOWN = "unknown"
    """There is no such command."""


def is_smtp(protocol: ProtocolName) -> bool:
    """Return whether replies have SMTP's form."""
    return protocol in {ProtocolName.SMTP, ProtocolName.LMTP}


def code_of(raw: bytes, protocol: ProtocolName) -> str:
    """Return the protocol's own verdict in a reply's last line: ``250``, ``NO``, ``+OK``, ``+``; empty for none."""
    line = raw.rstrip(b"\r\n").rpartition(b"\n")[2]
    if is_smtp(protocol):
        match = _SMTP_CODE.match(line)
        return match[0].decode() if match else ""
    words: list[bytes] = _WORD.findall(line[:64])
    if not words:
        return ""
    first = words[0].decode("ascii", "replace")
    if protocol is ProtocolName.IMAP and first != "+":
        return words[1].decode("ascii", "replace").upper() if len(words) > 1 else ""
    if protocol is ProtocolName.POP3:
        whole = _WORD.match(raw[:64])
        first = whole[0].decode("ascii", "replace") if whole else first
    return first


def kind_of(raw: bytes, code: str, protocol: ProtocolName) -> ReplyKind:
    """Return what octets are to the dialogue: the client's turn, something untagged, or the end of the command."""
    if code in _TURN:
        return ReplyKind.CONTINUATION
    last = raw.rstrip(b"\r\n").rpartition(b"\n")[2]
    return ReplyKind.UNTAGGED if protocol is ProtocolName.IMAP and last.startswith(b"* ") else ReplyKind.COMPLETION


def completion(moment: Moment, *, smtp: str, imap: str, pop3: str) -> Reply:
    """Return the end of a command, or of a connection that has had none: a code and a text for each protocol."""
    if is_smtp(moment.protocol):
        return Reply.completion(f"{smtp}\r\n".encode(), smtp[:3])
    if moment.protocol is ProtocolName.POP3:
        return Reply.completion(f"{pop3}\r\n".encode(), pop3.partition(" ")[0])
    return Reply.completion(b"%b %b\r\n" % (moment.tag, imap.encode()), imap.partition(" ")[0])


_SMTP_REFUSALS: dict[str | Purpose | None, tuple[str, str]] = {
    "RCPT": ("450 4.2.0", "550 5.7.1"),
    None: ("421 4.3.2", "554 5.3.2"),
    Purpose.UPGRADE: ("454 4.7.0", "502 5.5.1"),
    Purpose.CREDENTIALS: ("454 4.7.0", "535 5.7.8"),
}
"""By verb, or by purpose, None for a connection; else 451 and 554 (RFC 5321 4.2.2, RFC 3207 4, RFC 4954 6)."""


def refusal(moment: Moment, how: Refusal, text: str = "") -> Reply:
    """Refuse what the moment is about, in the protocol's own spelling: RFC 5321 4.2, RFC 5530 3, RFC 3206 4."""
    command = moment.command
    if how is Refusal.UNKNOWN:
        return moment.dialogue.unrecognized(command or Command(verb="", tag=moment.tag))
    permanent = how is Refusal.PERMANENT
    purpose = moment.purpose
    if purpose is Purpose.CREDENTIALS and command is not None and permanent and not text:
        return moment.dialogue.login_failed(command, LoginFailure.REJECTED)
    if purpose is Purpose.UPGRADE and command is not None and not permanent and not text:
        return moment.dialogue.upgrade_unavailable(command)
    said = text or ("Refused" if permanent else "Temporary failure, try again later")
    by_verb = _SMTP_REFUSALS.get(command.verb) if command is not None else None
    codes = by_verb or _SMTP_REFUSALS.get(purpose) or ("451 4.3.0", "554 5.3.0")
    imap = ("[CANNOT]" if permanent else "[UNAVAILABLE]") if command is not None else ""
    return completion(
        moment,
        smtp=f"{codes[permanent]} {said}",
        imap=" ".join(filter(None, ("NO" if command is not None else "BYE", imap, said))),
        pop3=f"-ERR {'[SYS/PERM]' if permanent else '[SYS/TEMP]'} {said}",
    )


def over_quota(moment: Moment, how: Refusal) -> Reply:
    """Say that the mailbox is full: 452 4.2.2 or 552 5.2.2 (RFC 3463 3.3), NO [OVERQUOTA] (RFC 9208 4.3.1)."""
    permanent = how is Refusal.PERMANENT
    return completion(
        moment,
        smtp=f"{'552 5.2.2' if permanent else '452 4.2.2'} Mailbox full",
        imap="NO [OVERQUOTA] Mailbox full",
        pop3=f"-ERR {'[SYS/PERM]' if permanent else '[SYS/TEMP]'} Mailbox full",
    )


def recoded(reply: Reply, moment: Moment, code: str, text: str | None) -> Reply:
    """Return a reply with another code, and another text unless that is None; the same if it has no code.

    SMTP's code is put into every line, and an enhanced code that contradicts it goes (RFC 2034 4). The text of a long
    reply, and of one with several lines, stays.
    """
    raw = _recoded(reply.raw, moment, code, text)
    if raw == reply.raw:
        return reply
    masked = None if reply.masked is None else _recoded(reply.masked, moment, code, text)
    return replace(reply, raw=raw, code=code or reply.code, masked=masked)


def _recoded(raw: bytes, moment: Moment, code: str, text: str | None) -> bytes:
    if is_smtp(moment.protocol):
        return _recoded_smtp(raw, code, text) if _SMTP_CODE.match(raw) else raw
    pattern = _POP3_STATUS if moment.protocol is ProtocolName.POP3 else _IMAP_STATUS
    match = pattern.match(raw)
    if match is None:
        return raw
    head = match[0] if not code else (match[1] if match.lastindex else b"") + code.encode()
    if text is None:
        return head + raw[match.end() :]
    more = raw[match.end() :].partition(b"\r\n")[2]
    return head + b" " + text.encode() + b"\r\n" + more


def _recoded_smtp(raw: bytes, code: str, text: str | None) -> bytes:
    if text is not None:
        return b"%b %b\r\n" % (code.encode() or raw[:3], text.encode())
    contradicts = code[:1].encode() != raw[:1]
    lines = raw.splitlines(keepends=True)
    if contradicts:
        lines = [line[:4] + _ENHANCED.sub(b"", line[4:], count=1) for line in lines]
    return b"".join(code.encode() + line[3:] if _SMTP_CODE.match(line) else line for line in lines)

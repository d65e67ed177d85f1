"""IMAP's spelling of what the membrane says (RFC 3501, RFC 9051; response codes RFC 5530)."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from labserver.dialogues.exchange import Command, Farewell, LoginFailure, Reply
from labserver.dialogues.masking import MECHANISM, Lexicon, harmless
from labserver.values import quick
from labserver.wire.framing import SHOWN, Framed, ImapFramer, Overflow

if TYPE_CHECKING:
    from collections.abc import Callable

    from labserver.dialogues.exchange import Names
    from labserver.dialogues.masking import Standing

__all__ = ["WORDS", "ImapDialogue"]

_TAG = re.compile(rb"([^\x00-\x20\x7f-\xff(){%*\"\\+]{1,255})(?: +|\Z)")
"""Longer ones are none: every answer repeats the tag, and no client needs so many octets to count."""
_CAPABILITIES = re.compile(rb"((?:\A|\n)\* CAPABILITY |\A[^\r\n]*? \[CAPABILITY )([^\]\r\n]*)")
_LITERAL = re.compile(rb" ?~?\{\d+\+?\}\Z")
_QUOTED = rb'"(?:[^"\\\r\n]|\\["\\])*"'
_IDENTIFIED = (
    b'"(?:name|version|os|os-version|vendor|support-url|address|date|command)" (?:NIL|[0-9.]{1,20}|%b)' % _QUOTED
)
"""A field of ID (RFC 2971 3.3); arguments and environment of a program, and what nobody specified, may be anything."""

_LEXICON = Lexicon(
    head=re.compile(rb"[^ ]+ +(?:uid )?[^ \r\n]*", re.IGNORECASE),
    words=frozenset(
        """
        APPEND AUTHENTICATE CANCELUPDATE CAPABILITY CHECK CLOSE COMPRESS CONVERSIONS CONVERT COPY CREATE DELETE
        DELETEACL ENABLE ESEARCH EXAMINE EXPUNGE FETCH GENURLAUTH GETACL GETJMAPACCESS GETMETADATA GETQUOTA
        GETQUOTAROOT ID IDLE JMAPACCESS LANGUAGE LIST LISTRIGHTS LOGIN LOGOUT LSUB MESSAGELIMIT MOVE MYRIGHTS NAMESPACE
        NOOP NOTIFY RENAME REPLACE RESETKEY RLIST RLSUB SEARCH SELECT SETACL SETMETADATA SETQUOTA SORT STARTTLS STATUS
        STORE SUBSCRIBE THREAD UIDBATCHES UNAUTHENTICATE UNSELECT UNSUBSCRIBE URLFETCH XAPPLEPUSHSERVICE XLIST
        """.split()  # noqa: SIM905 -- a list of words is read more easily without its quotes
    )
    | {
        f"UID {verb}"
        for verb in ("CONVERT", "COPY", "EXPUNGE", "FETCH", "MOVE", "REPLACE", "SEARCH", "SORT", "STORE", "THREAD")
    },
    harmless=harmless(
        AUTHENTICATE=MECHANISM,  # an initial response follows it (RFC 9051 6.2.2)
        ID=rb" +(?:NIL(?!\S)|\((?:%b(?:(?=\))| ))*\)?)" % _IDENTIFIED,
        # The password follows the name; of a literal it is the size that stands on the line (RFC 9051 6.2.3).
        LOGIN=rb" +(?:(?P<account>%b|[^\s\"{]+)(?=\s|\Z)|\{\d{1,10}\+?\}(?=\r?\n))" % _QUOTED,
    ),
    readable=frozenset(
        """
        APPEND COPY CREATE DELETE ENABLE EXAMINE FETCH GETQUOTA GETQUOTAROOT LIST LSUB MOVE RENAME SEARCH SELECT
        SETQUOTA SORT STATUS STORE SUBSCRIBE THREAD UNSUBSCRIBE
        """.split()  # noqa: SIM905 -- the same
    )
    | {f"UID {verb}" for verb in ("COPY", "EXPUNGE", "FETCH", "MOVE", "SEARCH", "SORT", "STORE", "THREAD")},
)

WORDS = _LEXICON.words
"""IMAP's commands and those of its extensions, in upper case; ``UID x`` is one."""

_LOGIN_FAILURES: dict[LoginFailure, tuple[str, str]] = {
    LoginFailure.REJECTED: ("NO", "[AUTHENTICATIONFAILED] Authentication failed"),
    LoginFailure.UNBOUND: ("NO", "[AUTHENTICATIONFAILED] Authentication failed"),
    LoginFailure.CANCELLED: ("BAD", "Authentication cancelled"),
    LoginFailure.WITHDRAWN: ("BAD", "Authentication cancelled"),
    LoginFailure.MALFORMED: ("BAD", "Cannot decode the response"),
    LoginFailure.UNSUPPORTED: ("NO", "[CANNOT] Unsupported authentication mechanism"),
    LoginFailure.NEEDS_TLS: ("NO", "[PRIVACYREQUIRED] Start TLS first"),
    LoginFailure.NOT_NOW: ("BAD", "Authentication is not possible now"),
}

_FAREWELLS: dict[Farewell, str] = {
    Farewell.IDLE: "Idle too long",
    Farewell.SHUTDOWN: "[UNAVAILABLE] Shutting down",
    Farewell.OVERLOADED: "[UNAVAILABLE] Too many connections, try again later",
    Farewell.TOO_MANY_ERRORS: "Too many errors",
    Farewell.LINE_TOO_LONG: "Line too long",
    Farewell.HTTP: "This is a mail server: HTTP is not spoken here",
    Farewell.INTERNAL: "[SERVERBUG] Internal error",
}


def _tagged(command: Command, code: str, text: str) -> Reply:
    return Reply.completion(b"%b %b %b\r\n" % (command.tag or b"*", code.encode(), text.encode()), code)


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class ImapDialogue:
    """IMAP4rev1."""

    line_limit: int
    literal_limit: int
    shown: int = SHOWN
    """Octets of an appended message that the transcript has."""
    upgrade_verb: str = "STARTTLS"
    authenticate_verb: str = "AUTHENTICATE"

    def framer(self) -> ImapFramer:
        """Return a framer of commands with literals."""
        return ImapFramer(line_limit=self.line_limit, literal_limit=self.literal_limit, shown=self.shown)

    def command(self, framed: Framed) -> Command:
        """Split a command into tag, verb (``UID x`` as one) and argument."""
        text = framed.parts[0]
        match = _TAG.match(text)
        if match is None:
            return Command(verb="", argument=text, parts=framed.parts, raw=framed.raw)
        verb, _, argument = text[match.end() :].partition(b" ")
        if verb.upper() == b"UID":
            second, _, argument = argument.partition(b" ")
            verb = b"UID " + second
        return Command(
            verb=verb.upper().decode("ascii", "replace"),
            tag=match.group(1),
            argument=_LITERAL.sub(b"", argument) if len(framed.parts) > 1 else argument,
            parts=framed.parts,
            raw=framed.raw,
            elided=framed.elided,
            sinks=framed.sinks,
        )

    def overflow(self, overflow: Overflow) -> Reply:
        """Answer a line or a literal beyond its limit; a fatal one ends the connection."""
        if overflow.fatal:
            return self.farewell(Farewell.LINE_TOO_LONG)
        command = self.command(Framed(parts=overflow.parts, raw=b""))
        if overflow.literal:
            return _tagged(command, "NO", f"[TOOBIG] Literal too large, at most {overflow.limit} octets")
        return _tagged(command, "BAD", f"Line too long, at most {overflow.limit} octets")

    def go_ahead(self) -> Reply:
        """Let a synchronizing literal come (RFC 9051 7.6)."""
        return Reply.continuation(b"+ OK\r\n")

    def upgrade_ready(self, command: Command) -> Reply:
        """Accept STARTTLS (RFC 9051 6.2.1)."""
        return _tagged(command, "OK", "Begin TLS negotiation now")

    def upgrade_refused(self, command: Command, reason: str) -> Reply:
        """Refuse STARTTLS."""
        return _tagged(command, "BAD", reason)

    def upgrade_unavailable(self, command: Command) -> Reply:
        """Say NO."""
        return _tagged(command, "NO", "TLS is temporarily not available")

    def unrecognized(self, command: Command) -> Reply:
        """Say BAD."""
        return _tagged(command, "BAD", "Unknown command")

    def relisted(self, command: Command | None, reply: Reply, change: Callable[[Names], Names]) -> Reply:  # noqa: ARG002 -- the interface's; IMAP says itself what lists capabilities
        """Change CAPABILITY responses and response codes (RFC 9051 7.1, 7.2.2)."""

        def changed(match: re.Match[bytes]) -> bytes:
            names = change(tuple(match[2].decode("ascii", "replace").split()))
            return match[1] + " ".join(names).encode("ascii", "replace")

        raw = _CAPABILITIES.sub(changed, reply.raw)
        return reply if raw == reply.raw else replace(reply, raw=raw)

    def challenge(self, data: bytes) -> Reply:
        """Send a SASL challenge (RFC 9051 6.2.2)."""
        return replace(Reply.continuation(b"+ " + base64.b64encode(data) + b"\r\n"), challenge=data)

    def login_failed(self, command: Command, failure: LoginFailure) -> Reply:
        """Answer a failed AUTHENTICATE (RFC 9051 6.2.2, RFC 5530)."""
        return _tagged(command, *_LOGIN_FAILURES[failure])

    def farewell(self, reason: Farewell) -> Reply:
        """Say BYE (RFC 9051 7.1.5)."""
        return Reply.farewell(b"* BYE %b\r\n" % _FAREWELLS[reason].encode(), "BYE")

    def word(self, command: Command) -> str:
        """Return the command's name if it is one."""
        return command.verb if command.verb in _LEXICON.words else ""

    def masked(self, command: Command, standing: Standing) -> bytes:
        """Mask all but what is known to be harmless, before login as after it."""
        return _LEXICON.shown(command, standing)

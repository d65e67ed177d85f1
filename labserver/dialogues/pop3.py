"""POP3's spelling of what the membrane says (RFC 1939, RFC 2595, RFC 5034; response codes RFC 2449, RFC 3206)."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from labserver.dialogues.exchange import Command, Farewell, LoginFailure, Reply
from labserver.dialogues.masking import ACCOUNT, MECHANISM, Lexicon, harmless
from labserver.values import quick
from labserver.wire.framing import Framed, Framer, Overflow

if TYPE_CHECKING:
    from collections.abc import Callable

    from labserver.dialogues.exchange import Names
    from labserver.dialogues.masking import Standing

__all__ = ["WORDS", "Pop3Dialogue"]

_LOGIN_FAILURES: dict[LoginFailure, str] = {
    LoginFailure.REJECTED: "[AUTH] Authentication failed",
    LoginFailure.UNBOUND: "[AUTH] Authentication failed",
    LoginFailure.CANCELLED: "Authentication cancelled",
    LoginFailure.WITHDRAWN: "Authentication cancelled",
    LoginFailure.MALFORMED: "Cannot decode the response",
    LoginFailure.UNSUPPORTED: "Unsupported authentication mechanism",
    LoginFailure.NEEDS_TLS: "Start TLS with STLS first",
    LoginFailure.NOT_NOW: "Authentication is not possible now",
}

_FAREWELLS: dict[Farewell, str] = {
    Farewell.IDLE: "[SYS/TEMP] Idle too long, closing the connection",
    Farewell.SHUTDOWN: "[SYS/TEMP] Shutting down, closing the connection",
    Farewell.OVERLOADED: "[SYS/TEMP] Too many connections, try again later",
    Farewell.TOO_MANY_ERRORS: "[SYS/PERM] Too many errors, closing the connection",
    Farewell.LINE_TOO_LONG: "[SYS/PERM] Line too long, closing the connection",
    Farewell.HTTP: "[SYS/PERM] This is a mail server: HTTP is not spoken here, closing the connection",
    Farewell.INTERNAL: "[SYS/TEMP] Internal error, closing the connection",
}

WORDS = frozenset(
    "APOP AUTH CAPA DELE LANG LAST LIST NOOP PASS QUIT RETR RPOP RSET STAT STLS TOP UIDL USER UTF8 XTND".split()  # noqa: SIM905 -- a list of words is read more easily without its quotes
)

_LEXICON = Lexicon(
    head=re.compile(rb"[^ \r\n]*"),
    words=WORDS,
    harmless=harmless(
        APOP=ACCOUNT,  # a digest of the password follows it (RFC 1939 7)
        AUTH=MECHANISM,  # an initial response follows it (RFC 5034 4)
        LANG=rb" +(?:\*|[A-Z]{1,3}(?:-[A-Z0-9]{1,8}){0,4})(?!\S)",
        USER=ACCOUNT,
    ),
    readable=frozenset({"DELE", "LANG", "LIST", "RETR", "TOP", "UIDL"}),
)


def _error(text: str) -> Reply:
    return Reply.completion(b"-ERR %b\r\n" % text.encode(), "-ERR")


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Pop3Dialogue:
    """POP3."""

    line_limit: int
    upgrade_verb: str = "STLS"
    authenticate_verb: str = "AUTH"

    def framer(self) -> Framer:
        """Return a framer of command lines."""
        return Framer(line_limit=self.line_limit)

    def command(self, framed: Framed) -> Command:
        """Split a line into keyword and argument; a password keeps its spaces (RFC 1939 7, PASS)."""
        line = framed.parts[0]
        verb, _, argument = line.partition(b" ")
        return Command(
            verb=verb.upper().decode("ascii", "replace"), argument=argument, parts=framed.parts, raw=framed.raw
        )

    def overflow(self, overflow: Overflow) -> Reply:
        """Answer a line beyond the limit."""
        return _error(f"Line too long, at most {overflow.limit} octets")

    def go_ahead(self) -> Reply:
        """POP3 has no literals to let come."""
        raise NotImplementedError

    def upgrade_ready(self, command: Command) -> Reply:  # noqa: ARG002 -- the interface's; POP3 has no tags
        """Accept STLS (RFC 2595 4)."""
        return Reply.completion(b"+OK Begin TLS negotiation\r\n", "+OK")

    def upgrade_refused(self, command: Command, reason: str) -> Reply:  # noqa: ARG002 -- the interface's
        """Refuse STLS."""
        return _error(reason)

    def upgrade_unavailable(self, command: Command) -> Reply:  # noqa: ARG002 -- the interface's
        """Say -ERR."""
        return _error("TLS is temporarily not available")

    def unrecognized(self, command: Command) -> Reply:  # noqa: ARG002 -- the interface's
        """Say -ERR."""
        return _error("Unknown command")

    def relisted(self, command: Command | None, reply: Reply, change: Callable[[Names], Names]) -> Reply:
        """Change the lines of a reply to CAPA (RFC 2449 5)."""
        if command is None or command.verb != "CAPA" or not reply.raw.endswith(b"\r\n.\r\n"):
            return reply
        first, *lines = reply.raw.split(b"\r\n")[:-2]
        names = change(tuple(line.decode("ascii", "replace") for line in lines))
        listed = [name.encode("ascii", "replace") for name in names]
        raw = b"\r\n".join([first, *listed, b".", b""])
        return reply if raw == reply.raw else replace(reply, raw=raw)

    def challenge(self, data: bytes) -> Reply:
        """Send a SASL challenge (RFC 5034 4)."""
        return replace(Reply.continuation(b"+ " + base64.b64encode(data) + b"\r\n"), challenge=data)

    def login_failed(self, command: Command, failure: LoginFailure) -> Reply:  # noqa: ARG002 -- the interface's
        """Answer a failed AUTH (RFC 3206 for the response code)."""
        return _error(_LOGIN_FAILURES[failure])

    def farewell(self, reason: Farewell) -> Reply:
        """Say -ERR before closing (RFC 2449 8.1.1 for the codes)."""
        return Reply.farewell(b"-ERR %b\r\n" % _FAREWELLS[reason].encode(), "-ERR")

    def word(self, command: Command) -> str:
        """Return the keyword if it is one."""
        return command.verb if command.verb in WORDS else ""

    def masked(self, command: Command, standing: Standing) -> bytes:
        """Mask all but what is known to be harmless, before login as after it."""
        return _LEXICON.shown(command, standing)

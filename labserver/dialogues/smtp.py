"""SMTP's spelling of what the membrane says (RFC 5321, RFC 3207, RFC 4954; enhanced codes RFC 3463)."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from labserver.dialogues.exchange import Command, Farewell, LoginFailure, Reply
from labserver.dialogues.masking import ACCOUNT, HOST_NAME, MECHANISM, Lexicon, harmless
from labserver.values import quick
from labserver.wire.framing import SHOWN, Framed, Framer, Overflow

if TYPE_CHECKING:
    from collections.abc import Callable

    from labserver.dialogues.exchange import Names
    from labserver.dialogues.masking import Standing

__all__ = ["WORDS", "SmtpDialogue"]

_LISTING = frozenset({"EHLO", "LHLO"})

_LOGIN_FAILURES: dict[LoginFailure, str] = {
    LoginFailure.REJECTED: "535 5.7.8 Authentication credentials invalid",
    LoginFailure.UNBOUND: "535 5.7.8 Authentication credentials invalid",
    LoginFailure.CANCELLED: "501 5.7.0 Authentication cancelled",
    LoginFailure.WITHDRAWN: "501 5.7.0 Authentication cancelled",
    LoginFailure.MALFORMED: "501 5.5.2 Cannot decode the response",
    LoginFailure.UNSUPPORTED: "504 5.5.4 Unrecognized authentication mechanism",
    LoginFailure.NEEDS_TLS: "538 5.7.11 Encryption required for requested authentication mechanism",
    LoginFailure.NOT_NOW: "503 5.5.1 Authentication is not possible now",
}

_FAREWELLS: dict[Farewell, str] = {
    Farewell.IDLE: "421 4.4.2 Idle too long, closing the connection",
    Farewell.SHUTDOWN: "421 4.3.2 Shutting down, closing the connection",
    Farewell.OVERLOADED: "421 4.3.2 Too many connections, try again later",
    Farewell.TOO_MANY_ERRORS: "421 4.7.0 Too many errors, closing the connection",
    Farewell.LINE_TOO_LONG: "421 4.5.2 Line too long, closing the connection",
    Farewell.HTTP: "421 4.7.0 This is a mail server: HTTP is not spoken here, closing the connection",
    Farewell.INTERNAL: "421 4.3.0 Internal error, closing the connection",
}

WORDS = frozenset(
    """
    ATRN AUTH BDAT BURL DATA EHLO ETRN EXPN HELO HELP LHLO MAIL NOOP QUIT RCPT RSET SAML SEND SOML STARTTLS TURN VRFY
    XCLIENT XFORWARD
    """.split()  # noqa: SIM905 -- a list of words is read more easily without its quotes
)
_HELLO = rb" +" + HOST_NAME + rb"(?!\S)"
_PATH = rb'(?:<(?:"(?:[^"\\\r\n]|\\.)*"|[^<>\s"])*>|[^<>\s"]+@[^<>\s"]+)(?!\S)'
"""An address; without its brackets, as some clients have it, one that is not just a word."""
_PARAMETERS = (
    rb"(?: +(?:SIZE=\d{1,20}|BODY=(?:7BIT|8BITMIME|BINARYMIME)|SMTPUTF8|REQUIRETLS|RET=(?:FULL|HDRS)|ENVID=\S+"
    rb"|AUTH=(?:<>|\S+@\S+)|NOTIFY=(?:NEVER|SUCCESS|FAILURE|DELAY|,)+|ORCPT=[A-Z0-9-]+;\S+)(?!\S))*"
)
"""Those of RFC 1870, 3030, 3461, 4954, 6152, 6531 and 8689."""

_LEXICON = Lexicon(
    head=re.compile(rb"[ \t]*[^ \r\n]*"),
    words=WORDS,
    harmless=harmless(
        AUTH=MECHANISM,  # an initial response follows it (RFC 4954 4)
        BDAT=rb" +\d{1,19}(?: +LAST)?(?!\S)",
        EHLO=_HELLO,
        EXPN=ACCOUNT,
        HELO=_HELLO,
        HELP=rb" +(?:%b)(?!\S)" % "|".join(sorted(WORDS)).encode(),
        LHLO=_HELLO,
        MAIL=rb" +FROM: *" + _PATH + _PARAMETERS,
        RCPT=rb" +TO: *" + _PATH + _PARAMETERS,
        VRFY=ACCOUNT,
    ),
    readable=frozenset({"EXPN", "MAIL", "RCPT", "VRFY"}),
)


def _reply(text: str) -> Reply:
    return Reply.completion(text.encode() + b"\r\n", text[:3])


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpDialogue:
    """SMTP, submission and LMTP."""

    line_limit: int
    shown: int = SHOWN
    """Octets of mail data that the transcript has."""
    upgrade_verb: str = "STARTTLS"
    authenticate_verb: str = "AUTH"

    def framer(self) -> Framer:
        """Return a framer of command lines, mail data and chunks."""
        return Framer(line_limit=self.line_limit, shown=self.shown)

    def command(self, framed: Framed) -> Command:
        """Split a line into verb and argument."""
        line = framed.parts[0].strip(b" \t")
        verb, _, argument = line.partition(b" ")
        return Command(
            verb=verb.upper().decode("ascii", "replace"), argument=argument.strip(), parts=framed.parts, raw=framed.raw
        )

    def overflow(self, overflow: Overflow) -> Reply:
        """Answer a command line beyond the limit (RFC 5321 4.5.3.1.4)."""
        return _reply(f"500 5.5.2 Line too long, at most {overflow.limit} octets")

    def go_ahead(self) -> Reply:
        """SMTP has no literals to let come."""
        raise NotImplementedError

    def upgrade_ready(self, command: Command) -> Reply:  # noqa: ARG002 -- the interface's; SMTP has no tags
        """Accept STARTTLS (RFC 3207 4)."""
        return _reply("220 2.0.0 Ready to start TLS")

    def upgrade_refused(self, command: Command, reason: str) -> Reply:
        """Refuse STARTTLS: 501 for an argument (RFC 3207 4), 503 otherwise."""
        return _reply(f"501 5.5.4 {reason}" if command.argument else f"503 5.5.1 {reason}")

    def upgrade_unavailable(self, command: Command) -> Reply:  # noqa: ARG002 -- the interface's
        """Say 454 (RFC 3207 4)."""
        return _reply("454 4.7.0 TLS not available due to temporary reason")

    def unrecognized(self, command: Command) -> Reply:
        """Say 500 (RFC 5321 4.2.4)."""
        return _reply(f"500 5.5.1 Command {command.verb} not recognized")

    def relisted(self, command: Command | None, reply: Reply, change: Callable[[Names], Names]) -> Reply:
        """Change the keywords of a reply to EHLO or LHLO; the first line is the server's name (RFC 5321 4.1.1.1)."""
        if command is None or command.verb not in _LISTING or not reply.raw.startswith(b"250"):
            return reply
        name, *keywords = [line[4:].decode("ascii", "replace") for line in reply.raw.splitlines()]
        lines = [name, *change(tuple(keywords))]
        raw = "".join(f"250-{line}\r\n" for line in lines[:-1]) + f"250 {lines[-1]}\r\n"
        octets = raw.encode("ascii", "replace")
        return reply if octets == reply.raw else replace(reply, raw=octets)

    def challenge(self, data: bytes) -> Reply:
        """Send a SASL challenge (RFC 4954 4)."""
        return replace(Reply.continuation(b"334 " + base64.b64encode(data) + b"\r\n", "334"), challenge=data)

    def login_failed(self, command: Command, failure: LoginFailure) -> Reply:  # noqa: ARG002 -- the interface's
        """Answer a failed AUTH (RFC 4954 4, 6)."""
        return _reply(_LOGIN_FAILURES[failure])

    def farewell(self, reason: Farewell) -> Reply:
        """Say 421 (RFC 5321 3.8)."""
        text = _FAREWELLS[reason]
        return Reply.farewell(text.encode() + b"\r\n", text[:3])

    def word(self, command: Command) -> str:
        """Return the verb if it is one."""
        return command.verb if command.verb in WORDS else ""

    def masked(self, command: Command, standing: Standing) -> bytes:
        """Mask all but what is known to be harmless, before login as after it."""
        return _LEXICON.shown(command, standing)

"""The first words of a connection."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import msgspec

from labserver.dialogues.exchange import Preauthenticate, Reply, ReplyKind
from labserver.misbehaviours.base import Misbehaviour
from labserver.misbehaviours.kinds.fields import OneLine, Tag
from labserver.misbehaviours.moment import Occasion
from labserver.misbehaviours.spelling import is_smtp
from labserver.misbehaviours.words import repeated
from labserver.services import ProtocolName

if TYPE_CHECKING:
    from labserver.misbehaviours.base import Steps
    from labserver.misbehaviours.moment import Moment

__all__ = ["Endless", "Foreign", "Preauthenticated", "Tagged"]

_GREETING = frozenset({Occasion.GREETING})
_STATUS = re.compile(rb"\A\* OK (\[[^\]]*\] )?")


class Preauthenticated(Misbehaviour, frozen=True, kw_only=True, tag="preauth"):
    """It says PREAUTH: the client is logged in from the start, and in clear STARTTLS is not possible any more.

    A client that wants TLS must close the connection (RFC 9051 7.1.4; CVE-2020-12398, CVE-2020-14093). Capabilities are
    those of the authenticated state.
    """

    on: ClassVar[frozenset[Occasion]] = _GREETING
    possible: ClassVar[frozenset[Occasion]] = _GREETING
    protocols: ClassVar[frozenset[str]] = frozenset({"imap"})
    example: ClassVar[dict[str, Any]] = {"when": {"phase": "clear"}}

    def exchange(self, honest: Steps, moment: Moment) -> Steps:  # noqa: ARG002 -- the hook's
        """Log the client in, then yield the greeting as PREAUTH."""
        yield Preauthenticate()
        for step in honest:
            if isinstance(step, Reply):
                yield replace(step, raw=_STATUS.sub(rb"* PREAUTH \1", step.raw), code="PREAUTH")
            else:
                yield step


_OTHERS: dict[str, bytes] = {
    "http": b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    "ssh": b"SSH-2.0-OpenSSH_9.2\r\n",
    "ftp": b"220 FTP server ready\r\n",
    "smtp": b"220 mail.example.test ESMTP\r\n",
    "imap": b"* OK IMAP4rev1 ready\r\n",
    "pop3": b"+OK POP3 ready\r\n",
    "tls-alert": b"\x15\x03\x01\x00\x02\x02\x28",
}


class Foreign(Misbehaviour, frozen=True, kw_only=True, tag="foreign-greeting"):
    """It greets in another protocol, as if somebody had mixed up the ports; the dialogue then goes on as usual.

    A client must not send credentials to what is not a server of its protocol (ALPACA, 2021).
    """

    on: ClassVar[frozenset[Occasion]] = _GREETING
    possible: ClassVar[frozenset[Occasion]] = _GREETING
    example: ClassVar[dict[str, Any]] = {"protocol": "http"}

    protocol: Literal["http", "ssh", "ftp", "smtp", "imap", "pop3", "tls-alert"]
    """Whose greeting it is; ``tls-alert`` is handshake_failure."""

    @property
    def replaces(self) -> bool:
        """Return True."""
        return True

    def exchange(self, honest: Steps, moment: Moment) -> Steps:  # noqa: ARG002 -- the hook's
        """Yield the other greeting."""
        yield Reply.greeting(_OTHERS[self.protocol])


class Tagged(Misbehaviour, frozen=True, kw_only=True, tag="tagged-greeting"):
    """It greets with a tag, as if it answered a command that the client has not sent yet.

    With a tag that the client will use, the reply must not be taken for that command's (CVE-2026-42246).
    """

    on: ClassVar[frozenset[Occasion]] = _GREETING
    possible: ClassVar[frozenset[Occasion]] = _GREETING
    protocols: ClassVar[frozenset[str]] = frozenset({"imap"})
    example: ClassVar[dict[str, Any]] = {"tags": ["a1", "a001"], "greets": True}

    tags: tuple[Tag, ...] = ("A1",)
    """The tags, a line for each."""
    greets: bool = False
    """Whether the honest greeting comes first."""
    text: OneLine = "ready"
    """What is said with OK."""

    def exchange(self, honest: Steps, moment: Moment) -> Steps:  # noqa: ARG002 -- the hook's
        """Yield the tagged lines, behind the greeting if that is wanted."""
        if self.greets:
            yield from honest
        lines = "".join(f"{tag} OK {self.text}\r\n" for tag in self.tags)
        yield Reply.greeting(lines.encode(), "OK")


class Endless(Misbehaviour, frozen=True, kw_only=True, tag="endless-greeting"):
    """Its greeting does not end: there is one more line for as long as the client reads.

    A client needs a limit on all of a reply (RFC 5321 4.2.1 has none for the number of lines).
    """

    on: ClassVar[frozenset[Occasion]] = _GREETING
    possible: ClassVar[frozenset[Occasion]] = _GREETING
    example: ClassVar[dict[str, Any]] = {"octets": 100_000}

    octets: Annotated[int, msgspec.Meta(ge=1_000, le=1 << 30)] = 1 << 30
    """After how many octets it gives up."""

    @property
    def replaces(self) -> bool:
        """Return True."""
        return True

    def exchange(self, honest: Steps, moment: Moment) -> Steps:  # noqa: ARG002 -- the hook's
        """Yield one long reply."""
        line = b"* OK Still greeting\r\n" if moment.protocol is ProtocolName.IMAP else b"+OK Still greeting\r\n"
        line = b"220-Still greeting\r\n" if is_smtp(moment.protocol) else line
        yield repeated(line, self.octets // len(line), ReplyKind.GREETING)

"""The reference clients' IMAP (RFC 9051)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.reference.session import Session
from tests.reference.steps import EndedError, RefusedError, Send

if TYPE_CHECKING:
    from collections.abc import Generator

    from tests.reference.steps import Step

__all__ = ["Imap"]

_LITERAL = re.compile(rb"\{(\d+)\}$")
_UID = re.compile(rb"\bUID (\d+)")
_EXISTS = re.compile(rb"\* (\d+) EXISTS$")
_VALIDITY = re.compile(rb"\* OK \[UIDVALIDITY (\d+)\]")
_DRAFT = b"Subject: kept\r\n\r\nHello!\r\n"
_CAPABILITY = re.compile(rb"^(?:\* |\S+ OK \[)CAPABILITY ([^]]*)")
_MOST_RESPONSES = 10_000


class Imap(Session):
    """One connection."""

    upgrade = b"STARTTLS"
    in_turn = False

    def __init__(self, *given: object) -> None:
        super().__init__(*given)  # type: ignore[arg-type]  # what the base class takes
        self._tag = 0
        self._leaving = False
        self._offered: set[str] = set()
        self._completion = b""
        self._told: set[str] | None = None
        """Capabilities that came with the reply to STARTTLS, which a careful client does not look at."""

    def greeted(self) -> Generator[Step, bytes, bool]:
        """Read the greeting; a deaf client takes any."""
        line = yield from self.line()
        if line.startswith(b"* PREAUTH") and not (self.traits.careful and not self.secure):
            return True
        if line.startswith(b"* BYE") and not self.traits.deaf:
            raise EndedError
        if not line.startswith(b"* OK") and not self.traits.deaf:
            raise RefusedError
        if self.traits.careful and b"* OK" in self.buffer:
            raise RefusedError  # greeted twice
        return False

    def capabilities(self) -> Generator[Step, bytes, set[str]]:
        """Ask for capabilities."""
        if self._told is not None:
            self._offered, self._told = self._told, None
            return self._offered
        _, lines = yield from self._ask(b"CAPABILITY")
        self._offered = _listed(lines) or set()
        return self._offered

    def upgraded(self) -> Generator[Step, bytes, bool]:
        """Say STARTTLS; only OK starts TLS."""
        done, lines = yield from self._ask(self.upgrade)
        if not self.traits.careful:
            self._told = _listed([*lines, self._completion])
        return done

    def command(self, line: bytes) -> Generator[Step, bytes, bool]:
        """Send a command and return whether it succeeded, or is taken to have."""
        done, _ = yield from self._ask(line)
        return done or self.traits.deaf

    def plain_log_in(self) -> Generator[Step, bytes, bool]:
        """Say LOGIN; a careful client that is told not to says AUTHENTICATE (RFC 9051 6.2.3)."""
        if self.traits.careful and "LOGINDISABLED" in self._offered:
            return (yield from self.attempt("PLAIN"))
        yield from self.say(self.credentials())
        return (yield from self.authenticated())

    def credentials(self) -> bytes:
        """Return LOGIN with the name and the password."""
        self._tag += 1
        user, password = (re.sub(r'(["\\])', r"\\\1", word) for word in (self.account.user, self.account.password))
        return f'a{self._tag} LOGIN "{user}" "{password}"\r\n'.encode()

    def authenticating(self, mechanism: str) -> bytes:
        """Return the command that begins an authentication."""
        self._tag += 1
        return b"a%d AUTHENTICATE %b" % (self._tag, mechanism.encode())

    def authenticated(self) -> Generator[Step, bytes, bool]:
        """Read the reply that ends an authentication."""
        done, _ = yield from self._answer()
        return done

    def initial_response(self) -> bool:
        """Return whether the server takes one (RFC 4959), of which a client with little to do makes no use."""
        return self.traits.thorough and "SASL-IR" in self._offered

    def work(self) -> Generator[Step, bytes, None]:
        """Open the mailbox; where there is a whole job to do, read, wait, keep a draft and open it again."""
        done, lines = yield from self._ask(b"SELECT INBOX")
        if self.traits.thorough:
            if not done and not self.traits.deaf:
                raise RefusedError
            yield from self._read_and_keep(lines)
        self._leaving = True
        yield from self.command(b"LOGOUT")

    def _read_and_keep(self, selected: list[bytes]) -> Generator[Step, bytes, None]:
        """Do with the selected mailbox what mail clients do."""
        yield from self._ask(b'LIST "" "*"')
        uid = b"1"
        if told := int(_first(_EXISTS, selected, b"0")):
            _, lines = yield from self._ask(b"UID FETCH 1:* (UID FLAGS)")
            while not self.traits.careful and len(lines) < told:  # it was told that there are so many
                lines.append((yield from self._response()))
            uid = max((found[1] for line in lines if (found := _UID.search(line))), key=int, default=uid)
            _, lines = yield from self._ask(b"UID FETCH %b (UID BODY.PEEK[])" % uid)
            if self.traits.careful and any(b"BODY[]" in line and b"UID " + uid not in line for line in lines):
                raise RefusedError  # another message than the one that was asked for
        yield from self.command(b"NOOP")
        yield from self.command(b"NOOP")
        yield from self._idle()
        yield from self._append()
        _, again = yield from self._ask(b"SELECT INBOX")
        same = _first(_VALIDITY, selected, b"") == _first(_VALIDITY, again, b"")
        if not self.traits.careful:  # it is sure to have it, so away with it, whatever message that is by now
            yield from self.command(b"UID STORE %b +FLAGS (\\Deleted)" % uid)
            yield from self.command(b"EXPUNGE")
        elif same:
            yield from self.command(b"UID STORE %b +FLAGS (\\Seen)" % uid)

    def _idle(self) -> Generator[Step, bytes, None]:
        """Begin to wait, and end it at once (RFC 2177)."""
        yield from self._begin(b"IDLE")
        if (yield from self._may_go_on()):
            yield Send(b"DONE\r\n")
            yield from self._answer()

    def _append(self) -> Generator[Step, bytes, None]:
        """Keep a draft; its octets are sent when the server says so."""
        yield from self._begin(b"APPEND INBOX (\\Draft) {%d}" % len(_DRAFT))
        if (yield from self._may_go_on()):
            yield Send(_DRAFT + b"\r\n")
            yield from self._answer()
        elif self.traits.deaf:
            yield Send(_DRAFT + b"\r\n")

    def _may_go_on(self) -> Generator[Step, bytes, bool]:
        """Wait for the continuation request; return False if the command was answered instead."""
        tag = b"a%d " % self._tag
        while True:
            line = yield from self._response()
            if line.startswith(b"+"):
                return True
            if line.startswith(tag):
                return False
            self._look_at(line)

    def _begin(self, line: bytes) -> Generator[Step, bytes, None]:
        self._tag += 1
        yield from self.say(b"a%d %b\r\n" % (self._tag, line))

    def _ask(self, line: bytes) -> Generator[Step, bytes, tuple[bool, list[bytes]]]:
        yield from self._begin(line)
        return (yield from self._answer())

    def _answer(self) -> Generator[Step, bytes, tuple[bool, list[bytes]]]:
        tag, lines = b"a%d " % self._tag, list[bytes]()
        while True:
            line = yield from self._response()
            if line.startswith(tag):
                self._completion = line
                return line.startswith(tag + b"OK"), lines
            self._look_at(line)
            lines.append(line)
            if self.traits.careful and len(lines) > _MOST_RESPONSES:
                raise RefusedError

    def _look_at(self, line: bytes) -> None:
        if line.startswith(b"* BYE") and not self._leaving and not self.traits.deaf:
            raise EndedError

    def _response(self) -> Generator[Step, bytes, bytes]:
        """Read a response with the literals in it."""
        line = yield from self.line()
        while found := _LITERAL.search(line):
            data = yield from self.octets(int(found[1]))
            line += b"\r\n" + data + (yield from self.line())
        return line


def _listed(lines: list[bytes]) -> set[str] | None:
    """Return the capabilities that lines list last; None if they list none."""
    lists = [found[1] for line in lines if (found := _CAPABILITY.search(line))]
    return {name.upper() for name in lists[-1].decode("latin-1").split()} if lists else None


def _first(pattern: re.Pattern[bytes], lines: list[bytes], usual: bytes) -> bytes:
    """Return what a pattern finds first."""
    return next((found[1] for line in lines if (found := pattern.match(line))), usual)

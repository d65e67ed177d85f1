"""The reference clients' POP3 (RFC 1939)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.reference.session import Session
from tests.reference.steps import RefusedError

if TYPE_CHECKING:
    from collections.abc import Generator

    from tests.reference.steps import Step

__all__ = ["Pop3"]

_MOST_LINES = 10_000


class Pop3(Session):
    """One connection."""

    upgrade = b"STLS"

    def greeted(self) -> Generator[Step, bytes, bool]:
        """Read the greeting; a deaf client takes any."""
        if not (yield from self.line()).startswith(b"+OK") and not self.traits.deaf:
            raise RefusedError
        return False

    def capabilities(self) -> Generator[Step, bytes, set[str]]:
        """Ask for capabilities (RFC 2449)."""
        yield from self.say(b"CAPA\r\n")
        if not (yield from self.line()).startswith(b"+OK"):
            return set()
        names = set()
        for line in (yield from self._lines()):
            words = line.decode("latin-1").upper().split()
            names |= {f"AUTH={one}" for one in words[1:]} if words[:1] == ["SASL"] else {" ".join(words)}
        return names

    def upgraded(self) -> Generator[Step, bytes, bool]:
        """Say STLS; only +OK starts TLS."""
        yield from self.say(self.upgrade + b"\r\n")
        return (yield from self.authenticated())

    def command(self, line: bytes) -> Generator[Step, bytes, bool]:
        """Send a command and return whether it succeeded, or is taken to have."""
        yield from self.say(line + b"\r\n")
        return (yield from self.line()).startswith(b"+OK") or self.traits.deaf

    def plain_log_in(self) -> Generator[Step, bytes, bool]:
        """Say USER and PASS."""
        done = True
        for line in self.credentials().splitlines():
            done = done and (yield from self.command(line))
        return done

    def credentials(self) -> bytes:
        """Return USER and PASS."""
        return f"USER {self.account.user}\r\nPASS {self.account.password}\r\n".encode()

    def authenticating(self, mechanism: str) -> bytes:
        """Return the command that begins an authentication."""
        return b"AUTH " + mechanism.encode()

    def authenticated(self) -> Generator[Step, bytes, bool]:
        """Read the reply that ends an authentication."""
        return (yield from self.line()).startswith(b"+OK")

    def initial_response(self) -> bool:
        """Return True (RFC 5034 4)."""
        return True

    def work(self) -> Generator[Step, bytes, None]:
        """Ask what there is; where there is a whole job to do, list and read it, and a reckless client deletes it."""
        yield from self.command(b"STAT")
        if self.traits.thorough:
            for line in (b"LIST", b"UIDL", b"RETR 1"):
                yield from self.say(line + b"\r\n")
                if (yield from self.line()).startswith(b"+OK"):
                    yield from self._lines()
            if not self.traits.careful:
                yield from self.command(b"DELE 1")
            yield from self.command(b"NOOP")
            yield from self.command(b"NOOP")
        yield from self.command(b"QUIT")

    def _lines(self) -> Generator[Step, bytes, list[bytes]]:
        """Read lines up to the dot."""
        lines: list[bytes] = []
        while (line := (yield from self.line())) != b".":
            lines.append(line.removeprefix(b"."))
            if self.traits.careful and len(lines) > _MOST_LINES:
                raise RefusedError
        return lines

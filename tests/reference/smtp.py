"""The reference clients' SMTP (RFC 5321)."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from tests.reference.session import Session
from tests.reference.steps import EndedError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Generator

    from tests.reference.steps import Step

__all__ = ["Smtp"]

_LEAST = b"Subject: reference\r\n\r\nHello!\r\n."
_MESSAGE = b"Subject: reference\r\n\r\nHello!\r\n..\r\n..a dot\r\n."
"""With dots, as they are sent (RFC 5321 4.5.2)."""
_ANOTHER = _MESSAGE.replace(b"reference", b"another")
_MOST_LINES = 1_000


class Smtp(Session):
    """One connection."""

    upgrade = b"STARTTLS"
    _accepted = False
    """The last command was answered with a 2yz."""

    def greeted(self) -> Generator[Step, bytes, bool]:
        """Read the greeting; a deaf client takes any."""
        code, _ = yield from self._reply()
        if code == b"421":
            raise EndedError
        if code != b"220" and not self.traits.deaf:
            raise RefusedError
        return False

    def capabilities(self) -> Generator[Step, bytes, set[str]]:
        """Say EHLO; a deaf client says HELO where that is not known."""
        yield from self.say(b"EHLO client.lab.test\r\n")
        code, lines = yield from self._reply()
        if code != b"250":
            if not self.traits.deaf:
                raise RefusedError
            yield from self.command(b"HELO client.lab.test")
            return set()
        names = {line.decode("latin-1").upper() for line in lines[1:]}
        lists = [name.split()[1:] for name in names if name.startswith("AUTH ")]
        return names | {f"AUTH={one}" for mechanisms in lists for one in mechanisms}

    def upgraded(self) -> Generator[Step, bytes, bool]:
        """Say STARTTLS; only 220 starts TLS."""
        yield from self.say(self.upgrade + b"\r\n")
        code, _ = yield from self._reply()
        return code == b"220"

    def command(self, line: bytes) -> Generator[Step, bytes, bool]:
        """Send a command and return whether it succeeded, or is taken to have."""
        yield from self.say(line + b"\r\n")
        code, _ = yield from self._reply()
        self.refused_for_now, self._accepted = code[:1] == b"4", code[:1] == b"2"
        if code == b"421" and not self.traits.deaf:
            raise EndedError
        return code[:1] in (b"2", b"3") or self.traits.deaf

    def plain_log_in(self) -> Generator[Step, bytes, bool]:
        """Say AUTH PLAIN with everything in it."""
        yield from self.say(self.credentials())
        return (yield from self.authenticated())

    def credentials(self) -> bytes:
        """Return AUTH PLAIN with the name and the password (RFC 4616)."""
        message = f"\0{self.account.user}\0{self.account.password}"
        return b"AUTH PLAIN " + base64.b64encode(message.encode()) + b"\r\n"

    def authenticating(self, mechanism: str) -> bytes:
        """Return the command that begins an authentication."""
        return b"AUTH " + mechanism.encode()

    def authenticated(self) -> Generator[Step, bytes, bool]:
        """Read the reply that ends an authentication."""
        code, _ = yield from self._reply()
        return code == b"235"

    def initial_response(self) -> bool:
        """Return True (RFC 4954 4)."""
        return True

    def work(self) -> Generator[Step, bytes, None]:
        """Send a mail, and where there is a whole job to do, one to two recipients, and another."""
        address = self.account.address.encode()
        recipients = [address, b"second@lab.test"] if self.traits.thorough else [address]
        taken = yield from self._hand_over(address, recipients, _MESSAGE if self.traits.thorough else _LEAST)
        if self.traits.thorough:
            for line in (b"NOOP", b"RSET", b"NOOP"):
                yield from self.command(line)
            stubborn = not taken and not self.traits.careful
            yield from self._hand_over(address, [address], _MESSAGE if stubborn else _ANOTHER)
        yield from self.command(b"QUIT")

    def _hand_over(self, sender: bytes, recipients: list[bytes], message: bytes) -> Generator[Step, bytes, bool]:
        """Send a message; return whether the server says that it has taken it."""
        if not (yield from self.persisted(b"MAIL FROM:<" + sender + b">")):
            raise RefusedError
        accepted = 0
        for recipient in recipients:
            accepted += yield from self.persisted(b"RCPT TO:<" + recipient + b">")
        if not accepted:
            raise RefusedError
        if not (yield from self._data()):
            raise RefusedError
        yield from self.command(message)
        return self._accepted

    def _data(self) -> Generator[Step, bytes, bool]:
        """Say DATA; mail may follow 354 only."""
        yield from self.say(b"DATA\r\n")
        code, _ = yield from self._reply()
        if code == b"421" and not self.traits.deaf:
            raise EndedError
        return code == b"354" or self.traits.deaf

    def _reply(self) -> Generator[Step, bytes, tuple[bytes, list[bytes]]]:
        lines: list[bytes] = []
        code = b""
        while True:
            line = yield from self.line()
            if self.traits.careful and lines and line[:3] != code:
                raise RefusedError  # RFC 5321 4.2.1: the same code in every line
            code = line[:3]
            lines.append(line[4:])
            if line[3:4] != b"-":
                return code, lines
            if self.traits.careful and len(lines) > _MOST_LINES:
                raise RefusedError

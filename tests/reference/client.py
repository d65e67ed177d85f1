"""A mail client as a generator of steps, without I/O: strict or gullible by its traits, the dialogue the same.

It does a whole job, so that whoever believes the server shows it: it looks at the capabilities, starts TLS, logs in,
and sends or reads a message. Drivers (:mod:`tests.reference.sockets`, :mod:`tests.reference.memory`) perform the steps.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labserver.services import SERVICES, ProtocolName
from tests.reference.scram import ScramClient

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = [
    "GULLIBLE",
    "STRICT",
    "Account",
    "Connect",
    "Receive",
    "RefusedError",
    "Send",
    "StartTls",
    "Step",
    "Traits",
    "client",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What a client is careful about."""

    name: str
    careful: bool
    """It verifies, insists on TLS, forgets what came before it, checks proofs, and takes no for an answer."""
    patience: float | None
    """Seconds it waits for the server; None for ever."""


STRICT = Traits(name="strict", careful=True, patience=3.0)
"""Right in every respect."""
GULLIBLE = Traits(name="gullible", careful=False, patience=None)
"""Falls for everything."""


@dataclass(frozen=True, slots=True)
class Connect:
    """Open a new connection, the old one is dropped; ``tls`` from the first octet."""

    tls: bool


@dataclass(frozen=True, slots=True)
class Send:
    """Send octets."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Receive:
    """Wait for octets: they are the value of the step, empty at the end or where patience ended."""


@dataclass(frozen=True, slots=True)
class StartTls:
    """Shake hands; the driver raises :class:`RefusedError` in here where that fails."""


Step = Connect | Send | Receive | StartTls


class RefusedError(Exception):
    """The client stops."""


class RejectedError(RefusedError):
    """The server did not want the credentials."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who the client is."""

    user: str
    password: str
    address: str


def client(service_name: str, traits: Traits, account: Account) -> Generator[Step, bytes, None]:
    """Return the client of a service."""
    service = SERVICES[service_name]
    session = _SESSIONS[service.protocol](traits, account)
    try:
        yield Connect(service.implicit_tls)
        session.secure = service.implicit_tls
        yield from session.talk()
    except RejectedError:
        if not traits.careful:
            yield from _again_in_clear(session, implicit=service.implicit_tls)
    except RefusedError:
        return


def _again_in_clear(session: _Session, *, implicit: bool) -> Generator[Step, bytes, None]:
    """Try once more without TLS; where the port speaks TLS only, without waiting for a greeting that never comes."""
    session.secure, session.buffer = False, b""
    yield Connect(tls=False)
    try:
        if not implicit:
            yield from session.greeted()
        yield Send(session.credentials())
        yield Receive()
    except RefusedError:
        return


class _Session:
    """What the protocols have in common."""

    upgrade = b""

    def __init__(self, traits: Traits, account: Account) -> None:
        self.traits = traits
        self.account = account
        self.secure = False
        self.buffer = b""

    def talk(self) -> Generator[Step, bytes, None]:
        """Do the whole job."""
        if not (yield from self.greeted()):
            offered = yield from self.capabilities()
            hasty = not self.traits.careful and "PLAIN" in self.mechanisms(offered)
            if not self.secure and not hasty:
                offered = yield from self._secured(offered)
            yield from self.log_in(self.mechanisms(offered))
        yield from self.work()

    def greeted(self) -> Generator[Step, bytes, bool]:
        """Read the greeting; return whether the server says that the client is logged in."""
        raise NotImplementedError

    def capabilities(self) -> Generator[Step, bytes, set[str]]:
        """Ask for capabilities."""
        raise NotImplementedError

    def command(self, line: bytes) -> Generator[Step, bytes, bool]:
        """Send a command and return whether it succeeded."""
        raise NotImplementedError

    def log_in(self, mechanisms: set[str]) -> Generator[Step, bytes, None]:
        """Log in; raises RejectedError."""
        raise NotImplementedError

    def credentials(self) -> bytes:
        """Return all that is to be said to log in, as a client that waits for nothing says it."""
        raise NotImplementedError

    def work(self) -> Generator[Step, bytes, None]:
        """Do what one logs in for, and say goodbye."""
        raise NotImplementedError

    def _secured(self, offered: set[str]) -> Generator[Step, bytes, set[str]]:
        upgrade = self.upgrade.decode()
        if upgrade not in offered or not (yield from self.command(self.upgrade)):
            if self.traits.careful:
                raise RefusedError
            return offered
        if self.traits.careful:
            self.buffer = b""
        yield StartTls()
        self.secure = True
        return (yield from self.capabilities())

    def mechanisms(self, offered: set[str]) -> set[str]:
        """Return the SASL mechanisms among the capabilities."""
        return {name.partition("=")[2] for name in offered if name.startswith("AUTH=")}

    def line(self) -> Generator[Step, bytes, bytes]:
        """Read a line, its end left out."""
        while b"\r\n" not in self.buffer:
            data = yield Receive()
            if not data:
                raise RefusedError
            self.buffer += data
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line

    def challenged(self) -> Generator[Step, bytes, bytes | None]:
        """Read a challenge, decoded; None if the server ended the exchange."""
        line = yield from self.line()
        if not line.startswith((b"334", b"+ ")):
            self.buffer = line + b"\r\n" + self.buffer
            return None
        return base64.b64decode(line.partition(b" ")[2])

    def scram(self, start: bytes, *, initial: bool) -> Generator[Step, bytes, None]:
        """Run SCRAM-SHA-256 behind the command ``start``; the reply that ends it is left to be read."""
        exchange = ScramClient(self.account.user, self.account.password)
        first = base64.b64encode(exchange.first())
        yield Send(start + b" " + first + b"\r\n" if initial else start + b"\r\n")
        if not initial:
            yield from self.challenged()
            yield Send(first + b"\r\n")
        challenge = yield from self.challenged()
        if challenge is None:
            return
        yield Send(base64.b64encode(exchange.final(challenge)) + b"\r\n")
        proof = yield from self.challenged()
        if proof is None:
            return
        if self.traits.careful and not exchange.proved(proof):
            yield Send(b"*\r\n")
            raise RefusedError
        yield Send(b"\r\n")


class _Smtp(_Session):
    upgrade = b"STARTTLS"

    def greeted(self) -> Generator[Step, bytes, bool]:
        code, _ = yield from self._reply()
        if code != b"220":
            raise RefusedError
        return False

    def capabilities(self) -> Generator[Step, bytes, set[str]]:
        yield Send(b"EHLO client.lab.test\r\n")
        code, lines = yield from self._reply()
        if code != b"250":
            raise RefusedError
        names = {line.decode().upper() for line in lines[1:]}
        lists = [name.split()[1:] for name in names if name.startswith("AUTH ")]
        return names | {f"AUTH={one}" for mechanisms in lists for one in mechanisms}

    def command(self, line: bytes) -> Generator[Step, bytes, bool]:
        yield Send(line + b"\r\n")
        code, _ = yield from self._reply()
        return code[:1] in (b"2", b"3")

    def log_in(self, mechanisms: set[str]) -> Generator[Step, bytes, None]:
        if "PLAIN" in mechanisms:
            yield Send(self.credentials())
        else:
            yield from self.scram(b"AUTH SCRAM-SHA-256", initial=True)
        code, _ = yield from self._reply()
        if code != b"235":
            raise RejectedError

    def credentials(self) -> bytes:
        message = f"\0{self.account.user}\0{self.account.password}"  # RFC 4616
        return b"AUTH PLAIN " + base64.b64encode(message.encode()) + b"\r\n"

    def work(self) -> Generator[Step, bytes, None]:
        address = self.account.address.encode()
        for line in (b"MAIL FROM:<" + address + b">", b"RCPT TO:<" + address + b">", b"DATA"):
            if not (yield from self.command(line)):
                raise RefusedError
        yield from self.command(b"Subject: reference\r\n\r\nHello!\r\n.")
        yield from self.command(b"QUIT")

    def _reply(self) -> Generator[Step, bytes, tuple[bytes, list[bytes]]]:
        lines = []
        while True:
            line = yield from self.line()
            lines.append(line[4:])
            if line[3:4] != b"-":
                return line[:3], lines


class _Imap(_Session):
    upgrade = b"STARTTLS"

    def __init__(self, traits: Traits, account: Account) -> None:
        super().__init__(traits, account)
        self._tag = 0

    def greeted(self) -> Generator[Step, bytes, bool]:
        line = yield from self.line()
        if line.startswith(b"* PREAUTH") and not (self.traits.careful and not self.secure):
            return True
        if not line.startswith(b"* OK"):
            raise RefusedError
        return False

    def capabilities(self) -> Generator[Step, bytes, set[str]]:
        _, lines = yield from self._ask(b"CAPABILITY")
        listed = next((line for line in lines if line.startswith(b"* CAPABILITY")), b"")
        return {name.upper() for name in listed.decode().split()[2:]}

    def command(self, line: bytes) -> Generator[Step, bytes, bool]:
        done, _ = yield from self._ask(line)
        return done

    def log_in(self, mechanisms: set[str]) -> Generator[Step, bytes, None]:
        if "PLAIN" in mechanisms:
            yield Send(self.credentials())
            done, _ = yield from self._answer()
        else:
            self._tag += 1
            yield from self.scram(b"a%d AUTHENTICATE SCRAM-SHA-256" % self._tag, initial=False)
            done, _ = yield from self._answer()
        if not done:
            raise RejectedError

    def credentials(self) -> bytes:
        self._tag += 1
        user, password = (re.sub(r'(["\\])', r"\\\1", word) for word in (self.account.user, self.account.password))
        return f'a{self._tag} LOGIN "{user}" "{password}"\r\n'.encode()

    def work(self) -> Generator[Step, bytes, None]:
        yield from self.command(b"SELECT INBOX")
        yield from self.command(b"LOGOUT")

    def _ask(self, line: bytes) -> Generator[Step, bytes, tuple[bool, list[bytes]]]:
        self._tag += 1
        yield Send(b"a%d %b\r\n" % (self._tag, line))
        return (yield from self._answer())

    def _answer(self) -> Generator[Step, bytes, tuple[bool, list[bytes]]]:
        tag, lines = b"a%d " % self._tag, list[bytes]()
        while True:
            line = yield from self.line()
            if line.startswith(tag):
                return line.startswith(tag + b"OK"), lines
            lines.append(line)


class _Pop3(_Session):
    upgrade = b"STLS"

    def greeted(self) -> Generator[Step, bytes, bool]:
        if not (yield from self.line()).startswith(b"+OK"):
            raise RefusedError
        return False

    def capabilities(self) -> Generator[Step, bytes, set[str]]:
        if not (yield from self.command(b"CAPA")):
            return set()
        names = set()
        while (line := (yield from self.line())) != b".":
            words = line.decode().upper().split()
            names |= {f"AUTH={one}" for one in words[1:]} if words[0] == "SASL" else {" ".join(words)}
        return names

    def command(self, line: bytes) -> Generator[Step, bytes, bool]:
        yield Send(line + b"\r\n")
        return (yield from self.line()).startswith(b"+OK")

    def log_in(self, mechanisms: set[str]) -> Generator[Step, bytes, None]:
        if "PLAIN" in mechanisms:
            done = True
            for line in self.credentials().splitlines():
                done = done and (yield from self.command(line))
        else:
            yield from self.scram(b"AUTH SCRAM-SHA-256", initial=True)
            done = (yield from self.line()).startswith(b"+OK")
        if not done:
            raise RejectedError

    def credentials(self) -> bytes:
        return f"USER {self.account.user}\r\nPASS {self.account.password}\r\n".encode()

    def work(self) -> Generator[Step, bytes, None]:
        yield from self.command(b"STAT")
        yield from self.command(b"QUIT")


_SESSIONS: dict[ProtocolName, type[_Session]] = {
    ProtocolName.SMTP: _Smtp,
    ProtocolName.IMAP: _Imap,
    ProtocolName.POP3: _Pop3,
}

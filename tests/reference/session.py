"""What the reference clients of all protocols have in common: lines, capabilities, TLS, authentication."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

from tests.reference.mechanisms import MECHANISMS, DoubtError
from tests.reference.steps import EndedError, Receive, RefusedError, RejectedError, Send, StartTls

if TYPE_CHECKING:
    from collections.abc import Generator

    from tests.reference.mechanisms import Exchange
    from tests.reference.steps import Step
    from tests.reference.traits import Account, Traits

__all__ = ["LIMIT", "Session"]

LIMIT = 1 << 20
"""Octets that a careful client takes as one reply."""
_LONGEST = 1 << 16
"""Octets that it takes as one line."""
_AGAIN = 3
"""How often it tries again what was refused for a moment."""


class Session:
    """One connection's dialogue: generators of steps."""

    upgrade = b""
    in_turn = True
    """Every reply answers a command; one that nobody asked for is wrong (not so in IMAP, RFC 9051 7)."""
    password = ""
    """The mechanism for which the protocol has a command of its own."""

    def __init__(self, traits: Traits, account: Account) -> None:
        self.traits = traits
        self.account = account
        self.secure = False
        self.wants_tls = True
        """It asks for TLS where there is none yet."""
        self.buffer = b""
        self._heard = 0
        """Octets that came since the last word."""

    def talk(self) -> Generator[Step, bytes, None]:
        """Do the whole job."""
        if not (yield from self.greeted()):
            offered = yield from self.capabilities()
            hasty = not self.traits.careful and not self.traits.thorough and "PLAIN" in self.mechanisms(offered)
            if not self.secure and not hasty and self.wants_tls:
                offered = yield from self._secured(offered)
            yield from self.log_in(self.mechanisms(offered))
        yield from self.work()

    # What each protocol has its own words for

    def greeted(self) -> Generator[Step, bytes, bool]:
        """Read the greeting; return whether the server says that the client is logged in."""
        raise NotImplementedError

    def capabilities(self) -> Generator[Step, bytes, set[str]]:
        """Ask for capabilities."""
        raise NotImplementedError

    def command(self, line: bytes) -> Generator[Step, bytes, bool]:
        """Send a command and return whether it succeeded, or is taken to have."""
        raise NotImplementedError

    def credentials(self) -> bytes:
        """Return all that is to be said to log in, as a client that waits for nothing says it."""
        raise NotImplementedError

    def plain_log_in(self) -> Generator[Step, bytes, bool]:
        """Log in by the protocol's own command; return whether the server said yes."""
        raise NotImplementedError

    def authenticating(self, mechanism: str) -> bytes:
        """Return the command that begins an authentication."""
        raise NotImplementedError

    def authenticated(self) -> Generator[Step, bytes, bool]:
        """Read the reply that ends an authentication; return whether the server said yes."""
        raise NotImplementedError

    def initial_response(self) -> bool:
        """Return whether the first message may stand in the command."""
        raise NotImplementedError

    def work(self) -> Generator[Step, bytes, None]:
        """Do what one logs in for, and say goodbye."""
        raise NotImplementedError

    # TLS

    def _secured(self, offered: set[str]) -> Generator[Step, bytes, set[str]]:
        insists = self.traits.careful and self.traits.thorough  # it trusts no list in clear, and asks all the same
        if not (insists or self.upgrade.decode() in offered) or not (yield from self.upgraded()):
            if self.traits.careful:
                raise RefusedError
            return offered
        if self.traits.careful:
            self.buffer = b""
        yield StartTls()
        self.secure = True
        return (yield from self.capabilities())

    def upgraded(self) -> Generator[Step, bytes, bool]:
        """Ask for TLS; return whether the server is ready for it, whatever a deaf client takes for a yes."""
        return (yield from self.command(self.upgrade))

    # Lines

    def say(self, data: bytes) -> Generator[Step, bytes, None]:
        """Send something that is to be answered."""
        if self.traits.careful and self.in_turn and self.buffer:
            raise RefusedError  # an answer before the question
        self._heard = 0
        yield Send(data)

    def more(self) -> Generator[Step, bytes, None]:
        """Wait for octets; raises EndedError at the end, RefusedError where a careful client has had enough."""
        data = yield Receive()
        if not data:
            raise EndedError
        self.buffer += data
        self._heard += len(data)
        if self.traits.careful and self._heard > LIMIT:
            raise RefusedError

    def line(self) -> Generator[Step, bytes, bytes]:
        """Read a line, its end left out. A reckless client takes any line feed for an end, others only CRLF."""
        end = b"\n" if self.traits.deaf else b"\r\n"
        while end not in self.buffer:
            if (self.traits.careful and len(self.buffer) > _LONGEST) or (self.traits.whole and self.buffer):
                raise RefusedError
            yield from self.more()
        line, _, self.buffer = self.buffer.partition(end)
        return line.removesuffix(b"\r") if self.traits.deaf else line

    def octets(self, size: int) -> Generator[Step, bytes, bytes]:
        """Read so many octets."""
        if self.traits.careful and size > LIMIT:
            raise RefusedError
        while len(self.buffer) < size:
            yield from self.more()
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    # Authentication

    def mechanisms(self, offered: set[str]) -> set[str]:
        """Return the SASL mechanisms among the capabilities."""
        return {name.partition("=")[2] for name in offered if name.startswith("AUTH=")}

    def log_in(self, mechanisms: set[str]) -> Generator[Step, bytes, None]:
        """Log in; raises RejectedError."""
        if not self.traits.prefers:
            if "PLAIN" in mechanisms:
                done = yield from self.plain_log_in()
            else:
                done = yield from self.attempt("SCRAM-SHA-256")
            if not done:
                raise RejectedError
            return
        usable = [name for name in self.traits.prefers if name in mechanisms]
        for name in usable or ([] if self.traits.careful else ["PLAIN"]):
            if (yield from self.attempt(name)):
                return
            if self.traits.careful:
                break
        raise RejectedError

    def attempt(self, name: str) -> Generator[Step, bytes, bool]:
        """Authenticate by a mechanism; return whether the server said yes."""
        exchange = MECHANISMS[name](self.account)
        start, first = self.authenticating(name), exchange.initial
        waits = first is not None and not self.initial_response()
        if first is not None and not waits:
            start += b" " + base64.b64encode(first)
        yield from self.say(start + b"\r\n")
        while (challenge := (yield from self._challenged())) is not None:
            if waits and first is not None:
                waits, response = False, first
            else:
                response = yield from self._answered(exchange, challenge)
            yield Send(base64.b64encode(response) + b"\r\n")
        done = yield from self.authenticated()
        if done and self.traits.careful and not exchange.complete:
            raise RefusedError  # a success that nobody has earned
        return done

    def _answered(self, exchange: Exchange, challenge: bytes) -> Generator[Step, bytes, bytes]:
        """Return the response to a challenge, or of a client that doubts nothing, what it says all the same."""
        try:
            return exchange.answer(_decoded(challenge))
        except DoubtError:
            if self.traits.careful:
                yield Send(b"*\r\n")
                raise RefusedError from None
            return exchange.anyway(challenge)

    def _challenged(self) -> Generator[Step, bytes, bytes | None]:
        """Read a challenge, as it is; None if the server ended the exchange."""
        line = yield from self.line()
        if not line.startswith((b"334", b"+ ")) and line != b"+":
            self.buffer = line + b"\r\n" + self.buffer
            return None
        return line.partition(b" ")[2]

    # Whether to go on

    def persisted(self, line: bytes) -> Generator[Step, bytes, bool]:
        """Send a command, and again where a careful client is told to try later."""
        for _ in range(_AGAIN if self.traits.careful else 1):
            if (yield from self.command(line)):
                return True
            if not self.refused_for_now:
                break
        return False

    refused_for_now = False
    """The last reply was a refusal that may be another one soon."""


def _decoded(challenge: bytes) -> bytes:
    """Return what base64 stands for; raises DoubtError for what is none."""
    try:
        return base64.b64decode(challenge, validate=True)
    except binascii.Error:
        raise DoubtError from None

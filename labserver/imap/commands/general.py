"""CAPABILITY, NOOP, CHECK, LOGOUT and LOGIN (RFC 3501 6.1, 6.2.3 and 6.4.1)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from labserver.dialogues.exchange import Identity, LoginFailure, Reply
from labserver.imap.cursor import Refused
from labserver.imap.vocabulary import Done

if TYPE_CHECKING:
    from labserver.imap.cursor import Cursor
    from labserver.imap.dialect import Dialect
    from labserver.imap.session import Session
    from labserver.imap.vocabulary import Answer

__all__ = ["Capability", "Login", "Logout", "Nothing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Capability:
    """CAPABILITY."""

    @classmethod
    def parse(cls, cursor: Cursor, _dialect: Dialect) -> Capability:
        """Read no arguments."""
        cursor.end()
        return cls()

    def answer(self, session: Session) -> Answer:
        """List what is possible now."""
        yield Reply.untagged(b"* CAPABILITY %b\r\n" % session.capabilities())
        return Done()


@dataclass(frozen=True, slots=True, kw_only=True)
class Nothing:
    """NOOP and CHECK: what there is to tell is told with every completion."""

    @classmethod
    def parse(cls, cursor: Cursor, _dialect: Dialect) -> Nothing:
        """Read no arguments."""
        cursor.end()
        return cls()

    def answer(self, _session: Session) -> Answer:
        """Do nothing."""
        yield from ()
        return Done()


@dataclass(frozen=True, slots=True, kw_only=True)
class Logout:
    """LOGOUT."""

    @classmethod
    def parse(cls, cursor: Cursor, _dialect: Dialect) -> Logout:
        """Read no arguments."""
        cursor.end()
        return cls()

    def answer(self, session: Session) -> Answer:
        """Say goodbye; the tagged OK is the last word."""
        session.unselect()
        yield Reply.untagged(b"* BYE Logging out\r\n")
        return Done(farewell=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """LOGIN: the one way in that is not SASL."""

    name: bytes
    password: bytes = field(repr=False)

    @classmethod
    def parse(cls, cursor: Cursor, _dialect: Dialect) -> Login:
        """Read two astrings."""
        cursor.space()
        name = cursor.astring()
        cursor.space()
        password = cursor.astring()
        cursor.end()
        return cls(name=name, password=password)

    def answer(self, session: Session) -> Answer:
        """Check the password, where passwords are accepted at all (RFC 3501 6.2.3, RFC 5530)."""
        if not session.link.accepts_passwords:
            session.link.login_refused("LOGIN", LoginFailure.NEEDS_TLS)
            raise Refused("Start TLS first", "PRIVACYREQUIRED")
        try:
            account = session.link.credentials.verify(self.name.decode(), self.password.decode())
        except UnicodeDecodeError:
            account = None
        if account is None:
            session.link.login_refused("LOGIN", LoginFailure.REJECTED)
            raise Refused("Authentication failed", "AUTHENTICATIONFAILED")
        session.log_in(account)
        session.link.logged_in(Identity(account=account, mechanism="LOGIN"))
        yield from ()
        return Done(code=b"CAPABILITY " + session.capabilities(), text="Logged in")

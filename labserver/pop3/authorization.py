"""The AUTHORIZATION state's commands, USER, PASS, APOP, AUTH's list and UTF8; and CAPA, LANG and QUIT, always there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labserver.dialogues.exchange import LoginFailure
from labserver.pop3.apop import verified
from labserver.pop3.replies import listing, ok, refused

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from labserver.dialogues.exchange import Link, Reply
    from labserver.effort import GiveWay
    from labserver.pop3.session import Session

__all__ = ["apop", "auth", "capa", "capabilities", "lang", "password", "quit_", "user", "utf8"]

_LANGUAGES = {"en": "English", "i-default": "Default language"}


def capabilities(link: Link) -> tuple[bytes, ...]:
    """Return the lines of CAPA (RFC 2449 6, RFC 2595 4, RFC 3206 6, RFC 5034 3, RFC 6856 2 and 3)."""
    lines = ["TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING", "EXPIRE NEVER", "LANG"]
    lines += ["UTF8 USER", "USER"] if link.accepts_passwords else ["UTF8"]
    if link.mechanisms:
        lines.append(" ".join(("SASL", *link.mechanisms)))
    if link.offers_starttls:
        lines.append("STLS")
    lines.append("IMPLEMENTATION labserver")
    return tuple(line.encode() for line in lines)


def capa(session: Session, arguments: Sequence[bytes]) -> Iterator[Reply]:  # noqa: ARG001 -- the table's signature
    """List the capabilities: the same in every state of a session (RFC 2449 5)."""
    yield listing("Capabilities follow", session.capabilities)


def lang(session: Session, arguments: Sequence[bytes]) -> Iterator[Reply]:  # noqa: ARG001 -- the table's signature
    """List the languages or choose one (RFC 6856 3); all replies are in English."""
    wanted = arguments[0].decode("ascii", "replace").lower()
    if not wanted:
        yield listing("Languages follow", [f"{tag} {name}".encode() for tag, name in _LANGUAGES.items()])
        return
    tag = "en" if wanted == "*" or wanted.startswith("en-") else wanted
    if tag in _LANGUAGES:
        yield ok(f"{tag} {_LANGUAGES[tag]}")
    else:
        yield refused("This language is not available")


def quit_(session: Session, arguments: Sequence[bytes]) -> Iterator[Reply | GiveWay]:  # noqa: ARG001 -- the table's signature
    """Say goodbye; after authentication this enters the UPDATE state, where messages marked as deleted go."""
    yield from session.leave()


def user(session: Session, arguments: Sequence[bytes]) -> Iterator[Reply]:
    """Take a name; whether there is such a user is told after the password only."""
    if refusal := _passwords_refused(session, "USER"):
        yield refusal
        return
    session.user_name = arguments[0]
    yield ok("Now the password")


def password(session: Session, arguments: Sequence[bytes]) -> Iterator[Reply]:
    """Check the password; it may have spaces (RFC 1939 7)."""
    name, session.user_name = session.user_name, None
    if refusal := _passwords_refused(session, "USER"):
        yield refusal
    elif name is None:
        yield refused("PASS comes immediately after USER")
    else:
        yield session.log_in(_verified(session, name, arguments[0]), "USER")


def apop(session: Session, arguments: Sequence[bytes]) -> Iterator[Reply]:
    """Check a digest of the greeting's timestamp and the password."""
    name, digest = arguments
    if refusal := _passwords_refused(session, "APOP"):
        yield refusal
    elif not session.timestamp:
        yield refused("APOP is not available")
    else:
        account = verified(session.link.credentials, session.timestamp, name.decode("utf-8", "replace"), digest)
        yield session.log_in(account, "APOP")


def auth(session: Session, arguments: Sequence[bytes]) -> Iterator[Reply]:  # noqa: ARG001 -- the table's signature
    """List the mechanisms, as clients asked before there was CAPA; AUTH with a mechanism never comes here."""
    yield listing("Mechanisms follow", [name.encode() for name in session.link.mechanisms])


def utf8(session: Session, arguments: Sequence[bytes]) -> Iterator[Reply]:  # noqa: ARG001 -- the table's signature
    """Enter UTF-8 mode (RFC 6856 2): messages with UTF-8 in their headers may be sent."""
    session.utf8 = True
    yield ok("UTF-8 mode")


def _passwords_refused(session: Session, mechanism: str) -> Reply | None:
    """Without a response code: ``[AUTH]`` would say that the credentials are wrong (RFC 3206 5), and nobody looked."""
    if session.link.accepts_passwords:
        return None
    session.link.login_refused(mechanism, LoginFailure.NEEDS_TLS)
    if session.link.offers_starttls:
        return refused("Passwords are not accepted in clear: start TLS with STLS first")
    return refused("Passwords are not accepted here")


def _verified(session: Session, name: bytes, secret: bytes) -> str | None:
    try:
        return session.link.credentials.verify(name.decode(), secret.decode())
    except UnicodeDecodeError:
        return None

"""What a SASL mechanism is here: a generator of challenges that returns who the client is.

``challenge = next(exchange)`` gives the first challenge (empty for client-first ones), ``exchange.send(response)`` the
next one; the generator *returns* a :class:`Success` or raises :class:`MechanismError`. Base64, ``=`` and ``*`` are
the dialogue's business, not the mechanism's (RFC 4422 4).
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from labserver.clock import Entropy

__all__ = ["Channel", "Credentials", "Mechanism", "MechanismError", "SaslExchange", "Success"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Success:
    """The client proved who it is."""

    account: str
    """The account's name as the credentials know it; empty for ANONYMOUS."""
    proof: bytes = b""
    """Additional data with success, e.g. SCRAM's server signature."""


class MechanismError(Exception):
    """The exchange failed. ``malformed``: the client's message was not the mechanism's; else it was refused.

    ``challenge`` is sent as one more challenge before the failure where the mechanism says so (XOAUTH2, OAUTHBEARER:
    RFC 7628 3.2.3; SCRAM's ``e=`` attribute). ``unbound``: a mechanism with channel binding was used without, or with
    one that does not fit.
    """

    def __init__(self, text: str, *, malformed: bool = False, challenge: bytes = b"", unbound: bool = False) -> None:
        super().__init__(text)
        self.malformed = malformed
        self.unbound = unbound
        self.challenge = challenge


SaslExchange = Generator[bytes, bytes, Success]


class Channel(Protocol):
    """What a mechanism may know of the TLS channel below it."""

    def binding(self, kind: str) -> bytes | None:
        """Return the channel binding of that IANA name (``tls-exporter``, ``tls-unique`` …), None if there is none."""

    @property
    def client_certificate(self) -> bytes | None:
        """The client's verified certificate (DER), for EXTERNAL."""


class Credentials(Protocol):
    """Who exists, and what proves it. Account names come in any form a user types (with or without the domain)."""

    @property
    def salt_key(self) -> bytes:
        """A secret that stays the same: salts are derived from it, for names that do not exist too."""

    def resolve(self, name: str) -> str | None:
        """Return the account's own name, or None if there is no such account."""

    def verify(self, name: str, password: str) -> str | None:
        """Return the account's own name if this is its password, else None; in constant time, compared by SASLprep."""

    def password(self, name: str) -> tuple[str, str] | None:
        """Return the account's own name and its password, or None if there is no such account."""

    def token(self, token: str) -> str | None:
        """Return the account a bearer token belongs to, or None."""

    def certificate(self, der: bytes) -> str | None:
        """Return the account a client certificate belongs to, or None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mechanism:
    """One entry of the table of mechanisms."""

    name: str
    """The IANA name."""
    client_first: bool
    """The client's first message can be an initial response. Many clients send one for LOGIN too."""
    start: Callable[[Credentials, Channel, Entropy], SaslExchange]
    needs_tls: bool = True
    """Never offered in clear unless that is asked for."""
    binding: bool = False
    """A -PLUS mechanism: offered only where the channel has a binding."""
    certificate: bool = False
    """Offered only where the client has shown a certificate (EXTERNAL)."""
    knows_password: bool = False
    """The server has to know the password, so it is not offered where any password is accepted."""
    by_request: bool = False
    """Off unless asked for (ANONYMOUS)."""

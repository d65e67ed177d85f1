"""Who may authenticate, how, and when: the one place where mechanisms, credentials and TLS meet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from labserver.dialogues.exchange import LoginFailure
from labserver.sasl.table import MECHANISMS, offered, start

if TYPE_CHECKING:
    from labserver.clock import Entropy
    from labserver.limits import Limits
    from labserver.sasl.mechanism import Channel, Credentials, Mechanism, SaslExchange

__all__ = ["Access", "NoChannel"]

_BAIT = frozenset({"PLAIN", "LOGIN"})


class NoChannel:
    """The channel of a connection without TLS."""

    client_certificate: bytes | None = None

    def binding(self, kind: str) -> bytes | None:  # noqa: ARG002 -- the interface's
        """Return None: there is nothing to bind to."""
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The rules of authentication that all services share."""

    credentials: Credentials
    entropy: Entropy
    limits: Limits
    cleartext: bool = False
    """Credentials are accepted without TLS too. Off by default: that is what the lab is there to catch."""
    bait: bool = False
    """In clear only what shows the password itself is offered: what an attacker in the middle would leave of a list."""
    accept_any: bool = False
    """Any password will do, so mechanisms that have to know it are not offered."""
    passwords: bool = True
    """LOGIN, USER, PASS and APOP are accepted, where credentials are accepted at all."""
    requested: frozenset[str] | None = None
    """Only these mechanisms; None for all but those that exist by request only."""

    def mechanisms(self, *, secure: bool, channel: Channel) -> tuple[str, ...]:
        """Return the mechanisms to advertise, best first."""
        return offered(
            secure=secure or self.cleartext,
            channel=channel,
            accept_any=self.accept_any,
            requested=_BAIT if self.bait and not secure else self.requested,
        )

    def knows(self, name: str) -> bool:
        """Return whether there is an account of that name; one that any name would make does not count."""
        found = self.credentials.password(name) if self.accept_any else self.credentials.resolve(name)
        return found is not None

    def refusal(self, name: str, *, secure: bool, channel: Channel) -> LoginFailure | None:
        """Return why the mechanism ``name`` cannot be used now, or None if it can."""
        if name in self.mechanisms(secure=secure, channel=channel):
            return None
        possible_inside_tls = name in MECHANISMS and not secure and not self.cleartext
        return LoginFailure.NEEDS_TLS if possible_inside_tls else LoginFailure.UNSUPPORTED

    def remedy(self, name: str, failure: LoginFailure) -> str:
        """Return what to do about a failure, a clause; empty where the client alone knows.

        Some clients choose a -PLUS mechanism by its name and then find that they have no channel binding (mutt).
        """
        known = MECHANISMS.get(name)
        if known is None or not known.binding or failure not in (LoginFailure.UNBOUND, LoginFailure.WITHDRAWN):
            return ""
        plain = name.removesuffix("-PLUS")
        return (
            f"it seems to have no channel binding: let it use {plain}, or start the lab with --mechanisms {plain},PLAIN"
        )

    def mechanism(self, name: str) -> Mechanism:
        """Return the mechanism of that name; KeyError if there is none."""
        return MECHANISMS[name]

    def start(self, name: str, *, secure: bool, channel: Channel, credentials: Credentials) -> SaslExchange:
        """Start the exchange of a mechanism that is offered now; ``credentials`` are the session's."""
        among = self.mechanisms(secure=secure, channel=channel)
        return start(name, among=among, credentials=credentials, channel=channel, entropy=self.entropy)

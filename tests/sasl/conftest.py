"""A small directory, a channel with every binding, and a driver that plays a client's responses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from labserver.clock import SeededEntropy
from labserver.sasl.mechanism import MechanismError, Success
from labserver.sasl.table import MECHANISMS
from labserver.saslprep import prepared

if TYPE_CHECKING:
    from labserver.sasl.mechanism import SaslExchange


@dataclass(slots=True, kw_only=True)
class Roster:
    """Credentials: alice and bob, as the directory knows them."""

    salt_key: bytes = b"salt key"
    passwords: dict[str, str] = field(
        default_factory=lambda: {"alice": "secret", "bob": "pässword", "tim": "tanstaaftanstaaf", "user": "pencil"}
    )

    def resolve(self, name: str) -> str | None:
        """Fold the case and the lab's domain."""
        local = name.removesuffix("@lab.test").lower()
        return local if local in self.passwords else None

    def verify(self, name: str, password: str) -> str | None:
        """Compare prepared passwords."""
        known = self.password(name)
        return known[0] if known is not None and prepared(known[1]) == prepared(password) else None

    def password(self, name: str) -> tuple[str, str] | None:
        """Tell the account and its password."""
        account = self.resolve(name)
        return None if account is None else (account, self.passwords[account])

    def token(self, token: str) -> str | None:
        """Know ``token-NAME``."""
        return self.resolve(token.removeprefix("token-")) if token.startswith("token-") else None

    def certificate(self, der: bytes) -> str | None:
        """Know one certificate."""
        return "alice" if der == b"alice's certificate" else None


@dataclass(slots=True, kw_only=True)
class Tunnel:
    """A TLS channel."""

    bindings: dict[str, bytes] = field(
        default_factory=lambda: {"tls-exporter": b"E" * 32, "tls-server-end-point": b"P" * 32}
    )
    client_certificate: bytes | None = None

    def binding(self, kind: str) -> bytes | None:
        """Return the binding of this kind."""
        return self.bindings.get(kind)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an exchange ended, and the challenges on the way."""

    challenges: tuple[bytes, ...]
    success: Success | None = None
    error: MechanismError | None = None


def play(exchange: SaslExchange, *responses: bytes) -> Outcome:
    """Answer each challenge with the next response until the exchange ends."""
    challenges = [next(exchange)]
    try:
        for response in responses:
            challenges.append(exchange.send(response))  # noqa: PERF401 -- a comprehension would hide the StopIteration
    except StopIteration as stop:
        return Outcome(tuple(challenges), success=stop.value)
    except MechanismError as error:
        return Outcome(tuple(challenges), error=error)
    return Outcome(tuple(challenges))


class Stage:
    """Plays mechanisms by name against the roster and the tunnel."""

    def __init__(self) -> None:
        self.roster = Roster()
        self.tunnel = Tunnel()
        self.entropy = SeededEntropy("sasl")

    def begin(self, name: str) -> SaslExchange:
        """Start an exchange."""
        return MECHANISMS[name].start(self.roster, self.tunnel, self.entropy)

    def play(self, name: str, *responses: bytes) -> Outcome:
        """Start an exchange and answer each challenge."""
        return play(self.begin(name), *responses)


@pytest.fixture
def stage() -> Stage:
    """Return a fresh roster, tunnel and source of randomness."""
    return Stage()

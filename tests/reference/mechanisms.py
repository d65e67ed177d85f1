"""SASL mechanisms, the client's side, written from the RFCs and apart from the lab's own."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from tests.reference.scram import ScramClient

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.reference.traits import Account

__all__ = ["MECHANISMS", "DoubtError", "Exchange"]


class DoubtError(Exception):
    """The server's message is not what it has to be."""


class Exchange:
    """One attempt to authenticate."""

    rounds = 1
    """Challenges that the mechanism has."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._heard = 0

    @property
    def initial(self) -> bytes | None:
        """What the client says unasked; None if the server speaks first."""
        return None

    @property
    def complete(self) -> bool:
        """Whether the server may say that it was a success."""
        return self._heard == self.rounds

    def answer(self, challenge: bytes) -> bytes:
        """Return the response to the next challenge; raises DoubtError."""
        self._heard += 1
        if self._heard > self.rounds:
            raise DoubtError
        return self._response(challenge)

    def anyway(self, _challenge: bytes) -> bytes:
        """Return what a client that doubts nothing says to a message that is wrong: the secret, which always helped."""
        return self._account.password.encode()

    def _response(self, challenge: bytes) -> bytes:
        raise NotImplementedError


class _Plain(Exchange):
    """RFC 4616."""

    rounds = 0

    @property
    def initial(self) -> bytes:
        return f"\0{self._account.user}\0{self._account.password}".encode()


class _Login(Exchange):
    """draft-murchison-sasl-login: a name and a password, each asked for."""

    rounds = 2

    def _response(self, challenge: bytes) -> bytes:
        asked = challenge.lower()
        if not asked.startswith(b"user" if self._heard == 1 else b"pass"):
            raise DoubtError
        return (self._account.user if self._heard == 1 else self._account.password).encode()


class _CramMd5(Exchange):
    """RFC 2195."""

    def _response(self, challenge: bytes) -> bytes:
        if not (challenge.startswith(b"<") and challenge.endswith(b">") and b"@" in challenge):
            raise DoubtError
        return self.anyway(challenge)

    def anyway(self, challenge: bytes) -> bytes:
        digest = hmac.new(self._account.password.encode(), challenge, hashlib.md5).hexdigest()
        return f"{self._account.user} {digest}".encode()


class _Scram(Exchange):
    """RFC 5802, RFC 7677."""

    rounds = 2

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._client = ScramClient(account.user, account.password)

    @property
    def initial(self) -> bytes:
        return self._client.first()

    def _response(self, challenge: bytes) -> bytes:
        if self._heard == 1:
            if not self._client.acceptable(challenge):
                raise DoubtError
            return self._client.final(challenge)
        if not self._client.proved(challenge):
            raise DoubtError
        return b""

    def anyway(self, challenge: bytes) -> bytes:
        if self._heard == 1:
            try:
                return self._client.final(challenge)
            except (ValueError, KeyError):
                return super().anyway(challenge)
        return b""


MECHANISMS: dict[str, Callable[[Account], Exchange]] = {
    "PLAIN": _Plain,
    "LOGIN": _Login,
    "CRAM-MD5": _CramMd5,
    "SCRAM-SHA-256": _Scram,
}
"""What makes an attempt, by the mechanism's name."""

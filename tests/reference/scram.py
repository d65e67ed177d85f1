"""SCRAM-SHA-256, the client's side (RFC 5802 3, RFC 7677), written from the RFC and apart from the lab's own."""

from __future__ import annotations

import base64
import hashlib
import hmac

__all__ = ["ScramClient"]

_NONCE = "rOprNGfwEbeRWgbNEkqO"
_FEWEST, _MOST = 4096, 1_000_000
"""Iterations that are accepted: fewer protect nothing (RFC 7677 4), more keep the client busy for minutes."""


class ScramClient:
    """One exchange without a channel binding."""

    def __init__(self, user: str, password: str) -> None:
        self._bare = f"n={user},r={_NONCE}"
        self._password = password
        self._expected = b""

    def first(self) -> bytes:
        """Return client-first-message."""
        return f"n,,{self._bare}".encode()

    def acceptable(self, challenge: bytes) -> bool:
        """Return whether server-first-message is as it has to be (RFC 5802 5.1)."""
        try:
            given = dict(part.split("=", 1) for part in challenge.decode().split(","))
            salt, iterations = base64.b64decode(given["s"], validate=True), int(given["i"])
        except (ValueError, KeyError):
            return False
        extended = given.get("r", "").startswith(_NONCE) and given["r"] != _NONCE
        return extended and bool(salt) and _FEWEST <= iterations <= _MOST and "m" not in given

    def final(self, challenge: bytes) -> bytes:
        """Return client-final-message, and remember what the server must be able to sign.

        Raises ValueError or KeyError for a message of which none can be made.
        """
        given = dict(part.split("=", 1) for part in challenge.decode().split(","))
        if int(given["i"]) > _MOST:
            raise ValueError
        without = f"c=biws,r={given['r']}"
        message = f"{self._bare},{challenge.decode()},{without}".encode()
        salt = base64.b64decode(given["s"])
        salted = hashlib.pbkdf2_hmac("sha256", self._password.encode(), salt, int(given["i"]))
        key = hmac.digest(salted, b"Client Key", "sha256")
        signature = hmac.digest(hashlib.sha256(key).digest(), message, "sha256")
        proof = bytes(one ^ other for one, other in zip(key, signature, strict=True))
        self._expected = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), message, "sha256")
        return f"{without},p={base64.b64encode(proof).decode()}".encode()

    def proved(self, final: bytes) -> bool:
        """Return whether server-final-message shows that the server knows the password."""
        return final == b"v=" + base64.b64encode(self._expected)

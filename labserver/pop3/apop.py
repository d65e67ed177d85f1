"""APOP (RFC 1939 7): a digest of the greeting's timestamp and the password. Obsolete; only when asked for."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labserver.clock import Clock, Entropy
    from labserver.sasl.mechanism import Credentials

__all__ = ["new_timestamp", "verified"]


def new_timestamp(clock: Clock, entropy: Entropy) -> bytes:
    """Return a timestamp for a connection's greeting: a message id that no other connection gets.

    It belongs to the connection, not to the session: after STLS there is no second greeting, and APOP refers to the
    first (RFC 2595 4).
    """
    number = int.from_bytes(entropy.token(8, "apop timestamp"))
    return b"<%d.%d@lab.localhost>" % (number, int(clock.now().timestamp()))


def verified(credentials: Credentials, timestamp: bytes, name: str, digest: bytes) -> str | None:
    """Return the account if ``digest`` is of its password, else None; a name that does not exist takes as long."""
    known = credentials.password(name)
    account, password = known or ("", "")
    expected = hashlib.md5(timestamp + password.encode(), usedforsecurity=False).hexdigest().encode()
    matches = hmac.compare_digest(expected, digest)
    return account if matches and known is not None else None

"""CRAM-MD5 (RFC 2195): a keyed digest of the server's challenge. Old, but many clients prefer it to PLAIN."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from labserver.sasl.mechanism import MechanismError, Success
from labserver.sasl.names import decoded

if TYPE_CHECKING:
    from labserver.clock import Entropy
    from labserver.sasl.mechanism import Channel, Credentials, SaslExchange

__all__ = ["answer_challenge", "cram_md5"]


def cram_md5(credentials: Credentials, channel: Channel, entropy: Entropy) -> SaslExchange:  # noqa: ARG001 -- the table's signature
    """Challenge with a message id that never comes twice."""
    number, moment = (int.from_bytes(entropy.token(8, "cram-md5")) for _ in range(2))
    return (yield from answer_challenge(credentials, b"<%d.%d@lab.localhost>" % (number, moment)))


def answer_challenge(credentials: Credentials, challenge: bytes) -> SaslExchange:
    """Await ``name SP digest`` for ``challenge``; the digest is in lower-case hexadecimal digits (RFC 2195 2)."""
    name, space, digest = (yield challenge).rpartition(b" ")
    if not space:
        raise MechanismError("not a name, a space and a digest", malformed=True)
    known = credentials.password(decoded(name))
    # A name that does not exist takes the same way, so that it cannot be told from a wrong password.
    account, password = known or ("", "")
    expected = hmac.digest(password.encode(), challenge, "md5").hex()
    if not hmac.compare_digest(expected.encode(), digest) or known is None:
        raise MechanismError("the name or the digest is wrong")
    return Success(account=account)

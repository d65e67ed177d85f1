"""The mechanisms that carry the password itself: PLAIN (RFC 4616) and LOGIN (draft-murchison-sasl-login)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labserver.sasl.mechanism import MechanismError, Success
from labserver.sasl.names import acts_for_itself, decoded

if TYPE_CHECKING:
    from labserver.clock import Entropy
    from labserver.sasl.mechanism import Channel, Credentials, SaslExchange

__all__ = ["login", "plain"]

_REJECTED = "the name or the password is wrong"


def plain(credentials: Credentials, channel: Channel, entropy: Entropy) -> SaslExchange:  # noqa: ARG001 -- the table's signature
    """``[authzid] NUL authcid NUL passwd`` (RFC 4616 2); an empty name or password is wrong, not malformed."""
    fields = decoded((yield b"")).split("\0")
    if len(fields) != 3:  # noqa: PLR2004 -- the grammar has three fields
        raise MechanismError("not [authzid] NUL authcid NUL passwd", malformed=True)
    authorization, name, password = fields
    account = credentials.verify(name, password)
    if account is None:
        raise MechanismError(_REJECTED)
    if not acts_for_itself(credentials, account, authorization):
        raise MechanismError("nobody may act for another account")
    return Success(account=account)


def login(credentials: Credentials, channel: Channel, entropy: Entropy) -> SaslExchange:  # noqa: ARG001 -- the table's signature
    """Two prompts that clients match to the letter, and two answers."""
    name = decoded((yield b"Username:"))
    password = decoded((yield b"Password:"))
    if "\0" in name + password:
        raise MechanismError("NUL in the name or the password", malformed=True)
    account = credentials.verify(name, password)
    if account is None:
        raise MechanismError(_REJECTED)
    return Success(account=account)

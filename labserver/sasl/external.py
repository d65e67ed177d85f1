"""Mechanisms without a secret in the exchange: EXTERNAL (RFC 4422 A, a client certificate) and ANONYMOUS (RFC 4505)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labserver.sasl.mechanism import MechanismError, Success
from labserver.sasl.names import acts_for_itself, decoded

if TYPE_CHECKING:
    from labserver.clock import Entropy
    from labserver.sasl.mechanism import Channel, Credentials, SaslExchange

__all__ = ["anonymous", "external"]

_LONGEST_TRACE = 255


def external(credentials: Credentials, channel: Channel, entropy: Entropy) -> SaslExchange:  # noqa: ARG001 -- the table's signature
    """Ask the TLS layer who it is; the message says whom to act for, or nothing."""
    authorization = decoded((yield b""))
    if "\0" in authorization:
        raise MechanismError("NUL in the authorization identity", malformed=True)
    certificate = channel.client_certificate
    account = None if certificate is None else credentials.certificate(certificate)
    if account is None:
        raise MechanismError("no client certificate that belongs to an account")
    if not acts_for_itself(credentials, account, authorization):
        raise MechanismError("nobody may act for another account")
    return Success(account=account)


def anonymous(credentials: Credentials, channel: Channel, entropy: Entropy) -> SaslExchange:  # noqa: ARG001 -- the table's signature
    """Whoever it is may leave a trace: an address or a token (RFC 4505 2)."""
    trace = decoded((yield b""))
    if len(trace) > _LONGEST_TRACE or not trace.isprintable():
        raise MechanismError("the trace has control characters or more than 255 characters", malformed=True)
    return Success(account="")

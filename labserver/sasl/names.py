"""What the mechanisms share: reading UTF-8, and acting only for oneself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labserver.sasl.mechanism import MechanismError

if TYPE_CHECKING:
    from labserver.sasl.mechanism import Credentials

__all__ = ["acts_for_itself", "decoded"]


def decoded(message: bytes) -> str:
    """Return ``message`` as text; MechanismError where it is not UTF-8."""
    try:
        return message.decode()
    except UnicodeDecodeError:
        raise MechanismError("the message is not UTF-8", malformed=True) from None


def acts_for_itself(credentials: Credentials, account: str, authorization: str) -> bool:
    """Whether the authorization identity is empty or another spelling of ``account`` (RFC 4422 3.4.1).

    Nobody may act for somebody else here.
    """
    return not authorization or credentials.resolve(authorization) == account

"""Bearer tokens: XOAUTH2 (Google's and Microsoft's) and OAUTHBEARER (RFC 7628).

A failure is told twice: as JSON in one more challenge, which the client acknowledges, and then as the dialogue's own.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from labserver.sasl.gs2 import BindingFlag, split_header
from labserver.sasl.mechanism import MechanismError, Success
from labserver.sasl.names import acts_for_itself, decoded

if TYPE_CHECKING:
    from labserver.clock import Entropy
    from labserver.sasl.mechanism import Channel, Credentials, SaslExchange

__all__ = ["oauthbearer", "xoauth2"]

_BEARER = re.compile(r"(?i:bearer) +([A-Za-z0-9._~+/-]+=*)")  # RFC 6750 2.1
_XOAUTH2 = re.compile(r"user=([^\x01\0]*)\x01auth=([^\x01\0]*)\x01\x01")
_PAIRS = re.compile(r"\x01((?:[A-Za-z]+=[\t\r\n -~]*\x01)*)\x01")  # RFC 7628 3.1
_PAIR = re.compile(r"([A-Za-z]+)=([^\x01]*)\x01")
_SCOPE = "mail"


def xoauth2(credentials: Credentials, channel: Channel, entropy: Entropy) -> SaslExchange:  # noqa: ARG001 -- the table's signature
    """``user=… ^A auth=Bearer … ^A ^A``."""
    message = _XOAUTH2.fullmatch(decoded((yield b"")))
    if message is None:
        raise MechanismError("not user=NAME ^A auth=Bearer TOKEN ^A ^A", malformed=True)
    account = _owner(credentials, message[2])
    if account is None or not message[1] or not acts_for_itself(credentials, account, message[1]):
        raise MechanismError(
            "the token is not this user's", challenge=_json(status="401", schemes="bearer", scope=_SCOPE)
        )
    return Success(account=account)


def oauthbearer(credentials: Credentials, channel: Channel, entropy: Entropy) -> SaslExchange:  # noqa: ARG001 -- the table's signature
    """Read a GS2 header, then key=value pairs; host and port are the client's belief and bind nobody here."""
    header, rest = split_header(decoded((yield b"")))
    pairs = _pairs(rest)
    if header.flag is BindingFlag.USED:
        raise MechanismError("OAUTHBEARER has no channel binding", challenge=_json(status="invalid_request"))
    account = _owner(credentials, pairs.get("auth", ""))
    if account is None or not acts_for_itself(credentials, account, header.authorization):
        raise MechanismError("the token is not this user's", challenge=_json(status="invalid_token", scope=_SCOPE))
    return Success(account=account)


def _pairs(text: str) -> dict[str, str]:
    enclosed = _PAIRS.fullmatch(text)
    if enclosed is None:
        raise MechanismError("the key=value pairs are not enclosed in ^A", malformed=True)
    found = _PAIR.findall(enclosed[1])
    pairs = dict(found)
    if len(pairs) != len(found) or not pairs.get("port", "0").isdecimal():
        raise MechanismError("a key comes twice, or the port is no number", malformed=True)
    return pairs


def _owner(credentials: Credentials, authorization: str) -> str | None:
    bearer = _BEARER.fullmatch(authorization)
    return None if bearer is None else credentials.token(bearer[1])


def _json(**members: str) -> bytes:
    return json.dumps(members, separators=(",", ":")).encode()

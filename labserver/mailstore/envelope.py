"""How a message came: the SMTP envelope, kept beside the message so that its octets stay as they were sent."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from itertools import chain, islice
from typing import TYPE_CHECKING

from labserver.values import quick

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["Envelope", "Recipient"]


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """One accepted RCPT TO."""

    address: str
    """The forward-path's mailbox as the client wrote it, without the angle brackets."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Its ESMTP parameters, upper-cased keyword to value as sent: ``NOTIFY``, ``ORCPT`` (RFC 3461 4.1, 4.2)."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """One mail transaction (RFC 5321 2.3.1) and what was known about the client that began it."""

    sender: str
    """The reverse-path's mailbox as sent; empty for ``<>``."""
    recipients: tuple[Recipient, ...]
    """In the order in which they were accepted."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """MAIL FROM's ESMTP parameters: ``BODY``, ``SIZE``, ``SMTPUTF8``, ``RET``, ``ENVID`` (RFC 3461 4.3, 4.4) …"""
    helo: str = ""
    """What the client called itself in EHLO, HELO or LHLO."""
    peer: str = ""
    """The client's address."""
    service: str = ""
    """The service's IANA name."""
    protocol: str = ""
    """How it came, as in a Received header's ``with`` clause (RFC 3848): ``ESMTPSA`` …"""
    account: str = ""
    """The account that authenticated, if one did."""

    @property
    def characters(self) -> int:
        """How many there are in it."""
        count = len(self.sender) + len(self.helo) + len(self.peer) + len(self.service) + len(self.protocol)
        count += len(self.account) + _characters(self.parameters)
        for recipient in self.recipients:
            count += len(recipient.address) + _characters(recipient.parameters)
        return count

    def packed(self) -> tuple[str, ...]:
        """Return the envelope as strings in one tuple, which the garbage collector visits once and never again."""
        fields = [self.sender, self.helo, self.peer, self.service, self.protocol, self.account]
        fields += _flat(self.parameters)
        for recipient in self.recipients:
            fields += (recipient.address, *_flat(recipient.parameters))
        return tuple(fields)

    @classmethod
    def unpacked(cls, packed: tuple[str, ...]) -> Envelope:
        """Return the envelope that was packed."""
        fields = iter(packed)
        sender, helo, peer, service, protocol, account = islice(fields, 6)
        return cls(
            sender=sender,
            helo=helo,
            peer=peer,
            service=service,
            protocol=protocol,
            account=account,
            parameters=_parameters(fields),
            recipients=tuple(Recipient(address=address, parameters=_parameters(fields)) for address in fields),
        )

    def told(self, accounts: Sequence[str | None]) -> dict[str, object]:
        """Return the envelope for people and programs: each recipient with the account that it led to."""
        recipients = [
            {"address": recipient.address, "parameters": dict(recipient.parameters), "account": account}
            for recipient, account in zip(self.recipients, accounts, strict=True)
        ]
        # Not by asdict, which copies every string: it took a fifth of the time of a whole mail.
        return {
            "sender": self.sender,
            "recipients": recipients,
            "parameters": dict(self.parameters),
            "helo": self.helo,
            "peer": self.peer,
            "service": self.service,
            "protocol": self.protocol,
            "account": self.account,
        }

    def to_json(self) -> str:
        """Return the envelope as ASCII JSON; any string survives, lone surrogates included."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Envelope:
        """Return the envelope :meth:`to_json` wrote."""
        fields = json.loads(text)
        recipients = tuple(Recipient(**recipient) for recipient in fields.pop("recipients"))
        return cls(recipients=recipients, **fields)


def _characters(parameters: Mapping[str, str]) -> int:
    return sum(len(name) + len(value) for name, value in parameters.items()) if parameters else 0


def _flat(parameters: Mapping[str, str]) -> tuple[str, ...]:
    if not parameters:
        return ("0",)
    return (str(len(parameters)), *chain.from_iterable(parameters.items()))


def _parameters(fields: Iterator[str]) -> dict[str, str]:
    return {next(fields): next(fields) for _ in range(int(next(fields)))}

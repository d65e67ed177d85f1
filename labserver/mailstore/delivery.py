"""From an SMTP or LMTP envelope to mailboxes: who gets it, whether there is room, one copy each.

The message is stored as it came, octet for octet; how it came is stored beside it. Only who asks for trace headers
(``Return-Path``, ``Delivered-To``, ``Received``: RFC 5321 4.4) gets them written into the message.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from labserver.errors import StoreError, told
from labserver.mailstore.message import Draft, Message
from labserver.mailstore.names import INBOX
from labserver.mailstore.trace import trace_headers
from labserver.values import quick

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labserver.clock import Clock
    from labserver.holding import Span
    from labserver.mailstore.directory import Directory
    from labserver.mailstore.envelope import Envelope
    from labserver.mailstore.store import MailStore

__all__ = ["Delivery", "Outcome"]


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became, or would become, of a message for one recipient."""

    address: str
    """The recipient as given."""
    account: str | None = None
    """Whose mail it is; None when nobody's."""
    message: Message | None = None
    """The stored copy, after a delivery."""
    error: StoreError | None = None
    """Why not: ``NONEXISTENT`` (550 5.1.1), ``LIMIT`` and ``OVERQUOTA`` (452 4.2.2), ``TOOBIG`` (552 5.3.4) …"""


class Delivery:
    """Puts mail into the INBOX of whom the directory says it is for. ``host`` is the name in Received headers."""

    def __init__(
        self,
        *,
        store: MailStore,
        directory: Directory,
        clock: Clock,
        trace_headers: bool = False,
        host: str = "lab.test",
    ) -> None:
        self._store = store
        self._directory = directory
        self._clock = clock
        self._trace_headers = trace_headers
        self._host = host

    def check(self, address: str, *, size: int = 0) -> Outcome:
        """Return what RCPT TO can already know; ``size`` is what MAIL FROM declared (RFC 1870). Changes nothing."""
        name = self._directory.recipient(address)
        if name is None:
            return Outcome(address=address, error=_unknown(address))
        account = self._store.accounts.get(name)
        try:
            if account is not None:
                account.mailboxes[INBOX].check_room(messages=1, octets=size)
        except StoreError as error:
            return Outcome(address=address, account=name, error=error)
        return Outcome(address=address, account=name)

    def deliver(self, envelope: Envelope, content: bytes | Span, *, together: bool = True) -> list[Outcome]:
        """Store one copy for each account and return an outcome for each of the envelope's recipients, in their order.

        ``together``: all or nothing, for SMTP, whose one reply must be true for everybody; every outcome then carries
        the error. Otherwise each recipient succeeds or fails alone, for LMTP (RFC 2033 4.2).
        """
        accounts = [self._directory.recipient(recipient.address) for recipient in envelope.recipients]
        addresses = [recipient.address for recipient in envelope.recipients]
        unknown = next((address for address, name in zip(addresses, accounts, strict=True) if name is None), None)
        drafts = self._drafts(envelope, content, accounts)
        results: dict[str | None, Message | StoreError] = {}
        if together and unknown is not None:
            results.update(dict.fromkeys(drafts, _unknown(unknown)))
        else:
            for batch in [drafts] if together else [{name: draft} for name, draft in drafts.items()]:
                results.update(self._attempt(batch))
        return [
            _outcome(address, name, results.get(name) or _unknown(address))
            for address, name in zip(addresses, accounts, strict=True)
        ]

    def _attempt(self, drafts: dict[str, Draft]) -> dict[str, Message] | dict[str, StoreError]:
        """Store all copies in one commit; say for each account what came of it."""
        try:
            inboxes = {name: self._store.account(name).mailboxes[INBOX] for name in drafts}
            stored = self._store.append({inboxes[name]: [draft] for name, draft in drafts.items()})
        except StoreError as error:
            return dict.fromkeys(drafts, error)
        return {name: stored[inbox][0] for name, inbox in inboxes.items()}

    def _drafts(self, envelope: Envelope, content: bytes | Span, accounts: Sequence[str | None]) -> dict[str, Draft]:
        """Return the draft for each account; the same one for all unless trace headers tell them apart."""
        shared = Draft(content=content, envelope=envelope)
        drafts: dict[str, Draft] = {}
        for recipient, name in zip(envelope.recipients, accounts, strict=True):
            if name is None or name in drafts:
                continue
            if self._trace_headers:
                trace = trace_headers(envelope, recipient.address, host=self._host, date=self._clock.now())
                traced = trace + content if isinstance(content, bytes) else content.behind(trace)
                drafts[name] = Draft(content=traced, envelope=envelope)
            else:
                drafts[name] = shared
        return drafts


def _outcome(address: str, account: str | None, result: Message | StoreError) -> Outcome:
    if isinstance(result, StoreError):
        return Outcome(address=address, account=account, error=result)
    return Outcome(address=address, account=account, message=result)


def _unknown(address: str) -> StoreError:
    return StoreError(f"There is no user {told(address)}.", code="NONEXISTENT")

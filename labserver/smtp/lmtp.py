# ruff: noqa: N802 -- smtp_LHLO and the like are aiosmtpd's spelling of a verb
"""LMTP (RFC 2033): LHLO instead of EHLO and HELO, and one answer per recipient after the data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiosmtpd.smtp import syntax

from labserver.smtp.replies import one_line
from labserver.smtp.session import Session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labserver.smtp.transaction import Transaction

__all__ = ["LmtpSession"]


class LmtpSession(Session):
    """The honest LMTP server of one connection (a :class:`labserver.dialogues.exchange.Backend`)."""

    HELLO = "LHLO"
    PROTOCOL = "LMTP"
    UTF8_PROTOCOL = "UTF8LMTP"
    TOGETHER = False

    @syntax("LHLO hostname")
    async def smtp_LHLO(self, hostname: str) -> None:
        """Open the session like EHLO (RFC 2033 4.1)."""
        await self.smtp_EHLO(hostname)

    async def _answer(self, transaction: Transaction, statuses: Sequence[str]) -> None:
        """Answer for each accepted recipient, in order, twice for one that came twice (RFC 2033 4.2)."""
        for recipient, status in zip(transaction.recipients, statuses, strict=True):
            await self.push(one_line(f"{status} <{recipient.address}>"))

    VERBS = {"LHLO": smtp_LHLO} | {verb: how for verb, how in Session.VERBS.items() if verb not in {"EHLO", "HELO"}}

"""Every POP3 command: when it is valid, how its argument is written, and what answers it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from labserver.pop3 import authorization, transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from labserver.dialogues.exchange import Reply
    from labserver.pop3.maildrop import Maildrop
    from labserver.pop3.session import Session
    from labserver.wire.actions import GiveWay

__all__ = ["ALWAYS", "BEFORE_LOGIN", "TRANSACTION", "Rule"]

Subject = TypeVar("Subject")

_NOTHING = re.compile(rb" *")
_NUMBER = re.compile(rb" *([0-9]{1,10}) *")
_NUMBER_OR_NOTHING = re.compile(rb" *([0-9]{0,10}) *")
_TWO_NUMBERS = re.compile(rb" *([0-9]{1,10}) +([0-9]{1,10}) *")
# An empty name or password is not bad syntax, but wrong (RFC 3206 5).
_NAME = re.compile(rb" *([^ ]*) *")
_NAME_AND_DIGEST = re.compile(rb" *([^ ]*) +([0-9a-f]{32}) *")
_TAG = re.compile(rb" *([A-Za-z0-9*-]{0,64}) *")
_PASSWORD = re.compile(rb"(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule(Generic[Subject]):
    """One command."""

    run: Callable[[Subject, Sequence[bytes]], Iterator[Reply | GiveWay]]
    """Answers it; the arguments are the syntax's groups, empty where they are missing."""
    syntax: re.Pattern[bytes] = _NOTHING
    """The whole argument."""
    usage: str = ""
    """The argument as it is explained to people."""
    spaced: bool = False
    """There is an argument behind the space, which may be empty; without a space there is none."""


ALWAYS: Mapping[str, Rule[Session]] = {
    "CAPA": Rule(run=authorization.capa),
    "LANG": Rule(run=authorization.lang, syntax=_TAG, usage="[language]"),
    "QUIT": Rule(run=authorization.quit_),
}
"""Valid in every state."""

BEFORE_LOGIN: Mapping[str, Rule[Session]] = {
    "USER": Rule(run=authorization.user, syntax=_NAME, usage="name", spaced=True),
    "PASS": Rule(run=authorization.password, syntax=_PASSWORD, usage="password", spaced=True),
    "APOP": Rule(run=authorization.apop, syntax=_NAME_AND_DIGEST, usage="name digest"),
    "AUTH": Rule(run=authorization.auth),
    "UTF8": Rule(run=authorization.utf8),
}
"""Valid in the AUTHORIZATION state. STLS and AUTH with a mechanism belong to the connection, not to the session."""

TRANSACTION: Mapping[str, Rule[Maildrop]] = {
    "STAT": Rule(run=transaction.stat),
    "LIST": Rule(run=transaction.list_, syntax=_NUMBER_OR_NOTHING, usage="[message]"),
    "UIDL": Rule(run=transaction.uidl, syntax=_NUMBER_OR_NOTHING, usage="[message]"),
    "RETR": Rule(run=transaction.retr, syntax=_NUMBER, usage="message"),
    "TOP": Rule(run=transaction.top, syntax=_TWO_NUMBERS, usage="message lines"),
    "DELE": Rule(run=transaction.dele, syntax=_NUMBER, usage="message"),
    "NOOP": Rule(run=transaction.noop),
    "RSET": Rule(run=transaction.rset),
}
"""Valid in the TRANSACTION state."""

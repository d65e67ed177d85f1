"""When a misbehaviour acts: conditions that all kinds share, evaluated once, when an exchange opens."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated, TypeVar

import msgspec

from labserver.dialogues.purposes import Purpose
from labserver.misbehaviours.moment import Occasion, Phase, Scope
from labserver.services import SERVICES

if TYPE_CHECKING:
    from labserver.misbehaviours.moment import Moment

__all__ = ["Nth", "When"]

T = TypeVar("T")

_NTH = re.compile(r"(?:every ([1-9][0-9]{0,8})|([1-9][0-9]{0,8})(?:(-)([1-9][0-9]{0,8})?)?)\Z")
_NTH_FORMS = '"2", "1-2", "3-" or "every 2"'


@dataclass(frozen=True, slots=True)
class _Numbers:
    first: int = 1
    last: int | None = None
    every: int = 0


class Nth:
    """Which of several occasions: ``"2"``, ``"1-2"``, ``"3-"``, ``"every 2"``."""

    __slots__ = ("_numbers", "text")

    def __init__(self, text: str) -> None:
        """Read the text; ValueError for what has another form or holds no number."""
        match = _NTH.match(text)
        if match is None:
            raise ValueError(f"{text!r} is not {_NTH_FORMS}")
        self.text = text
        if match[1]:
            self._numbers = _Numbers(every=int(match[1]))
            return
        first = int(match[2])
        last = (int(match[4]) if match[4] else None) if match[3] else first
        if last is not None and last < first:
            raise ValueError(f"{text!r} is empty: {last} comes before {first}")
        self._numbers = _Numbers(first=first, last=last)

    @classmethod
    def read(cls, value: object) -> Nth:
        """Return what a table says; a number alone is fine, too."""
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str):
            raise ValueError(f"{value!r} is not {_NTH_FORMS}")  # noqa: TRY004 -- a mistake in a table, like all others
        return cls(value)

    def holds(self, number: int) -> bool:
        """Return whether the occasion of that number, from 1, is one of them."""
        numbers = self._numbers
        if numbers.every:
            return number % numbers.every == 0
        return numbers.first <= number and (numbers.last is None or number <= numbers.last)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Nth) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"Nth({self.text!r})"


Words = str | tuple[str, ...]
"""One or several."""


class When(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The conditions of a misbehaviour; all that are given must hold. Without any, it always acts."""

    on: Occasion | tuple[Occasion, ...] | None = None
    """The occasion; by default those that the kind is made for."""
    command: Words = ()
    """The command's verb, or one of several; ``FETCH`` is ``UID FETCH`` as well."""
    purpose: Purpose | tuple[Purpose, ...] | None = None
    """What the command is for; with ``upgrade``, STARTTLS is STLS in POP3."""
    phase: Phase | tuple[Phase, ...] = ()
    """How far the session is; of several, all must hold."""
    service: Words = ()
    """The service, or one of several."""
    account: str | None = None
    """Who is logged in, a pattern with ``*`` and ``?``; nobody matches none. For ``login-refused`` and
    ``login-accepted``, who is logging in."""
    mailbox: str | None = None
    """IMAP: the mailbox that the command names, else the selected one; a pattern."""
    sender: str | None = None
    """SMTP: the sender's address, a pattern; upper and lower case are the same."""
    recipient: str | None = None
    """SMTP: the address of RCPT, else any recipient of the mail; a pattern, upper and lower case are the same."""
    idle: Annotated[float, msgspec.Meta(gt=0, le=86_400)] = 1.0
    """Seconds of silence after which there is an occasion ``quiet``."""
    nth: Nth | None = None
    """Which of the occasions on which all of the above holds: ``"2"``, ``"1-2"``, ``"3-"``, ``"every 2"``."""
    chance: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0
    """How probable it is then. The lab's seed decides, so the same run gives the same draws."""
    scope: Scope = Scope.SESSION
    """Which occasions ``nth`` counts, and ``chance`` draws for, together."""

    def __post_init__(self) -> None:
        """Refuse services that there are not, and commands without a name."""
        if not all(verb.strip() for verb in _several(self.command)):
            raise ValueError("a command has no name")
        for name in self.services:
            if name not in SERVICES:
                from labserver.nearest import did_you_mean  # noqa: PLC0415 -- only for mistakes

                raise ValueError(f"{name!r} is not a service{did_you_mean(name, SERVICES)}")

    @property
    def occasions(self) -> frozenset[Occasion]:
        """Return the occasions that are named; none for those of the kind."""
        return frozenset(_several(self.on))

    @property
    def commands(self) -> tuple[str, ...]:
        """Return the verbs in upper case; none for any."""
        return tuple(" ".join(verb.upper().split()) for verb in _several(self.command))

    @property
    def services(self) -> tuple[str, ...]:
        """Return the services; none for any."""
        return tuple(_several(self.service))

    @property
    def phases(self) -> tuple[Phase, ...]:
        """Return the phases that must hold; none for any."""
        return tuple(_several(self.phase))

    @property
    def purposes(self) -> tuple[Purpose, ...]:
        """Return the purposes; none for any."""
        return tuple(_several(self.purpose))

    @property
    def counts(self) -> bool:
        """Return whether it depends on what happened before."""
        return self.nth is not None or self.chance < 1

    @property
    def follows_the_session(self) -> bool:
        """Return whether it has to be known what the honest server accepted."""
        patterns = (self.mailbox, self.sender, self.recipient)
        return any(pattern is not None for pattern in patterns) or Phase.SELECTED in self.phases

    def holds(self, moment: Moment, occasion: Occasion | None, place: int) -> bool:
        """Return whether the misbehaviour at ``place`` of the chain acts now; this counts the occasion.

        First what is so, then the number, then the chance. ``occasion`` is None in a handshake.
        """
        if not self._is_so(moment, occasion):
            return False
        if not self.counts:
            return True
        memory, who = moment.owner(self.scope)
        number = memory.count(place, who)
        if self.nth is not None and not self.nth.holds(number):
            return False
        serial = moment.serial if self.scope is Scope.SESSION else 0
        return self.chance >= 1 or moment.draw(place, self.scope, who, serial, number) < self.chance

    def _is_so(self, moment: Moment, occasion: Occasion | None) -> bool:
        return (
            (not self.command or self._is_command(moment))
            and (self.purpose is None or moment.purpose in self.purposes)
            and (not self.phase or moment.phases.issuperset(self.phases))
            and (not self.service or moment.service in self.services)
            and (occasion is not Occasion.QUIET or moment.quiet == self.idle)
            and self._is_about(moment)
        )

    def _is_command(self, moment: Moment) -> bool:
        verb = "" if moment.command is None else moment.command.verb
        return bool(verb) and any(verb in {one, f"UID {one}"} for one in self.commands)

    def _is_about(self, moment: Moment) -> bool:
        """Return whether account, mailbox and addresses are those that are meant."""
        if self.account is not None and (moment.whose is None or not fnmatchcase(moment.whose, self.account)):
            return False
        if self.mailbox is not None and not _is_mailbox(moment.mailbox, self.mailbox):
            return False
        if self.sender is not None and not _is_address(moment.sender, self.sender):
            return False
        return self.recipient is None or any(_is_address(one, self.recipient) for one in moment.addressed)


def _several(value: T | tuple[T, ...] | None) -> tuple[T, ...]:
    if value is None:
        return ()
    return value if isinstance(value, tuple) else (value,)


def _is_mailbox(name: str, pattern: str) -> bool:
    pattern = "INBOX" if pattern.upper() == "INBOX" else pattern
    return bool(name) and fnmatchcase(name, pattern)


def _is_address(address: str, pattern: str) -> bool:
    return fnmatchcase(address.lower(), pattern.lower())

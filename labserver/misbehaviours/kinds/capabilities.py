"""What EHLO, CAPABILITY and CAPA list, and with them IMAP's greeting and login."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from labserver.misbehaviours.base import Misbehaviour
from labserver.misbehaviours.kinds.fields import OneLine
from labserver.misbehaviours.moment import Occasion
from labserver.services import ProtocolName

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labserver.dialogues.exchange import Names, Reply
    from labserver.misbehaviours.base import Step
    from labserver.misbehaviours.moment import Moment

__all__ = ["Capabilities", "Mechanisms"]

_LISTED = frozenset({Occasion.GREETING, Occasion.COMMAND})
_STARTTLS = "STARTTLS"
_HEADS = {ProtocolName.SMTP: "AUTH", ProtocolName.LMTP: "AUTH", ProtocolName.POP3: "SASL"}


class Capabilities(Misbehaviour, frozen=True, kw_only=True, tag="capabilities"):
    """It lists other capabilities than it has: some are hidden, renamed or added, as by a man in the middle.

    What is listed changes and nothing else: a capability that is hidden still works. STARTTLS is STLS in POP3. A list
    that is the same before and after TLS is one that a client must not keep (RFC 3207 4.2, RFC 9051 6.2.1); with the
    condition ``phase`` it differs.
    """

    on: ClassVar[frozenset[Occasion]] = _LISTED
    possible: ClassVar[frozenset[Occasion]] = _LISTED
    example: ClassVar[dict[str, Any]] = {"when": {"phase": "clear"}, "hide": ["STARTTLS"], "add": ["X-LAB"]}

    only: tuple[OneLine, ...] | None = None
    """All that is listed; the rest applies to these."""
    hide: tuple[OneLine, ...] = ()
    """What is not listed: whole names, or patterns such as ``AUTH*``."""
    rename: dict[str, OneLine] = msgspec.field(default_factory=dict)
    """What is listed under another name."""
    add: tuple[OneLine, ...] = ()
    """What is listed besides, behind the rest."""

    def __post_init__(self) -> None:
        """Refuse what changes nothing."""
        if self.only is None and not (self.hide or self.rename or self.add):
            raise ValueError("it needs only, hide, rename or add")

    def reply(self, honest: Reply, moment: Moment) -> Iterable[Step]:
        """Return the reply with the other list; the same where it has none."""
        upgrade = moment.dialogue.upgrade_verb

        def own(name: str) -> str:
            return upgrade if name.upper() == _STARTTLS else name

        renamed = {own(name).upper(): new for name, new in self.rename.items()}
        hidden = [own(pattern).upper() for pattern in self.hide]

        def change(names: Names) -> Names:
            listed = names if self.only is None else tuple(map(own, self.only))
            kept = [name for name in listed if not any(fnmatchcase(name.upper(), pattern) for pattern in hidden)]
            return (*(renamed.get(name.upper(), name) for name in kept), *map(own, self.add))

        return (moment.dialogue.relisted(moment.command, honest, change),)


class Mechanisms(Misbehaviour, frozen=True, kw_only=True, tag="mechanisms"):
    """It lists other SASL mechanisms than it has, in each protocol's spelling; what is hidden still works.

    A list with the strong ones cut out is a downgrade that a client notices only if it remembers the list
    (RFC 4954 4).
    """

    on: ClassVar[frozenset[Occasion]] = _LISTED
    possible: ClassVar[frozenset[Occasion]] = _LISTED
    example: ClassVar[dict[str, Any]] = {"when": {"phase": "clear"}, "add": ["PLAIN", "LOGIN"]}

    only: tuple[OneLine, ...] | None = None
    """All that are listed."""
    hide: tuple[OneLine, ...] = ()
    """Those that are not listed; patterns such as ``SCRAM-*``, too."""
    add: tuple[OneLine, ...] = ()
    """Those that are listed besides."""

    def __post_init__(self) -> None:
        """Refuse what changes nothing."""
        if self.only is None and not (self.hide or self.add):
            raise ValueError("it needs only, hide or add")

    def reply(self, honest: Reply, moment: Moment) -> Iterable[Step]:
        """Return the reply with the other mechanisms; the same where it lists no capabilities."""
        head = _HEADS.get(moment.protocol)

        def change(names: Names) -> Names:
            honest_ones = [one for name in names for one in _mechanisms(name, head)]
            place = next((place for place, name in enumerate(names) if _mechanisms(name, head)), len(names))
            listed = self._listed(honest_ones)
            spelled = [f"AUTH={one}" for one in listed] if head is None else [" ".join((head, *listed))] * bool(listed)
            before, behind = (
                [name for name in part if not _mechanisms(name, head)] for part in (names[:place], names[place:])
            )
            return (*before, *spelled, *behind)

        return (moment.dialogue.relisted(moment.command, honest, change),)

    def _listed(self, honest: list[str]) -> list[str]:
        hidden = [pattern.upper() for pattern in self.hide]
        listed = honest if self.only is None else list(self.only)
        kept = [name for name in listed if not any(fnmatchcase(name.upper(), pattern) for pattern in hidden)]
        return [*kept, *self.add]


def _mechanisms(name: str, head: str | None) -> list[str]:
    """Return the mechanisms in one line of a list; ``head`` is what it begins with, None for IMAP's ``AUTH=``."""
    if head is None:
        return [name[5:]] if name.upper().startswith("AUTH=") else []
    first, *others = name.replace("=", " ", 1).split()
    return others if first.upper() == head else []

"""What every kind of misbehaviour is: a value with fields, and a few hooks that are honest unless it says otherwise.

A kind is one class in one file. Its fields are what can be configured, its docstring is its documentation, and
``example`` is a table that works; all of it is shown by ``labserver misbehaviours``.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from labserver.dialogues.exchange import Await, Grant, Preauthenticate, Refuse, Reply
from labserver.misbehaviours.conditions import When
from labserver.misbehaviours.moment import Occasion
from labserver.wire.framing import Framed, Overflow

if TYPE_CHECKING:
    from labserver.misbehaviours.chain import Tell
    from labserver.misbehaviours.moment import Moment
    from labserver.misbehaviours.presentation import Presentation
    from labserver.tls.client_hello import ClientHello
    from labserver.wire.actions import Action, Pace

    Step = Reply | Await | Grant | Refuse | Preauthenticate | Tell | Action
    """What an exchange yields."""

__all__ = ["EVERYWHERE", "Misbehaviour", "Said", "Step", "Steps", "passed_on"]

Said = Framed | Overflow | None
"""What is answered to a step: the unit that was awaited, else nothing."""
Steps = Generator["Step", Said, None]
"""An exchange, honest or not."""

EVERYWHERE = frozenset(Occasion)


class Misbehaviour(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """A misbehaviour; honest in every hook."""

    on: ClassVar[frozenset[Occasion]] = frozenset({Occasion.COMMAND})
    """The occasions on which it acts if its conditions name none."""
    possible: ClassVar[frozenset[Occasion]] = EVERYWHERE
    """The occasions on which it can act at all."""
    protocols: ClassVar[frozenset[str]] = frozenset({"smtp", "lmtp", "imap", "pop3"})
    """The protocols in which it means something."""
    instrument: ClassVar[bool] = False
    """It measures the client and is not the fault that the scenario is about."""
    example: ClassVar[dict[str, Any]] = {}
    """The fields of a table that works, with ``when``, without ``kind``."""

    when: When = When()
    """The conditions under which it acts."""

    @property
    def kind(self) -> str:
        """Return the kind's name."""
        return str(self.__struct_config__.tag)

    @property
    def occasions(self) -> frozenset[Occasion]:
        """Return the occasions on which it acts."""
        return self.when.occasions or self.on

    @property
    def replaces(self) -> bool:
        """Return whether it answers by itself, so that nobody hears the honest server, or a link further in."""
        return False

    @classmethod
    def uses(cls, hook: str) -> bool:
        """Return whether the kind has a hook of its own: ``exchange``, ``reply``, ``believes`` or ``handshake``."""
        return getattr(cls, hook) is not getattr(Misbehaviour, hook)

    def exchange(self, honest: Steps, moment: Moment) -> Steps:
        """Yield the steps of an answer instead of the honest ones: by default each reply through :meth:`reply`.

        It may stop before the honest exchange has ended, but must not yield when it is closed.
        """
        said: Said = None
        while True:
            try:
                step = honest.send(said)
            except StopIteration:
                return
            if isinstance(step, Reply):
                said = None
                yield from passed_on(self.reply(step, moment))
            else:
                said = yield step

    def reply(self, honest: Reply, moment: Moment) -> Iterable[Step]:  # noqa: ARG002 -- for kinds
        """Return what is said instead of one reply; a long one is passed on as it is, for it is not in memory."""
        return (honest,)

    def believes(self, name: str, honest: bool, moment: Moment) -> bool:  # noqa: ARG002, FBT001 -- for kinds; what is so, not an option
        """Return whether credentials of the account ``name`` count as right; ``honest`` is whether they are.

        If not, each mechanism refuses in its own words.
        """
        return honest

    def handshake(self, honest: Presentation, hello: ClientHello | None, moment: Moment) -> Presentation:  # noqa: ARG002 -- for kinds
        """Return how TLS answers a client; ``hello`` is None for what is no ClientHello."""
        return honest

    def below(self) -> Pace | None:
        """Return how octets are cut on their way to the network, TLS records and handshake included; None for not.

        It holds for all of a connection, whatever the conditions: an octet below TLS belongs to no exchange.
        """
        return None


def passed_on(steps: Iterable[Step]) -> Steps:
    """Yield steps to which nothing is answered."""
    for step in steps:  # noqa: UP028 -- an iterable takes no answers, a generator may be sent some
        yield step

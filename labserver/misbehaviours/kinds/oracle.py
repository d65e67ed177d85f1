"""Behaviour that finds out what a client believes: an instrument, and not the fault that a scenario is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from labserver.misbehaviours.base import Misbehaviour
from labserver.misbehaviours.kinds.fields import Seconds
from labserver.misbehaviours.moment import Occasion
from labserver.wire.actions import Hold

if TYPE_CHECKING:
    from labserver.misbehaviours.base import Steps
    from labserver.misbehaviours.moment import Moment

__all__ = ["Withhold"]


class Withhold(Misbehaviour, frozen=True, kw_only=True, tag="withhold"):
    """Once STARTTLS has brought TLS, nothing is said for a while: a client that goes on has its answer from elsewhere.

    An instrument for injection: a client that kept octets from before TLS takes them for the answer to its first
    command and sends the second one.
    """

    on: ClassVar[frozenset[Occasion]] = frozenset({Occasion.SECURED})
    possible: ClassVar[frozenset[Occasion]] = frozenset({Occasion.SECURED})
    instrument: ClassVar[bool] = True
    example: ClassVar[dict[str, Any]] = {"seconds": 0.1}

    seconds: Seconds = 2.0
    """How long."""

    def exchange(self, honest: Steps, moment: Moment) -> Steps:  # noqa: ARG002 -- the hook's
        """Hold what is said from here on."""
        yield Hold(self.seconds)
        yield from honest

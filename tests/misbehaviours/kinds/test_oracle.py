"""The instrument that finds out what a client believes: what the client gets of each kind."""

from __future__ import annotations

from labserver.misbehaviours.chain import Chain
from labserver.misbehaviours.moment import Occasion
from labserver.wire.actions import Hold
from tests.misbehaviours.kinds.rows import (
    made,
    plain,
)
from tests.misbehaviours.stage import Honest, moment, played


def test_withheld() -> None:
    """The oracle holds what is said inside TLS, and is no part of the fault."""
    chain = Chain([made("withhold")])
    assert plain(played(chain.wrap(Occasion.SECURED, Honest([]).run(), moment()))) == [Hold(2.0)]
    assert chain.reach == frozenset()

"""Turns at reading: who sends much where many do rests after each segment; nobody rests for ever, or without reason."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from labserver.servers.turns import Turns

if TYPE_CHECKING:
    from tests.servers.line import Loop


@dataclass(eq=False)
class Uploader:
    """Sends much, and counts its turns."""

    turns: Turns
    taken: list[Uploader] = field(default_factory=list)

    def read_again(self) -> None:
        """Take a turn."""
        self.taken.append(self)


@pytest.fixture
def uploaders(loop: Loop) -> list[Uploader]:  # noqa: ARG001 -- the loop of the turns
    """Return five who take turns by twos."""
    turns, taken = Turns(at_once=2), list[Uploader]()
    return [Uploader(turns, taken) for _ in range(5)]


def test_a_few_do_not_rest(uploaders: list[Uploader]) -> None:
    """As many as can be read in one turn read on, however much they send."""
    one, other, third, *_ = uploaders
    for _ in range(3):
        assert not one.turns.rests(one)
        assert not other.turns.rests(other)
    assert third.turns.rests(third)


def test_a_few_of_many_are_read_in_each_turn(uploaders: list[Uploader], loop: Loop) -> None:
    """In the order in which they came to rest; those who rest again meanwhile are behind the others."""
    turns, taken = uploaders[0].turns, uploaders[0].taken
    rested = [one for one in uploaders if turns.rests(one)]
    assert rested == uploaders[2:]
    loop.turn()
    assert taken == rested[:2]
    assert turns.rests(rested[0])
    loop.turn()
    assert taken == [*rested[:2], rested[2], rested[0]]
    loop.turn()
    assert loop.armed == 0, "nobody rests, and nothing is to be done"


def test_who_is_answered_makes_room(uploaders: list[Uploader]) -> None:
    """Answered or gone, one counts no more, and the others need not rest for it."""
    one, other, third, *_ = uploaders
    for each in (one, other, third):
        each.turns.rests(each)
    one.turns.leaves(one)
    one.turns.leaves(one)
    assert not third.turns.rests(third)
    assert not other.turns.rests(other)

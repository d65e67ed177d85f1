"""Tests of labserver.effort."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labserver.effort import GIVE_WAY, Effort, at_once, in_steps
from tests.work import Counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labserver.effort import Work


def test_a_turn_has_an_end() -> None:
    """What was spent adds up, over however many commands, until it is time; then a new turn begins."""
    effort = Effort(turn=100)
    assert [effort.spend(40) for _ in range(6)] == [False, False, True, False, False, True]


def test_work_at_once() -> None:
    """Work that need not give way is done to its end."""

    def work() -> Work[str]:
        yield GIVE_WAY
        yield GIVE_WAY
        return "done"

    assert at_once(work()) == "done"


def test_steps() -> None:
    """Many items are worked on some at a time, few at once, dear ones one by one."""
    effort, sizes = Counted(turn=1 << 20), list[int]()

    def step(some: Sequence[int]) -> Sequence[int]:
        sizes.append(len(some))
        return some

    assert at_once(in_steps(range(10_000), step, effort, 64)) == list(range(10_000))
    assert sizes == [4096, 4096, 1808]
    assert effort.total == 640_000
    sizes.clear()
    at_once(in_steps(range(3), step, effort, 1 << 20))
    assert sizes == [1, 1, 1]
    assert at_once(in_steps([], step, effort)) == []

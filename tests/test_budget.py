"""Budgets: what is counted is counted once, given back once, and refused beyond the limit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labserver.budget import Budget, Budgets, Charge

_MIB = 1 << 20


def test_beyond_the_limit_nothing_is_counted() -> None:
    """What does not fit is refused as a whole, unless it is forced."""
    budget = Budget(10)
    assert budget.take(10)
    assert not budget.take(1)
    assert budget.held == 10
    assert budget.take(5, forced=True)
    assert budget.held == 15
    budget.give(15)
    assert budget.held == 0


def test_a_part_is_bounded_by_the_whole() -> None:
    """A part counts in the whole, and is refused when either is full; a refusal changes neither."""
    whole = Budget(10)
    one, other = Budget(8, within=whole), Budget(8, within=whole)
    assert one.take(8)
    assert not one.take(1)
    assert not other.take(3)
    assert (one.held, other.held, whole.held) == (8, 0, 8)
    assert other.take(2)
    one.give(8)
    assert (one.held, other.held, whole.held) == (0, 2, 2)


def test_a_charge_is_given_back_once() -> None:
    """Closed, closed again and forgotten: it is one release."""
    budget = Budget(10)
    charge = Charge(budget)
    assert charge.resize(7)
    assert not charge.resize(11)
    assert charge.octets == 7
    charge.close()
    charge.close()
    del charge
    assert budget.held == 0


def test_a_forgotten_charge_is_given_back() -> None:
    """The last reference is enough."""
    budget = Budget(10)
    charge = Charge(budget)
    charge.resize(7)
    del charge
    assert budget.held == 0


@given(sizes=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 20), st.booleans())))
def test_the_sum_of_charges_is_what_is_held(sizes: list[tuple[int, int, bool]]) -> None:
    """Whatever grows, shrinks or is refused: held is the sum, and beyond the limit only what was forced."""
    budget = Budget(30)
    charges = [Charge(budget) for _ in range(4)]
    for which, size, forced in sizes:
        before = budget.held
        done = charges[which].resize(size, forced=forced)
        assert budget.held == sum(charge.octets for charge in charges)
        assert done or (budget.held == before and not forced)
        assert budget.held <= 30 or forced or budget.held <= before


@pytest.mark.parametrize(
    ("memory", "connections", "share"),
    [
        (4096 * _MIB, 1_000, 256 << 10),
        (256 * _MIB, 1_000, 134_217),
        (128 * _MIB, 1_000, 67_108),
        (128 * _MIB, 1_000_000, 4096),
        (128 * _MIB, 1, 256 << 10),
    ],
)
def test_a_lab_has_room_for_both_kinds_of_mail(memory: int, connections: int, share: int) -> None:
    """Finished mail leaves every connection its share; unfinished mail leaves half of the memory to finished mail."""
    budgets = Budgets.of(memory=memory, spool=_MIB, connections=connections)
    assert budgets.share == share
    assert budgets.finished.take(budgets.finished.limit)
    assert budgets.unfinished.take(min(share * connections, memory // 2))
    budgets.finished.give(budgets.finished.limit)
    while budgets.unfinished.take(share):
        pass
    assert budgets.finished.take(memory // 2)
    assert budgets.memory.held <= memory

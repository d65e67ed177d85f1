"""When a lab's process looks for garbage: what is set, what is frozen, and that another program gets its own back."""

from __future__ import annotations

import gc
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from labserver.servers import garbage
from labserver.servers.garbage import YOUNG, Collector, collecting

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """Return a collector at work, for which a thousand old objects are worth freezing."""
    monkeypatch.setattr(garbage, "WORTH_FREEZING", 1_000)
    with collecting() as made:
        gc.collect()
        made.freeze()
        yield made


class Cycle:
    """Refers to itself."""

    def __init__(self) -> None:
        self.itself = self


def aged(count: int) -> list[Cycle]:
    """Return objects that have grown old."""
    made = [Cycle() for _ in range(count)]
    gc.collect(0)
    gc.collect(1)
    return made


def test_as_before_afterwards() -> None:
    """Thresholds, callbacks and what was frozen: a test that runs a lab in its own process keeps its garbage."""
    before = gc.get_threshold(), len(gc.callbacks), gc.get_freeze_count()
    with collecting() as made:
        made.freeze()
        assert gc.get_threshold()[0] == YOUNG
        assert gc.get_freeze_count() > 1_000
    assert (gc.get_threshold(), len(gc.callbacks), gc.get_freeze_count()) == before


def test_importing_changes_nothing() -> None:
    """A program that embeds a lab has its own garbage."""
    program = (
        "import gc\n"
        "before = gc.get_threshold(), len(gc.callbacks), gc.get_freeze_count(), gc.isenabled()\n"
        "import labserver.lab, labserver.servers.garbage, labserver.cli.serving\n"
        "assert before == (gc.get_threshold(), len(gc.callbacks), gc.get_freeze_count(), gc.isenabled())\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_what_has_grown_old_is_frozen_when_nobody_is_there(collector: Collector) -> None:
    """It is not visited again, and still goes when nothing refers to it."""
    frozen = gc.get_freeze_count()
    made = aged(1_500)
    assert gc.get_freeze_count() == frozen
    collector.idle()
    assert gc.get_freeze_count() >= frozen + 1_500
    assert not any(item is made[0] for item in gc.get_objects())
    for item in made:
        del item.itself
    frozen = gc.get_freeze_count()
    del made, item
    assert gc.get_freeze_count() <= frozen - 1_500


def test_garbage_is_not_frozen(collector: Collector) -> None:
    """Sessions that ended leave cycles: they go first."""
    frozen = gc.get_freeze_count()
    made = aged(1_500)
    del made
    collector.idle()
    assert gc.get_freeze_count() < frozen + 500


def test_little_is_left_alone(collector: Collector) -> None:
    """Freezing looks at everything once: what is little, or young, is not worth it."""
    frozen = gc.get_freeze_count()
    made = aged(500)
    collector.idle()
    assert gc.get_freeze_count() == frozen
    young = [Cycle() for _ in range(1_500)]
    collector.idle()
    assert gc.get_freeze_count() == frozen
    assert len(made) + len(young) == 2_000


def test_it_is_cheap_to_ask(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection comes and goes thousands of times a second: nothing is counted before something has grown old."""
    aged(10)
    collector.idle()

    def counted(*_: object, **__: object) -> list[object]:
        raise AssertionError("nothing has grown old since")

    monkeypatch.setattr(gc, "get_objects", counted)
    for _ in range(100):
        collector.idle()

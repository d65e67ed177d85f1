"""When a lab's process looks for garbage: what is set, what is frozen, and that another program gets its own back."""

from __future__ import annotations

import gc
import subprocess
import sys

from labserver.servers.garbage import THRESHOLDS, collecting


class Cycle:
    """Refers to itself."""

    def __init__(self) -> None:
        self.itself = self


class Looks:
    """Counts what each look at everything went through."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    def __call__(self, phase: str, info: dict[str, int]) -> None:
        """Take note."""
        if phase == "start" and info["generation"] == 2:
            self.seen.append(len(gc.get_objects()))


def test_as_before_afterwards() -> None:
    """Thresholds, callbacks and what was frozen: a test that runs a lab in its own process keeps its garbage."""
    before = gc.get_threshold(), len(gc.callbacks), gc.get_freeze_count()
    with collecting():
        assert gc.get_threshold() == THRESHOLDS
        gc.collect()
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


def test_a_look_goes_through_what_is_new() -> None:
    """However much there is: half a million objects are never looked at together."""
    looks = Looks()
    with collecting():
        gc.collect()  # freezes what other tests left; CPython waits for a quarter as much before it looks again
        gc.collect()
        gc.callbacks.append(looks)
        try:
            kept = [[number] for number in range(500_000)]
        finally:
            gc.callbacks.remove(looks)
        assert len(kept) == 500_000
        assert len(looks.seen) >= 10
        assert max(looks.seen) <= 30_000


def test_what_is_frozen_still_goes() -> None:
    """When nothing refers to it any more."""
    with collecting():
        kept = [[number] for number in range(10_000)]
        gc.collect()
        frozen = gc.get_freeze_count()
        kept.clear()
        assert gc.get_freeze_count() <= frozen - 10_000


def test_garbage_is_not_frozen() -> None:
    """What is found is gone before the rest is frozen."""
    with collecting():
        gc.collect()
        frozen = gc.get_freeze_count()
        made = [Cycle() for _ in range(10_000)]
        del made
        gc.collect()
        assert gc.get_freeze_count() < frozen + 1_000

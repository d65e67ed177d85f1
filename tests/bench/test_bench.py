"""That the benchmarks still run, on the smallest scale. What they measure is never asserted: a test must not time."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from tests.bench import (
    against,
    catchers,
    certificates,
    checking,
    handshakes,
    hostile,
    peers,
    reading,
    scenarios,
    sending,
    starting,
)
from tests.bench.comparison import Bound, Rounds, interleaved
from tests.clients.sandbox import missing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SECTIONS: dict[str, tuple[str, Callable[[Path], str]]] = {
    "start": ("python3", lambda folder: starting.run(folder, rounds=1)),
    "catchers": ("smtp-source", lambda folder: catchers.run(folder, rounds=1, messages=20)),
    "smtp": ("smtp-source", lambda folder: sending.run(folder, rounds=1, messages=300)),
    "read": ("dovecot", lambda folder: reading.run(folder, rounds=1, messages=10, some=5, retrieved=5)),
    "tls": ("openssl", lambda folder: handshakes.run(folder, rounds=1, seconds=1, engines=("openssl",))),
    "scenarios": ("true", lambda folder: scenarios.run(folder, rounds=1)),
    "certificates": ("true", lambda folder: certificates.run(folder, rounds=1)),
    "check": ("curl", lambda folder: checking.run(folder, rounds=1, cases=3)),
    "hostile": (
        "true",
        lambda folder: hostile.run(folder, messages=200, octets=1 << 16, repeats=100, latencies=2),
    ),
    "memory": ("openssl", lambda folder: handshakes.run_memory(folder, connections=5)),
}


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder that Dovecot's unprivileged processes can get to, which pytest's are not."""
    with TemporaryDirectory(prefix="labserver-bench-") as name:
        yield Path(name)


@pytest.mark.differential
@pytest.mark.parametrize("section", _SECTIONS)
def test_every_section_prints_a_table(section: str, folder: Path) -> None:
    """Each benchmark serves its peers, asks all its questions and prints numbers with a ratio."""
    program, run = _SECTIONS[section]
    if shutil.which(program) is None:
        missing(program)
    printed = run(folder)
    rows = [line.split(" | ") for line in printed.splitlines() if line.startswith("| ")]
    assert len(rows) > 2 or section == "catchers"  # nobody has to have another catcher
    assert all(float(row[5]) >= 0 for row in rows[2:])


@pytest.mark.differential
def test_the_lab_is_measured_beside_other_checkouts(folder: Path) -> None:
    """Each checkout does all of the work and used processor time for each row."""
    printed = against.run(folder, others={"the same": peers.ROOT}, rounds=1, messages=10, share=0.01, starts=1)
    rows = [line.split(" | ") for line in printed.splitlines() if line.startswith("| ")]
    assert len(rows) > 30
    assert all(float(row[2]) > 0 and float(row[4]) > 0 for row in rows[2:])


def test_a_ratio_is_taken_within_a_round() -> None:
    """Drift from one round to the next cancels out: the median of ratios is told, not the ratio of medians."""
    slow_then_fast = Rounds({"labserver": [{"x": 10}, {"x": 1}, {"x": 4}], "peer": [{"x": 5}, {"x": 0.5}, {"x": 1}]})
    line = slow_then_fast.line("x", unit="s", peer="peer", wanted=Bound(at_most=3))
    assert line.ratio == 2
    assert line.cells()[-2:] == ("≤ 3", "yes")


def test_contenders_take_turns() -> None:
    """Nobody always comes first."""
    order: list[str] = []

    def contender(name: str) -> Callable[[], dict[str, float]]:
        def turn() -> dict[str, float]:
            order.append(name)
            return {"x": 1.0}

        return turn

    interleaved({name: contender(name) for name in "abc"}, 3)
    assert "".join(order) == "abcbcacab"

"""Time and randomness that tests and seeds can hold still."""

from __future__ import annotations

from datetime import UTC, timedelta

from labserver.clock import FixedClock, SeededEntropy, SystemClock, SystemEntropy


def test_system_time_is_utc() -> None:
    """The wall clock knows its time zone, which is UTC."""
    assert SystemClock().now().utcoffset() == timedelta(0)
    assert SystemClock().now().tzinfo is UTC


def test_monotonic_time_never_goes_back() -> None:
    """Two readings are in order."""
    clock = SystemClock()
    assert clock.monotonic() <= clock.monotonic()


def test_a_fixed_clock_stands_still() -> None:
    """It moves only when it is told to."""
    clock = FixedClock()
    assert clock.now() == clock.now()
    assert clock.monotonic() == 0.0
    clock.elapsed += 2.5
    assert clock.monotonic() == 2.5


def test_equal_seeds_give_equal_bytes() -> None:
    """One seed and purpose is one stream, in pieces of any size per call."""
    first, second = SeededEntropy("s"), SeededEntropy("s")
    assert [first.token(size, "keys") for size in (1, 33, 64)] == [second.token(size, "keys") for size in (1, 33, 64)]


def test_a_stream_never_repeats() -> None:
    """The next call gives other bytes."""
    entropy = SeededEntropy("s")
    assert entropy.token(16, "keys") != entropy.token(16, "keys")


def test_purposes_and_seeds_separate_streams() -> None:
    """Neither another purpose nor another seed shares any of them."""
    tokens = {SeededEntropy(seed).token(16, purpose) for seed in ("s", "t") for purpose in ("keys", "salts")}
    assert len(tokens) == 4


def test_sizes_are_kept() -> None:
    """As many bytes come as were asked for."""
    for entropy in (SeededEntropy("s"), SystemEntropy()):
        assert [len(entropy.token(size, "x")) for size in (0, 1, 32, 100)] == [0, 1, 32, 100]

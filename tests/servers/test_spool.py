"""The spool: one file without a name, whose blocks come and go, and which is no longer than it must be."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labserver.budget import Budget
from labserver.servers.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_SIZE = 1 << 12


def _block(number: int) -> memoryview:
    return memoryview(bytes([number % 256]) * _SIZE)


@pytest.fixture
def budget() -> Budget:
    """Return room for eight blocks."""
    return Budget(8 * _SIZE)


@pytest.fixture
def spool(tmp_path: Path, budget: Budget) -> Spool:
    """Return an empty spool with small blocks."""
    return Spool(tmp_path, budget=budget, share=_SIZE)


@pytest.mark.parametrize(("share", "size"), [(256 << 10, 1 << 16), (67_108, 1 << 16), (65_535, 1 << 15), (1, 1 << 12)])
def test_a_block_fits_the_share(tmp_path: Path, share: int, size: int) -> None:
    """Blocks are 64 KiB, or as much as a holder may have in memory, and never tiny."""
    assert Spool(tmp_path, budget=Budget(), share=share).size == size


def test_nobody_else_sees_it(tmp_path: Path, spool: Spool) -> None:
    """There is no file before there is mail, and then it has no name."""
    assert (list(tmp_path.iterdir()), spool.length) == ([], 0)
    number = spool.put(_block(1))
    assert (list(tmp_path.iterdir()), spool.length) == ([], _SIZE)
    assert spool.get(number) == bytes(_block(1))
    spool.close()


def test_blocks_are_used_again_and_cut_off(spool: Spool, budget: Budget) -> None:
    """The lowest free block is next; behind the last one the file ends."""
    numbers = [spool.put(_block(number)) for number in range(5)]
    assert numbers == [0, 1, 2, 3, 4]
    spool.free([1, 3])
    assert spool.length == 5 * _SIZE
    assert spool.put(_block(9)) == 1
    spool.free([4])
    assert spool.length == 3 * _SIZE
    assert [spool.get(number)[0] for number in (0, 1, 2)] == [0, 9, 2]
    assert spool.put(_block(7)) == 3
    assert spool.put(_block(8)) == 4
    spool.free([0, 1, 2, 3, 4])
    assert (spool.length, budget.held, spool.room) == (0, 0, 8 * _SIZE)


@given(steps=st.lists(st.integers(0, 20), max_size=60))
def test_whatever_comes_and_goes(tmp_path_factory: pytest.TempPathFactory, steps: list[int]) -> None:
    """Every block is what was put there, none is given out twice, and the file ends behind the last."""
    budget = Budget(6 * _SIZE)
    spool = Spool(tmp_path_factory.getbasetemp(), budget=budget, share=_SIZE)
    model: dict[int, int] = {}
    for count, step in enumerate(steps):
        if step % 2 and model:
            number = sorted(model)[step % len(model)]
            spool.free([number])
            del model[number]
        elif len(model) < 6:
            number = spool.put(_block(count))
            assert number not in model
            model[number] = count % 256
        assert {number: spool.get(number)[0] for number in model} == model
        assert spool.length == _SIZE * (max(model, default=-1) + 1)
        assert budget.held == _SIZE * len(model)
    spool.close()


def test_a_full_budget_is_an_error_and_nothing_else(spool: Spool, budget: Budget) -> None:
    """What is refused is not counted, and does not stand in the way."""
    numbers = [spool.put(_block(number)) for number in range(8)]
    with pytest.raises(OSError, match="full"):
        spool.put(_block(8))
    assert (budget.held, spool.room) == (8 * _SIZE, 0)
    spool.free(numbers[:1])
    assert spool.put(_block(8)) == 0


def _cannot_write(*_: object) -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("name", ["pwrite", "fstatvfs"])
def test_a_disk_that_fails(spool: Spool, budget: Budget, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Whatever the system refuses, the block is not kept, and the next one is when there is room again."""
    with monkeypatch.context() as patch:
        patch.setattr(os, name, _cannot_write)
        with pytest.raises(OSError, match="No space left"):
            spool.put(_block(1))
    assert budget.held == 0
    assert spool.put(_block(2)) == 0
    assert spool.get(0) == bytes(_block(2))


def test_a_directory_that_cannot_be_written(tmp_path: Path, budget: Budget) -> None:
    """Without a file there is no room, until there can be one."""
    folder = tmp_path / "later"
    spool = Spool(folder, budget=budget, share=_SIZE)
    with pytest.raises(OSError, match="No such file"):
        spool.put(_block(1))
    assert budget.held == 0
    folder.mkdir()
    assert spool.put(_block(1)) == 0


def test_a_little_of_the_file_system_stays_free(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """With less than four MiB left there, mail gives way to the lab's own files."""
    honest = os.fstatvfs

    def left(octets: int) -> Callable[[int], os.statvfs_result]:
        def answer(file: int) -> os.statvfs_result:
            fields = list(honest(file))
            fields[1], fields[4] = 1024, octets // 1024
            return os.statvfs_result(fields)

        return answer

    monkeypatch.setattr(os, "fstatvfs", left(4 << 20))
    assert spool.put(_block(1)) == 0
    monkeypatch.setattr(os, "fstatvfs", left((4 << 20) - 1024))
    with pytest.raises(OSError, match="No space left"):
        spool.put(_block(2))

"""Room on the disk: what is tried, in which order, and what becomes of the reserve. A real disk: test_full_disk.py."""

from __future__ import annotations

import os
import sqlite3
from typing import TYPE_CHECKING

import pytest

from labserver.errors import StorageFullError
from labserver.mailstore.room import Room

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

MIB = 1 << 20


class Disk:
    """Has so much room for the store, the reserve's included."""

    def __init__(self, octets: int, reserve: Path) -> None:
        self.octets = octets
        self.reserve = reserve

    def statvfs(self, _: object) -> os.statvfs_result:
        """Return what is free."""
        used = self.reserve.stat().st_size if self.reserve.exists() else 0
        free = max(0, self.octets - used) // 4096
        return os.statvfs_result((4096, 4096, free, free, free, 0, 0, 0, 0, 255))


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Return an open database in WAL mode."""
    connection = sqlite3.connect(tmp_path / "lab.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE mail (octets)")
    yield connection
    connection.close()


@pytest.fixture
def make_room(tmp_path: Path, db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Room]:
    """Return what makes a room on a disk of some size, and its reserve."""

    def make(octets: int) -> Room:
        disk = Disk(octets, tmp_path / "lab.db-reserve")
        monkeypatch.setattr(os, "statvfs", disk.statvfs)
        made = Room(tmp_path / "lab.db", tmp_path / "lab.db-wal", db)
        made.reserve()
        return made

    return make


def reserved(tmp_path: Path) -> int:
    """Return the size of the reserve in KiB."""
    path = tmp_path / "lab.db-reserve"
    return path.stat().st_size >> 10 if path.exists() else 0


def _error(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("no")
    error.sqlite_errorcode = code
    return error


class Write:
    """Fails so many times before it succeeds; notes how large the reserve was each time."""

    def __init__(self, tmp_path: Path, failures: int, code: int = sqlite3.SQLITE_FULL) -> None:
        self._tmp_path = tmp_path
        self._failures = failures
        self._code = code
        self.reserves: list[int] = []

    def __call__(self) -> str:
        """Write."""
        self.reserves.append(reserved(self._tmp_path))
        if len(self.reserves) <= self._failures:
            raise _error(self._code)
        return "written"


@pytest.mark.parametrize(
    ("disk", "size"),
    [(1 << 40, 8192), (32 * MIB, 8192), (31 * MIB, 4096), (4 * MIB, 1024), (MIB, 256), (MIB - 4096, 0), (0, 0)],
)
def test_the_reserve_is_a_small_part_of_the_disk(
    tmp_path: Path, make_room: Callable[[int], Room], disk: int, size: int
) -> None:
    """At most 8 MiB, at most a quarter of what is free; on a disk that is too small there is none."""
    make_room(disk)
    assert reserved(tmp_path) == size


def test_the_reserve_takes_real_room(tmp_path: Path, make_room: Callable[[int], Room]) -> None:
    """It is not sparse, only its owner can read it, and it goes when the store is closed on a disk with plenty."""
    made = make_room(1 << 40)
    status = (tmp_path / "lab.db-reserve").stat()
    assert status.st_blocks * 512 >= 8 * MIB
    assert status.st_mode & 0o777 == 0o600
    made.close()
    assert reserved(tmp_path) == 0


def test_the_reserve_outlives_a_process_on_a_full_disk(tmp_path: Path, make_room: Callable[[int], Room]) -> None:
    """Else another program would have taken its room when it is needed."""
    make_room(39 * MIB).close()
    assert reserved(tmp_path) == 8192
    again = make_room(9 * MIB)
    assert reserved(tmp_path) == 8192
    write = Write(tmp_path, 2)
    assert again.within(write, octets=0) == "written"
    assert write.reserves == [8192, 8192, 4096]


@pytest.mark.parametrize("code", [sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE], ids=["full", "quota"])
@pytest.mark.parametrize(
    ("failures", "reserves"),
    [(0, [8192]), (1, [8192, 8192]), (2, [8192, 8192, 4096]), (3, [8192, 8192, 4096, 0])],
)
def test_a_change_without_mail_gets_the_reserve_piece_by_piece(
    tmp_path: Path, make_room: Callable[[int], Room], failures: int, reserves: list[int], code: int
) -> None:
    """First the log gives back what it does not need, then half of the reserve goes, then all of it."""
    made = make_room(39 * MIB)
    write = Write(tmp_path, failures, code)
    assert made.within(write, octets=0) == "written"
    assert write.reserves == reserves
    assert reserved(tmp_path) == 8192, "there is room on this disk to make it again"


def test_there_is_an_end_to_trying(tmp_path: Path, make_room: Callable[[int], Room]) -> None:
    """When nothing helps, it is said."""
    made = make_room(39 * MIB)
    write = Write(tmp_path, 99)
    with pytest.raises(StorageFullError):
        made.within(write, octets=0)
    assert write.reserves == [8192, 8192, 4096, 0]


def test_mail_does_not_get_the_reserve(tmp_path: Path, make_room: Callable[[int], Room]) -> None:
    """It is tried once more when the log was shortened."""
    made = make_room(100 * MIB)
    write = Write(tmp_path, 99)
    with pytest.raises(StorageFullError):
        made.within(write, octets=1_000)
    assert write.reserves == [8192, 8192]


@pytest.mark.parametrize("octets", [0, 1_000])
def test_other_faults_are_not_about_room(tmp_path: Path, make_room: Callable[[int], Room], octets: int) -> None:
    """They are raised as they are, at once."""
    made = make_room(1 << 40)
    write = Write(tmp_path, 99, sqlite3.SQLITE_CORRUPT)
    with pytest.raises(sqlite3.OperationalError):
        made.within(write, octets=octets)
    assert len(write.reserves) == 1


@pytest.mark.parametrize(
    ("disk", "fits"), [(100 * MIB, True), (28 * MIB, True), (24 * MIB, False), (10 * MIB, False), (MIB, False)]
)
def test_mail_needs_room_in_the_log_and_in_the_file(
    tmp_path: Path, make_room: Callable[[int], Room], disk: int, *, fits: bool
) -> None:
    """Ten mebibytes take twenty besides the reserve, or they would wait in the log for room in the file."""
    made = make_room(disk)
    write = Write(tmp_path, 0)
    if fits:
        assert made.within(write, octets=10 * MIB) == "written"
        return
    with pytest.raises(StorageFullError):
        made.within(write, octets=10 * MIB)
    assert write.reserves == []


def test_a_disk_that_does_not_say_is_tried(
    tmp_path: Path, make_room: Callable[[int], Room], monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite will say it."""
    made = make_room(1 << 40)

    def refused(_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "statvfs", refused)
    assert made.within(Write(tmp_path, 0), octets=50 * MIB) == "written"

"""How much memory there is: written down as the kernel writes it, in version 1 and 2, nested and in containers."""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING

import pytest

from labserver.budget import Budget
from labserver.servers.memory import Ebb, default_memory, memory_limit

if TYPE_CHECKING:
    from pathlib import Path

_MIB = 1 << 20
_V1_NONE = "9223372036854771712"
_HYBRID = (
    "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
    "36 31 0:33 / /sys/fs/cgroup/cpu rw,relatime shared:3 - cgroup cgroup rw,cpu,cpuacct\n"
    "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n"
)
_UNIFIED = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"


def _system(root: Path, cgroup: str, mounts: str, files: dict[str, str]) -> Path:
    for name, text in {"proc/self/cgroup": cgroup, "proc/self/mountinfo": mounts, **files}.items():
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


_CASES = {
    "version 2": ("0::/a\n", _UNIFIED, {"sys/fs/cgroup/a/memory.max": f"{512 * _MIB}\n"}, 512),
    "version 2, around it": (
        "0::/a/b/c\n",
        _UNIFIED,
        {
            "sys/fs/cgroup/a/memory.max": f"{300 * _MIB}\n",
            "sys/fs/cgroup/a/b/memory.max": "max\n",
            "sys/fs/cgroup/a/b/c/memory.max": f"{400 * _MIB}\n",
        },
        300,
    ),
    "version 2, own name space": ("0::/\n", _UNIFIED, {"sys/fs/cgroup/memory.max": f"{512 * _MIB}\n"}, 512),
    "version 1": (
        "4:memory:/a/b\n0::/\n",
        _HYBRID,
        {
            "sys/fs/cgroup/memory/memory.limit_in_bytes": _V1_NONE,
            "sys/fs/cgroup/memory/a/memory.limit_in_bytes": f"{600 * _MIB}\n",
            "sys/fs/cgroup/memory/a/b/memory.limit_in_bytes": _V1_NONE,
        },
        600,
    ),
    "version 1 in a container": (
        "4:memory:/docker/abc\n",
        _HYBRID.replace("0:32 /", "0:32 /docker/abc"),
        {"sys/fs/cgroup/memory/memory.limit_in_bytes": f"{512 * _MIB}\n"},
        512,
    ),
    "another version 1": (
        "5:cpu,memory:/x\n",
        "35 31 0:32 / /sys/fs/cgroup/both rw - cgroup cgroup rw,cpu,memory\n",
        {"sys/fs/cgroup/both/x/memory.limit_in_bytes": f"{200 * _MIB}\n"},
        200,
    ),
    "the least of both": (
        "4:memory:/a\n0::/b\n",
        _HYBRID,
        {
            "sys/fs/cgroup/memory/a/memory.limit_in_bytes": f"{500 * _MIB}\n",
            "sys/fs/cgroup/unified/b/memory.max": f"{450 * _MIB}\n",
        },
        450,
    ),
    "outside of what is mounted": (
        "0::/../../other\n",
        _UNIFIED,
        {"sys/fs/cgroup/memory.max": f"{512 * _MIB}\n", "other/memory.max": "1\n"},
        512,
    ),
}


@pytest.mark.parametrize("case", _CASES)
def test_a_cgroup_bounds_it(tmp_path: Path, case: str) -> None:
    """The least limit from a process's own cgroup up to what is mounted holds."""
    cgroup, mounts, files, expected = _CASES[case]
    root = _system(tmp_path, cgroup, mounts, files)
    assert memory_limit(root) == expected * _MIB
    assert default_memory(root) == max(128, expected // 2) * _MIB


@pytest.mark.parametrize(
    ("cgroup", "mounts", "files"),
    [
        ("", "", {}),
        ("0::/a\n", _UNIFIED, {}),
        ("0::/a\n", _UNIFIED, {"sys/fs/cgroup/a/memory.max": "max\n"}),
        ("4:memory:/\n", _HYBRID, {"sys/fs/cgroup/memory/memory.limit_in_bytes": _V1_NONE}),
        ("7:blkio:/\n", _HYBRID, {"sys/fs/cgroup/unified/memory.max": "1\n"}),
        ("0::/a\n", "nonsense\n", {"sys/fs/cgroup/a/memory.max": "1\n"}),
    ],
)
def test_else_the_machine_does(tmp_path: Path, cgroup: str, mounts: str, files: dict[str, str]) -> None:
    """Without a cgroup that says a number, half of the machine's memory is the default."""
    root = _system(tmp_path, cgroup, mounts, files)
    assert memory_limit(root) > 256 * _MIB
    assert default_memory(root) == memory_limit(root) // 2


def test_an_address_space_bounds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lower limit of the address space holds (RLIMIT_AS); half of it is the default, and never less than 128 MiB."""
    limits = iter([600 * _MIB, 600 * _MIB, 100 * _MIB, 100 * _MIB])
    monkeypatch.setattr(resource, "getrlimit", lambda which: (next(limits), which)[:1] * 2)
    assert (memory_limit(tmp_path), default_memory(tmp_path)) == (600 * _MIB, 300 * _MIB)
    assert (memory_limit(tmp_path), default_memory(tmp_path)) == (100 * _MIB, 128 * _MIB)


def test_memory_is_given_back_when_much_less_is_held() -> None:
    """When half of what was held is gone, and it is enough to be worth it; then again when half of the rest is."""
    budget, given = Budget(), list[int]()
    ebb = Ebb(budget, lambda: given.append(budget.held // _MIB))
    for held in (0, 10, 1, 60, 40, 31, 30, 25, 15, 14, 13, 4, 0, 20, 0):
        budget.give(budget.held)
        budget.take(held * _MIB)
        ebb.look()
    assert given == [30, 14, 0]


def test_the_system_takes_it() -> None:
    """By default the allocator is asked, whatever that is."""
    budget = Budget()
    budget.take(64 * _MIB)
    ebb = Ebb(budget)
    ebb.look()
    budget.give(64 * _MIB)
    ebb.look()

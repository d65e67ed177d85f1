"""A small machine, made by hand: a memory limit by cgroup (version 1 or 2), else by address space, and a tmpfs."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["limited", "small_disk"]

_JOIN = "import os, sys; open(sys.argv[1], 'w').write(str(os.getpid())); os.execv(sys.argv[2], sys.argv[2:])"
_BOUND = (
    "import os, resource, sys; resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]),) * 2);"
    "os.execv(sys.argv[2], sys.argv[2:])"
)


@contextlib.contextmanager
def limited(octets: int) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield how memory is limited, and the words to put ahead of a command so that it is."""
    for kind, parent, name in _parents():
        group = parent / f"labserver-soak-{os.getpid()}"
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            (group / name).write_text(str(octets))
        except OSError:
            group.rmdir()
            continue
        try:
            yield kind, (sys.executable, "-c", _JOIN, str(group / "cgroup.procs"))
        finally:
            _leave(group)
        return
    yield "address space", (sys.executable, "-c", _BOUND, str(octets))


def _parents() -> Iterator[tuple[str, Path, str]]:
    """Yield the places where a cgroup could be made, below this process's own."""
    root = Path("/sys/fs/cgroup")
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        number, controllers, path = line.split(":", 2)
        if number == "0":
            yield "cgroup v2", root / path.lstrip("/"), "memory.max"
        elif "memory" in controllers.split(","):
            yield "cgroup v1", root / "memory" / path.lstrip("/"), "memory.limit_in_bytes"


def _leave(group: Path) -> None:
    """Remove a cgroup once the last process in it is gone."""
    for _ in range(100):
        with contextlib.suppress(OSError):
            group.rmdir()
            return
        time.sleep(0.1)


@contextlib.contextmanager
def small_disk(folder: Path, mebibytes: int) -> Iterator[str]:
    """Make ``folder`` a file system of that size, if this process may; yield what it is."""
    folder.mkdir(exist_ok=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m,mode=0700", "labserver-soak", str(folder)],
        check=False,
        capture_output=True,
    )
    if mounted.returncode:
        yield "no disk of its own"
        return
    try:
        yield f"a tmpfs of {mebibytes} MiB"
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)

"""Server processes under measurement: started, ready, watched for processor time and memory, ended.

A server is the head of a session of its own, so that what its children use (Dovecot has many) is counted as well.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["Server", "accepts", "free_port", "ready_line", "running"]

_HOST = "127.0.0.1"
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server that is ready."""

    process: subprocess.Popen[bytes]
    seconds: float
    """From exec to ready."""
    said: bytes = b""
    """What it said when it was ready."""

    def processor_seconds(self) -> float:
        """Return the processor time of the server and all its children so far, those that ended included."""
        return sum(_used(stat) for stat in _stats() if int(stat[3]) == self.process.pid) / _TICKS

    def resident(self) -> int:
        """Return the octets of memory that the server itself has in RAM."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * _PAGE


def _stats() -> Iterator[list[str]]:
    """Yield the fields of every process's ``stat`` behind its name: index 3 is the session (proc(5))."""
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            yield entry.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()


def _used(stat: list[str]) -> int:
    """Return user and system time in ticks, of the process and the children it has waited for."""
    return sum(map(int, stat[11:15]))


@contextlib.contextmanager
def running(
    command: Sequence[str], *, log: Path, ready: Callable[[subprocess.Popen[bytes]], bytes], cwd: Path | None = None
) -> Iterator[Server]:
    """Run a server until the block ends; ``ready`` returns as soon as it is."""
    with log.open("ab") as errors:
        before = time.perf_counter()
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
            cwd=cwd,
        )
        with process:
            try:
                said = ready(process)
                yield Server(process=process, seconds=time.perf_counter() - before, said=said)
            except BaseException as error:
                error.add_note(f"{command[0]} logged: {log.read_text(encoding='utf-8', errors='replace')[-2000:]}")
                raise
            finally:
                process.terminate()
                try:
                    process.wait(PATIENCE)
                except subprocess.TimeoutExpired:
                    process.kill()


def ready_line(process: subprocess.Popen[bytes]) -> bytes:
    """Wait for a first line on standard output; what readiness is for the lab and the Python peers."""
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError("the server ended before it was ready")
    return line


def accepts(port: int) -> Callable[[subprocess.Popen[bytes]], bytes]:
    """Return what waits until the port accepts connections; for servers that do not say when they are ready."""

    def wait(process: subprocess.Popen[bytes]) -> bytes:
        deadline = time.monotonic() + PATIENCE
        while process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(ConnectionRefusedError), socket.create_connection((_HOST, port)):
                return b""
            time.sleep(0.001)  # finer than what is measured; there is nothing else to wait on
        raise RuntimeError(f"nothing listens on port {port}")

    return wait


def free_port() -> int:
    """Return a port that was free a moment ago, for peers that cannot choose one themselves."""
    with socket.create_server((_HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port

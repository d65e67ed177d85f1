"""A lab in a process of its own, as its users run it, and what can be seen of it from outside."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["COMMAND", "LabProcess", "running", "started"]

COMMAND = (sys.executable, "-m", "labserver")


@dataclass(kw_only=True)
class LabProcess:
    """A lab that is ready."""

    process: subprocess.Popen[bytes]
    ready_file: Path
    log: Path
    ready: Mapping[str, Any]

    @property
    def ports(self) -> dict[str, int]:
        """The port of each service."""
        ports: dict[str, int] = self.ready["ports"]
        return ports

    @property
    def ca(self) -> Path:
        """The CA's certificate."""
        return Path(self.ready["ca"]["pem"])

    def events(self, kind: str) -> list[dict[str, Any]]:
        """Return the events of a kind in the transcript so far."""
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(PATIENCE)
            control.connect(str(self.ready["control"]))
            control.sendall(b"transcript\n")
            with control.makefile("rb") as stream:
                mark = b'"event":"%b"' % kind.encode()
                return [json.loads(line) for line in stream if mark in line]

    def sound(self) -> None:
        """Assert that it lives and has found no fault in itself: neither in what is kept nor in what is forgotten."""
        log = self.log.read_text(errors="replace")
        assert self.process.poll() is None, log
        assert self.events("InternalFault") == []
        assert "internal error" not in log
        assert "Traceback" not in log

    def descriptors(self) -> int:
        """Return how many descriptors it has open."""
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def resident(self) -> int:
        """Return how many octets of memory it uses."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def worked(self) -> float:
        """Return how many seconds of the processor it has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


def started(
    folder: Path, *options: str, environment: dict[str, str] | None = None, wrapper: Sequence[str] = ()
) -> LabProcess:
    """Start a lab on free ports and wait until it is ready; ``folder`` takes its files, ``wrapper`` runs it."""
    folder.mkdir(exist_ok=True)
    ready, log = folder / "ready.json", folder / "lab.log"
    ready.unlink(missing_ok=True)
    command = [*wrapper, *COMMAND, "up", "--ports", "any", "--exit-with-parent", "--ready-file", str(ready), *options]
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | {"XDG_RUNTIME_DIR": str(folder)} | (environment or {}),
        )
    deadline = time.monotonic() + PATIENCE
    while not ready.exists():
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.01)
        if process.returncode is not None or time.monotonic() > deadline:
            process.kill()
            process.communicate()
            raise AssertionError(f"the lab did not become ready: {log.read_text(errors='replace')}")
    return LabProcess(process=process, ready_file=ready, log=log, ready=json.loads(ready.read_text()))


@contextlib.contextmanager
def running(
    folder: Path, *options: str, environment: dict[str, str] | None = None, wrapper: Sequence[str] = ()
) -> Iterator[LabProcess]:
    """Run a lab until the block ends, and see that it ends in good order unless it was ended before."""
    lab = started(folder, *options, environment=environment, wrapper=wrapper)
    try:
        yield lab
        if lab.process.poll() is None:
            lab.sound()
            assert lab.end() == 0, lab.log.read_text(errors="replace")
            assert "Traceback" not in lab.log.read_text(errors="replace")
    finally:
        if lab.process.poll() is None:
            lab.process.kill()
        lab.process.wait()
        if lab.process.stdin is not None:
            lab.process.stdin.close()

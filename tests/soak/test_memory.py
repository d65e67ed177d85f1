"""A lab in 512 MiB that 900 clients try to fill: ``pytest -m soak tests/soak``; ``python -m tests.soak.test_memory``.

They send 49 MiB each and never the dot. Small mail is accepted within a second meanwhile, memory stays below the limit,
and it falls back when they leave.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.integration.labs import running
from tests.integration.peer import send_mail
from tests.patience import unhurried
from tests.soak.confined import limited, small_disk

if TYPE_CHECKING:
    from tests.integration.labs import LabProcess

_MIB = 1 << 20
_LIMIT = 512 * _MIB
_DISK = 64
_CLIENTS = 900
_OCTETS = 49 * _MIB
_SECONDS = 60.0
_MAIL = b"Subject: small\r\n\r\n" + (b"x" * 78 + b"\r\n") * 51


@dataclass
class Course:
    """What was measured."""

    limit: str = ""
    disk: str = ""
    before: int = 0
    peak: int = 0
    after: int = 0
    waits: list[float] = field(default_factory=list)
    """Seconds from a new client's connection to the 250 for its mail."""
    work: list[float] = field(default_factory=list)
    """Seconds of the processor that the lab had meanwhile: where the machine is busy otherwise, this is its part."""
    crowd: dict[str, float] = field(default_factory=dict)

    @property
    def usual(self) -> float:
        """The median of the waits."""
        return sorted(self.waits)[len(self.waits) // 2]

    def __str__(self) -> str:
        waits = sorted(self.waits)
        return "\n".join(
            [
                f"limit: {self.limit} {_LIMIT // _MIB} MiB, run directory: {self.disk}",
                f"crowd: {self.crowd}",
                f"resident MiB before: {self.before // _MIB}",
                f"resident MiB at the peak: {self.peak // _MIB}",
                f"resident MiB after they left: {self.after // _MIB}",
                f"a new client's 4 KiB mail, {len(waits)} times: median {self.usual:.3f} s, worst {waits[-1]:.3f} s",
                f"the lab's own work meanwhile: at most {max(self.work):.3f} s",
            ]
        )

    def mail(self, lab: LabProcess) -> None:
        """Send one as a new client."""
        began, worked = time.monotonic(), lab.worked()
        (reply,) = send_mail(lab, _MAIL, "bob@lab.test")
        assert reply.startswith(b"250 "), reply
        self.waits.append(time.monotonic() - began)
        self.work.append(lab.worked() - worked)
        self.peak = max(self.peak, lab.resident())


def course(folder: Path, *, clients: int = _CLIENTS, octets: int = _OCTETS, seconds: float = _SECONDS) -> Course:
    """Run the lab and the crowd, and measure."""
    found = Course()
    descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors[1], descriptors[1]))
    with (
        limited(_LIMIT) as (found.limit, ahead),
        small_disk(folder / "disk", _DISK) as found.disk,
        running(folder / "disk", wrapper=ahead) as lab,
    ):
        found.mail(lab)
        found.before = lab.resident()
        words = [str(lab.ports["smtp"]), str(clients), str(octets), str(seconds)]
        with subprocess.Popen(
            [sys.executable, "-m", "tests.soak.crowd", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        ) as crowd:
            told = threading.Thread(target=lambda: found.crowd.update(json.loads(crowd.stdout.readline())))  # type: ignore[union-attr]  # it is a pipe
            told.start()
            while told.is_alive():
                found.mail(lab)
                told.join(0.25)
            found.mail(lab)
            crowd.kill()
        found.after = _settled(lab, found.before + 64 * _MIB)
    return found


def _settled(lab: LabProcess, most: int) -> int:
    """Return how much is resident once it is at most so much, or ten seconds later."""
    deadline = time.monotonic() + 10
    while (seen := lab.resident()) > most and time.monotonic() < deadline:
        time.sleep(0.1)
    return seen


@pytest.mark.soak
@pytest.mark.timeout(300)
def test_900_unfinished_mails(tmp_path: Path) -> None:
    """None is lost of what was acknowledged, and everybody else is served as if they were not there."""
    found = course(tmp_path)
    sys.stderr.write(f"{found}\n")
    assert found.peak < _LIMIT
    assert max(found.waits) < unhurried(1)
    assert max(found.work) < 1, "on a machine that does nothing else nobody waits longer than that"
    assert found.after < found.before + 64 * _MIB


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="labserver-soak-") as place:
        sys.stdout.write(f"{course(Path(place))}\n")

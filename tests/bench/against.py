"""The lab against itself at other commits: the processor time of the same work, measured in turns.

Each round starts a lab of every checkout over the same mail. A row is measured in several slices, in which the labs
take turns; a lab's time is that of its quickest slice, because what other jobs of the machine cost is only ever added.
What can be asked only once of a lab (*cold*) is one slice.
"""

from __future__ import annotations

import os
import ssl
import time
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

from tests.bench import mailbox, peers
from tests.bench.client import Client
from tests.bench.comparison import OURS, Rounds, table
from tests.bench.reading import questions_about

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from tests.bench.comparison import Line, Sample

__all__ = ["run"]

_HOST = "127.0.0.1"
_STARTED = "exec to ready"
_USER, _PASSWORD = peers.ACCOUNT
_ENVELOPE = b"MAIL FROM:<bench@example.org>\r\n", b"RCPT TO:<bob@lab.test>\r\n", b"DATA\r\n"
_SMALL = b"Subject: bench\r\n\r\n" + b"It is as long as it is.\r\n" * 160
_LARGE = b"Subject: bench\r\n\r\n" + b"It is as long as it is.\r\n" * 2600


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """What one row measures."""

    what: str
    unit: str
    do: Callable[[_Contender], None]
    times: int
    """How often it is done in a slice."""
    slices: int
    units: int = 1
    """How many of what the unit counts are in it."""


class _Contender:
    """A lab that is ready, and one logged in client of each protocol."""

    def __init__(self, lab: peers.Lab, stack: ExitStack) -> None:
        self.ports = lab.ports
        self.server = lab.server
        self.imap = self._client(stack, "imap")
        self.imap.imap(f"LOGIN {_USER} {_PASSWORD}")
        self.imap.imap("SELECT INBOX")
        self.pop3 = self._client(stack, "pop3")
        self.pop3.pop3(f"USER {_USER}")
        self.pop3.pop3(f"PASS {_PASSWORD}")

    def _client(self, stack: ExitStack, service: str) -> Client:
        client = stack.enter_context(closing(Client(self.ports[service])))
        client.line()
        return client

    def used(self) -> float:
        """Return the processor time that the lab has used until it waits again, in seconds."""
        return _processor_seconds(self.server.process.pid)


def _processor_seconds(pid: int) -> float:
    """Return the processor time of another process, as soon as it sleeps: that of a running one is not up to date.

    Its clock is the one that clock_getcpuclockid(3) makes on Linux, finer than the ticks of proc(5).
    """
    stat = Path(f"/proc/{pid}/stat")
    while stat.read_bytes().rpartition(b") ")[2][:1] != b"S":
        time.sleep(0.0005)
    return time.clock_gettime((~pid << 3) | 2)


def run(
    folder: Path, *, others: Mapping[str, Path], rounds: int, messages: int, share: float = 1.0, starts: int = 3
) -> str:
    """Measure this checkout beside ``others``, by name.

    ``share``: how much of a slice's usual work is done; ``starts``: how often a lab is started to see what that takes.
    """
    maildir = folder / "preload" / _USER
    mailbox.fill(maildir, messages)
    checkouts = {OURS: peers.ROOT, **others}
    works = _works(messages, share)
    samples: dict[str, list[Sample]] = {name: [] for name in checkouts}
    with _compiling(folder):
        for root in checkouts.values():
            _started(folder, root, 1)  # so that its modules are compiled
        _measure(folder, checkouts, works, samples, rounds=rounds, starts=starts)
    found = Rounds(samples)
    units = {_STARTED: "ms"} | {work.what: work.unit for work in works}
    return "\n\n".join(_section(found, other, units) for other in others)


@contextmanager
def _compiling(folder: Path) -> Iterator[None]:
    """Have Python keep what it compiled, in a place of the measurement's own, whatever a checkout has."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    kept["PYTHONPYCACHEPREFIX"] = str(folder / "compiled")
    with patch.dict(os.environ, kept, clear=True):
        yield


def _measure(
    folder: Path,
    checkouts: Mapping[str, Path],
    works: Sequence[_Work],
    samples: Mapping[str, list[Sample]],
    *,
    rounds: int,
    starts: int,
) -> None:
    for number in range(rounds):
        names = list(checkouts)[number % len(checkouts) :] + list(checkouts)[: number % len(checkouts)]
        with ExitStack() as stack:
            contenders = {}
            for name in names:
                samples[name].append({_STARTED: _started(folder, checkouts[name], starts)})
                options = ("--preload", str(folder / "preload"), "--allow-cleartext-auth")
                lab = stack.enter_context(peers.lab(folder, *options, root=checkouts[name]))
                contenders[name] = _Contender(lab, stack)
            for work in works:
                for name, spent in _in_turns(contenders, work).items():
                    samples[name][-1][work.what] = spent


def _section(found: Rounds, other: str, units: Mapping[str, str]) -> str:
    lines: list[Line] = [found.line(what, unit=unit, peer=other) for what, unit in units.items()]
    return table(f"Processor time against {other}", lines)


def _started(folder: Path, root: Path, starts: int) -> float:
    """Return the least processor time, in ms, that a lab took from exec to ready."""
    spent = []
    for _ in range(starts):
        with peers.lab(folder, root=root) as lab:
            spent.append(_processor_seconds(lab.server.process.pid) * 1000)
    return min(spent)


def _in_turns(contenders: Mapping[str, _Contender], work: _Work) -> Sample:
    """Return the processor time of one unit in each lab's quickest slice, in ms."""
    best: Sample = {}
    names = list(contenders)
    for number in range(work.slices):
        for name in names if number % 2 else reversed(names):
            contender = contenders[name]
            before = contender.used()
            for _ in range(work.times):
                work.do(contender)
            spent = (contender.used() - before) * 1000 / work.times / work.units
            best[name] = min(best.get(name, spent), spent)
    return best


# What is done


def _smtp(contender: _Contender, messages: int, content: bytes) -> None:
    with closing(Client(contender.ports["smtp"])) as client:
        client.line()
        client.smtp(b"EHLO bench.example.org\r\n")
        for _ in range(messages):
            for command in _ENVELOPE:
                client.smtp(command)
            client.smtp(content + b".\r\n")
        client.smtp(b"QUIT\r\n")


def _imap(contender: _Contender) -> None:
    with closing(Client(contender.ports["imap"])) as client:
        client.line()
        for command in (f"LOGIN bob {_PASSWORD}", "SELECT Drafts", "NOOP", "LOGOUT"):
            client.imap(command)


def _pop3(contender: _Contender) -> None:
    with closing(Client(contender.ports["pop3"])) as client:
        client.line()
        client.pop3("CAPA", b"\r\n.\r\n")
        for command in ("USER catchall", f"PASS {_PASSWORD}", "STAT", "QUIT"):
            client.pop3(command)


def _greeted(contender: _Contender, service: str, connections: int) -> None:
    clients = [Client(contender.ports[service]) for _ in range(connections)]
    for client in clients:
        client.line()
    for client in clients:
        client.close()


def _handshake(contender: _Contender) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with closing(Client(contender.ports["imaps"], context)) as client:
        client.line()


def _retrieved(contender: _Contender, messages: int) -> None:
    for number in range(1, messages + 1):
        contender.pop3.pop3(f"RETR {number}", b"\r\n.\r\n")


def _appended(contender: _Contender) -> None:
    contender.imap.imap(f"APPEND Drafts {{{len(_SMALL)}+}}", _SMALL + b"\r\n")


def _works(messages: int, share: float) -> Sequence[_Work]:
    """Return the rows, in the order in which they are measured."""

    def work(
        what: str, unit: str, do: Callable[[_Contender], None], *, times: int, slices: int = 7, units: int = 1
    ) -> _Work:
        return _Work(what=what, unit=unit, do=do, times=max(1, int(times * share)), slices=slices, units=units)

    def question(name: str, command: str) -> _Work:
        def do(contender: _Contender) -> None:
            contender.imap.imap(command)

        return work(name, "ms", do, times=1, slices=1 if "cold" in name else 3)

    some = messages // 5
    return (
        work("SMTP, a connection per message of 4 KiB", "ms/message", lambda c: _smtp(c, 1, _SMALL), times=25),
        work("SMTP, 5 messages of 4 KiB", "ms/message", lambda c: _smtp(c, 5, _SMALL), times=8, units=5),
        work("SMTP, 40 messages of 4 KiB", "ms/message", lambda c: _smtp(c, 40, _SMALL), times=2, units=40),
        work("SMTP, 40 messages of 64 KiB", "ms/message", lambda c: _smtp(c, 40, _LARGE), times=1, units=40),
        work("SMTP, session without a message", "ms/session", lambda c: _smtp(c, 0, b""), times=25),
        work("IMAP, session: login, SELECT, NOOP, LOGOUT", "ms/session", _imap, times=20),
        work("POP3, session: CAPA, login, STAT, QUIT", "ms/session", _pop3, times=20),
        work("IMAP CAPABILITY", "ms/command", lambda c: c.imap.imap("CAPABILITY"), times=150),
        work("IMAP NOOP", "ms/command", lambda c: c.imap.imap("NOOP"), times=150),
        work("IMAP APPEND of 4 KiB", "ms/message", _appended, times=60),
        work("IMAP, one connection after another", "ms/connection", lambda c: _greeted(c, "imap", 1), times=40),
        work("IMAP, 100 connections at once", "ms/connection", lambda c: _greeted(c, "imap", 100), times=1, units=100),
        work("SMTP, 100 connections at once", "ms/connection", lambda c: _greeted(c, "smtp", 100), times=1, units=100),
        work("TLS handshake", "ms/handshake", _handshake, times=20),
        *(question(name, command) for name, command in questions_about(some).items()),
        work("POP3 LIST", "ms", lambda c: c.pop3.pop3("LIST", b"\r\n.\r\n"), times=1),
        work("POP3 UIDL", "ms", lambda c: c.pop3.pop3("UIDL", b"\r\n.\r\n"), times=1),
        work("POP3 RETR", "ms/message", lambda c: _retrieved(c, some), times=1, slices=3, units=some),
    )

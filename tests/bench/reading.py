"""Messages out: the same mailbox read over IMAP and POP3 from the lab and from Debian's Dovecot.

Each round has new servers, so that what is *cold* has not been asked for before: the lab has no parsed message, Dovecot
no index. *Warm* is the same question again.
"""

from __future__ import annotations

import os
import socket
import time
from contextlib import closing
from typing import TYPE_CHECKING, ParamSpec

from tests.bench import mailbox, peers
from tests.bench.comparison import OURS, Bound, Rounds, table
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.bench.comparison import Sample

__all__ = ["run"]

P = ParamSpec("P")

_DOVECOT = "Dovecot"
_READ = 1 << 18

_ENVELOPE = "FETCH 1:* ENVELOPE"
_FIELDS = "FETCH 1:* BODY.PEEK[HEADER.FIELDS (FROM SUBJECT DATE)]"


def _questions(some: int) -> dict[str, str]:
    """Return what is asked over IMAP, in this order; ``some`` is how many messages the dear questions are about."""
    return {
        "SELECT": "SELECT INBOX",
        "FETCH 1:* FLAGS": "FETCH 1:* FLAGS",
        "FETCH 1:* (UID FLAGS RFC822.SIZE INTERNALDATE)": "FETCH 1:* (UID FLAGS RFC822.SIZE INTERNALDATE)",
        f"{_ENVELOPE}, cold": _ENVELOPE,
        f"{_ENVELOPE}, warm": _ENVELOPE,
        "FETCH 1:* HEADER.FIELDS of three": _FIELDS,
        f"FETCH 1:{some} BODYSTRUCTURE, cold": f"FETCH 1:{some} BODYSTRUCTURE",
        f"FETCH 1:{some} BODYSTRUCTURE, warm": f"FETCH 1:{some} BODYSTRUCTURE",
        f"FETCH 1:{some} BODY.PEEK[]": f"FETCH 1:{some} BODY.PEEK[]",
        "SEARCH SUBJECT": f"SEARCH SUBJECT {mailbox.FOUND}",
        "SEARCH SUBJECT again": f"SEARCH SUBJECT {mailbox.FOUND}",
        "SEARCH UNSEEN": "SEARCH UNSEEN",
        "SEARCH BODY": f"SEARCH BODY {mailbox.FOUND}",
    }


def run(folder: Path, *, rounds: int, messages: int, some: int, retrieved: int) -> str:
    """Read a mailbox of so many messages."""
    maildir = folder / "preload" / peers.ACCOUNT[0]
    mailbox.fill(maildir, messages)
    _open_up(folder)
    questions = _questions(some)
    samples: dict[str, list[Sample]] = {OURS: [], _DOVECOT: []}
    for turn in range(rounds):
        with (
            peers.lab(folder, "--preload", str(maildir.parent), "--allow-cleartext-auth") as lab,
            peers.dovecot(folder, maildir) as dovecot,
        ):
            for name, sample in _read_imap({OURS: lab.ports["imap"], _DOVECOT: dovecot.imap}, questions, turn).items():
                samples[name].append(sample)
            pop3 = _read_pop3({OURS: lab.ports["pop3"], _DOVECOT: dovecot.pop3}, retrieved, turn)
            for name, sample in pop3.items():
                samples[name][-1] |= sample
    found = Rounds(samples)
    measured = [*questions, *(measurement for measurement in samples[OURS][0] if measurement not in questions)]
    lines = [found.line(name, unit="ms", peer=_DOVECOT, wanted=Bound(at_most=3)) for name in measured]
    return table(f"Messages out (IMAP, POP3), {messages} messages of 2 KB", lines)


def _open_up(folder: Path) -> None:
    """Let Dovecot's unprivileged processes come in, where it does not run as the user who measures."""
    if os.geteuid() == 0:
        folder.chmod(0o755)


def _read_imap(ports: dict[str, int], questions: dict[str, str], turn: int) -> dict[str, Sample]:
    with closing(_Client(ports[OURS])) as ours, closing(_Client(ports[_DOVECOT])) as theirs:
        clients = {OURS: ours, _DOVECOT: theirs}
        samples: dict[str, Sample] = {name: {} for name in clients}
        for client in clients.values():
            client.line()
            client.imap("LOGIN {} {}".format(*peers.ACCOUNT))
            client.imap("SELECT INBOX")
        for number, (name, question) in enumerate(questions.items(), turn):
            for contender in sorted(clients, reverse=bool(number % 2)):
                samples[contender][name] = _milliseconds(clients[contender].imap, question)
    return samples


def _read_pop3(ports: dict[str, int], retrieved: int, turn: int) -> dict[str, Sample]:
    with closing(_Client(ports[OURS])) as ours, closing(_Client(ports[_DOVECOT])) as theirs:
        clients = {OURS: ours, _DOVECOT: theirs}
        samples: dict[str, Sample] = {name: {} for name in clients}
        for client in clients.values():
            client.line()
            client.pop3(f"USER {peers.ACCOUNT[0]}")
            client.pop3(f"PASS {peers.ACCOUNT[1]}")
        for number, name in enumerate(("POP3 LIST", "POP3 UIDL", f"POP3 RETR {retrieved} times"), turn):
            for contender in sorted(clients, reverse=bool(number % 2)):
                samples[contender][name] = _milliseconds(clients[contender].ask, name, retrieved)
    return samples


def _milliseconds(ask: Callable[P, None], *arguments: P.args, **keywords: P.kwargs) -> float:
    before = time.perf_counter()
    ask(*arguments, **keywords)
    return (time.perf_counter() - before) * 1000


class _Client:
    """As little of a client as there can be, so that the server is what is measured."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._tag = 0

    def close(self) -> None:
        self._socket.close()

    def line(self) -> bytes:
        return self._until(b"\r\n")

    def imap(self, command: str) -> None:
        """Send a command and read up to its OK."""
        self._tag += 1
        tag = f"t{self._tag}"
        self._socket.sendall(f"{tag} {command}\r\n".encode())
        end = b""
        start = tag.encode() + b" "
        while not (end.endswith(b"\r\n") and end.rpartition(b"\r\n")[0].rpartition(b"\r\n")[2].startswith(start)):
            end = (end + self._some())[-1024:]
        if start + b"OK" not in end:
            raise RuntimeError(f"{command}: {end!r}")

    def pop3(self, command: str, end: bytes = b"\r\n") -> None:
        """Send a command and read up to the end of its answer."""
        self._socket.sendall(command.encode() + b"\r\n")
        answer = self._until(end)
        if not answer.startswith(b"+OK"):
            raise RuntimeError(f"{command}: {answer[:200]!r}")

    def ask(self, name: str, retrieved: int) -> None:
        """Ask one of the measured questions."""
        if "RETR" not in name:
            self.pop3(name.removeprefix("POP3 "), b"\r\n.\r\n")
            return
        for number in range(1, retrieved + 1):
            self.pop3(f"RETR {number}", b"\r\n.\r\n")

    def _until(self, end: bytes) -> bytes:
        answer = self._some()
        while not answer.endswith(end):
            answer += self._some()
        return answer

    def _some(self) -> bytes:
        data = self._socket.recv(_READ)
        if not data:
            raise RuntimeError("the server closed the connection")
        return data

"""Messages out: the same mailbox read over IMAP and POP3 from the lab and from Debian's Dovecot.

Each round has new servers, so that what is *cold* has not been asked for before: the lab has no parsed message, Dovecot
no index. *Warm* is the same question again.
"""

from __future__ import annotations

import os
import time
from contextlib import closing
from typing import TYPE_CHECKING, ParamSpec

from tests.bench import mailbox, peers
from tests.bench.client import Client
from tests.bench.comparison import OURS, Bound, Rounds, table

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.bench.comparison import Sample

__all__ = ["questions_about", "run"]

P = ParamSpec("P")

_DOVECOT = "Dovecot"

_ENVELOPE = "FETCH 1:* ENVELOPE"
_FIELDS = "FETCH 1:* BODY.PEEK[HEADER.FIELDS (FROM SUBJECT DATE)]"


def questions_about(some: int) -> dict[str, str]:
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
    questions = questions_about(some)
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
    with closing(Client(ports[OURS])) as ours, closing(Client(ports[_DOVECOT])) as theirs:
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
    with closing(Client(ports[OURS])) as ours, closing(Client(ports[_DOVECOT])) as theirs:
        clients = {OURS: ours, _DOVECOT: theirs}
        samples: dict[str, Sample] = {name: {} for name in clients}
        for client in clients.values():
            client.line()
            client.pop3(f"USER {peers.ACCOUNT[0]}")
            client.pop3(f"PASS {peers.ACCOUNT[1]}")
        for number, name in enumerate(("POP3 LIST", "POP3 UIDL", f"POP3 RETR {retrieved} times"), turn):
            for contender in sorted(clients, reverse=bool(number % 2)):
                samples[contender][name] = _milliseconds(_ask, clients[contender], name, retrieved)
    return samples


def _ask(client: Client, name: str, retrieved: int) -> None:
    """Ask one of the measured questions over POP3."""
    if "RETR" not in name:
        client.pop3(name.removeprefix("POP3 "), b"\r\n.\r\n")
        return
    for number in range(1, retrieved + 1):
        client.pop3(f"RETR {number}", b"\r\n.\r\n")


def _milliseconds(ask: Callable[P, None], *arguments: P.args, **keywords: P.kwargs) -> float:
    before = time.perf_counter()
    ask(*arguments, **keywords)
    return (time.perf_counter() - before) * 1000

"""Ten clients on one mailbox at the same time, over sockets: the models of ``tests/imap``, in threads of their own."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.imap.test_synchronisation import ACTIONS, Model
from tests.integration.labs import running
from tests.integration.peer import Peer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.labs import LabProcess

pytestmark = pytest.mark.soak

_SESSIONS = 10
_SECONDS = 15
_TURNS = 16
"""What each does at least, however long that takes."""
_MOST_MESSAGES = 200


class _Client:
    """Talks to one session over a socket, as the models want it."""

    def __init__(self, lab: LabProcess) -> None:
        self.peer = Peer(lab, "imaps").login()
        self.commands = 0
        self._idle = b""

    def do(self, command: str | bytes) -> list[bytes]:
        """Send one command and return the lines of its answer, the tagged one last."""
        self.commands += 1
        tag = b"t%d " % self.commands
        text = command.encode() if isinstance(command, str) else command
        lines = self.peer.ask(b"%b%b\r\n" % (tag, text)).removesuffix(b"\r\n").split(b"\r\n")
        return [*lines[:-1], lines[-1].removeprefix(tag)]

    def ok(self, command: str | bytes) -> list[bytes]:
        """Do a command that must succeed and return its untagged lines."""
        *lines, verdict = self.do(command)
        assert verdict.startswith(b"OK "), (command, lines, verdict)
        return lines

    def feed(self, octets: bytes) -> bytes:
        """Send IDLE or DONE and return what is said up to the continuation or the end."""
        self._idle = octets.split()[0] if b"IDLE" in octets else self._idle
        self.peer.send(octets)
        return self.peer.until(self._idle + b" ")


def _idle(model: Model) -> None:
    """Idle: what others do meanwhile comes bit by bit, so that only each line has to make sense."""
    for octets in (b"i IDLE\r\n", b"DONE\r\n"):
        for line in model.client.feed(octets).split(b"\r\n"):
            model.learn([line])


def _live(model: Model, seed: int, end: float) -> int:
    """Do whatever the seed says until the end, and no less than ``_TURNS`` of it; return how much that was."""
    dice = random.Random(seed)  # noqa: S311 -- the same for a seed every time
    done = 0
    while time.monotonic() < end or done < _TURNS:
        action, choice = dice.choice(list(ACTIONS)), dice.randrange(60)
        if action == "idle":
            _idle(model)
        else:
            ACTIONS[action](model, choice)
        if len(model.messages) > _MOST_MESSAGES:
            model.do("STORE 1:* +FLAGS (\\Deleted)", expunges=False)
            model.do("EXPUNGE")
        done += 1
    return done


def _believed(model: Model) -> list[tuple[int, frozenset[bytes] | None]]:
    model.do("NOOP")
    model.do("UID FETCH 1:* FLAGS")
    return [(known.uid, known.flags) for known in model.messages]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_ten_sessions_over_sockets(tmp_path: Path, seed: int) -> None:
    """Each reply makes sense to its client, and in the end all believe what a new one is told."""
    with running(tmp_path) as lab, ExitStack() as stack:
        clients = [_Client(lab) for _ in range(_SESSIONS + 1)]
        for client in clients:
            stack.callback(client.peer.close)
        *busy, fresh = [Model(client=client) for client in clients]
        for model in busy:
            model.open()
        end = time.monotonic() + _SECONDS
        with ThreadPoolExecutor(_SESSIONS) as pool:
            done = list(pool.map(_live, busy, range(seed * 100, seed * 100 + _SESSIONS), [end] * _SESSIONS))
        fresh.open()
        truth = _believed(fresh)
        assert all(_believed(model) == truth for model in busy)
        assert min(done) >= _TURNS, "each of them got its turns"
        lab.sound()

"""Kill a lab again and again while clients work on its store, and count what it acknowledged and then lost.

``python -m tests.soak.kills [ROUNDS]`` (34 by default, seconds each): in each round three clients deliver, append, flag
and expunge at once, the lab is killed with SIGKILL at a random moment and starts again on the same file, and every
operation that it acknowledged is looked for. Prints one line a round and exits with 1 if anything was lost.
"""

from __future__ import annotations

import random
import signal
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.integration.labs import running
from tests.integration.peer import Peer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.labs import LabProcess

_ROUNDS = 34
_MOMENT = (0.2, 1.5)
"""Seconds of work before the kill, from and to."""


@dataclass(kw_only=True)
class Mail:
    """What one client knows of its messages, by the number in their subject."""

    way: str
    there: set[int] = field(default_factory=set)
    """Acknowledged, and not expunged since."""
    gone: set[int] = field(default_factory=set)
    """Expunged, acknowledged."""
    flagged: set[int] = field(default_factory=set)
    """Flagged, acknowledged."""
    unsure: set[int] = field(default_factory=set)
    """Of the operation that was under way at the kill: both outcomes are right."""
    operations: int = 0
    last: int = 0

    @property
    def mailbox(self) -> str:
        """Where its messages are."""
        return "INBOX" if self.way == "smtp" else "Sent"

    def content(self, number: int) -> bytes:
        """Return a message of up to forty kilobytes, by its number."""
        return b"Subject: %b %d\r\n\r\n%b\r\n" % (self.way.encode(), number, b"%07d " % number * (number * 37 % 5_000))

    def work(self, lab: LabProcess, seed: int) -> None:
        """Work until the lab is gone."""
        chance = random.Random(seed)  # noqa: S311 -- repeatable
        step: Callable[[Peer, random.Random], bool] = self._deliver if self.way == "smtp" else self._use
        try:
            with Peer(lab, "smtp" if self.way == "smtp" else "imaps") as peer:
                if self.way == "smtp":
                    peer.ask(b"EHLO me\r\n")
                else:
                    peer.login("bob" if self.way == "bob" else "alice").ask(b"s SELECT Sent\r\n")
                while step(peer, chance):
                    self.operations += 1
                    self.unsure.clear()
        except (OSError, AssertionError, IndexError):
            return  # it was killed in the middle of an answer

    def _deliver(self, peer: Peer, _: random.Random) -> bool:
        number = self._next()
        envelope = b"MAIL FROM:<a@b.test>\r\nRCPT TO:<alice@lab.test>\r\nDATA\r\n"
        peer.send(envelope + self.content(number) + b".\r\n")
        done = [peer.reply()[:3] for _ in range(4)] == [b"250", b"250", b"354", b"250"]
        if done:
            self.there.add(number)
        return done

    def _use(self, peer: Peer, chance: random.Random) -> bool:
        if len(self.there) < 5 or chance.random() < 0.5:
            number = self._next()
            content = self.content(number)
            done = b"a OK" in peer.ask(b"a APPEND Sent {%d+}\r\n%b\r\n" % (len(content), content))
            if done:
                self.there.add(number)
            return done
        number = chance.choice(sorted(self.there))
        self.unsure = {number}
        found = peer.ask(b'f UID SEARCH SUBJECT "%b %d" SMALLER 100000\r\n' % (self.way.encode(), number))
        uid = found.split(b"\r\n")[0].split()[2]
        if chance.random() < 0.5:
            done = b"g OK" in peer.ask(b"g UID STORE %b +FLAGS (\\Flagged)\r\n" % uid)
            if done:
                self.flagged.add(number)
            return done
        done = b"h OK" in peer.ask(b"h UID STORE %b +FLAGS (\\Deleted)\r\n" % uid)
        done = done and b"i OK" in peer.ask(b"i UID EXPUNGE %b\r\n" % uid)
        if done:
            self.there.discard(number)
            self.gone.add(number)
        return done

    def _next(self) -> int:
        self.last += 1
        self.unsure = {self.last}
        return self.last

    def lost(self, lab: LabProcess) -> list[str]:
        """Return what was acknowledged and is not so."""
        with Peer(lab, "imaps") as peer:
            peer.login("bob" if self.way == "bob" else "alice")
            kept = peer.mailbox(self.mailbox)
            flagged = peer.ask(b"z SEARCH FLAGGED\r\n").split(b"\r\n")[0].split()[2:]
        numbers = [int(content.split(b"\r\n", 1)[0].rsplit(b" ", 1)[1]) for content in kept]
        marked = {numbers[int(number) - 1] for number in flagged}
        found = set(numbers)
        problems = [f"{self.way} {number} is missing" for number in self.there - found - self.unsure]
        problems += [f"{self.way} {number} is back" for number in (self.gone & found) - self.unsure]
        unmarked = (self.flagged & self.there) - marked - self.unsure
        problems += [f"{self.way} {number} is not flagged" for number in unmarked]
        problems += [
            f"{self.way} {number} is another"
            for number, content in zip(numbers, kept, strict=True)
            if content != self.content(number)
        ]
        self.there |= found & self.unsure
        self.there &= found
        self.unsure.clear()
        return problems


def main(rounds: int) -> int:
    """Kill so many labs; return the exit code."""
    clients = [Mail(way="smtp"), Mail(way="alice"), Mail(way="bob")]
    chance = random.Random(rounds)  # noqa: S311 -- repeatable
    lost: list[str] = []
    with tempfile.TemporaryDirectory(prefix="labserver-kills-") as name:
        folder = Path(name)
        store = ("--store", str(folder / "mail.db"))
        for number in range(1, rounds + 1):
            with running(folder, *store) as lab:
                threads = [threading.Thread(target=one.work, args=(lab, chance.getrandbits(32))) for one in clients]
                for thread in threads:
                    thread.start()
                threads[0].join(chance.uniform(*_MOMENT))
                lab.end(signal.SIGKILL)
                for thread in threads:
                    thread.join()
            with running(folder, *store) as lab:
                found = [problem for one in clients for problem in one.lost(lab)]
            lost += found
            operations = sum(one.operations for one in clients)
            sys.stdout.write(f"kill {number}: {operations} acknowledged so far, {len(lost)} lost {found[:3] or ''}\n")
            sys.stdout.flush()
    return bool(lost)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else _ROUNDS))

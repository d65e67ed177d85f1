"""A lab whose store is on a small disk, from when the disk fills to when there is room again.

Run in a mount namespace of its own: ``unshare --mount --map-root-user python -m tests.integration.full_disk FOLDER``.
Says ``sound`` at the end, or raises AssertionError.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.integration.labs import running
from tests.integration.peer import Peer

if TYPE_CHECKING:
    from tests.integration.labs import LabProcess

_DISK = 16 << 20
_MESSAGE = 30_000


def _mail(number: int) -> bytes:
    return b"Subject: %d\r\n\r\n" % number + b"\r\n".join([b"%05d" % number * 14] * (_MESSAGE // 72)) + b"\r\n"


class Client:
    """Knows what was acknowledged."""

    def __init__(self) -> None:
        self.sent = 0
        self.kept: set[bytes] = set()

    def deliver(self, lab: LabProcess, *, to: str = "alice") -> str:
        """Send mail until it is refused, and return the refusal."""
        with Peer(lab, "smtp") as peer:
            peer.ask(b"EHLO me\r\n")
            while True:
                self.sent += 1
                content = _mail(self.sent)
                envelope = b"MAIL FROM:<a@b.test>\r\nRCPT TO:<%b@lab.test>\r\nDATA\r\n" % to.encode()
                peer.send(envelope + content + b".\r\n")
                reply = [peer.reply() for _ in range(4)][3]
                if not reply.startswith(b"250"):
                    return reply.decode().strip()
                if to == "alice":
                    self.kept.add(content)

    def fill(self, lab: LabProcess) -> int:
        """Fill the disk; return how many messages found room. No protocol takes more afterwards."""
        before = len(self.kept)
        assert self.deliver(lab).startswith("452 4.3.1 "), "the disk is full"
        with Peer(lab, "imaps") as peer:
            content = _mail(0)
            answer = peer.login().ask(b"a APPEND INBOX {%d+}\r\n%b\r\n" % (len(content), content))
            assert b"a NO [OVERQUOTA] " in answer, answer
            assert b"/" not in answer, "no path"
        self.check(lab)
        return len(self.kept) - before

    def check(self, lab: LabProcess) -> None:
        """Look whether everything that was acknowledged is there, and nothing else."""
        with Peer(lab, "imaps") as peer:
            found = peer.login().mailbox()
        assert len(found) == len(self.kept)
        assert set(found) == self.kept

    def expunge(self, lab: LabProcess, numbers: str, *commands: bytes) -> None:
        """Delete some messages."""
        with Peer(lab, "imaps") as peer:
            peer.login().ask(b"s SELECT INBOX\r\n")
            for number, command in enumerate((b"FETCH 1 BODY[TEXT]<0.5>", *commands)):
                answer = peer.ask(b"c%d %b\r\n" % (number, command % {b"numbers": numbers.encode()}))
                assert b"c%d OK" % number in answer, (command, answer)
        with Peer(lab, "imaps") as peer:
            self.kept &= set(peer.login().mailbox())


def _take_the_rest(folder: Path) -> None:
    """Be another program that fills the disk."""
    descriptor = os.open(folder / "other", os.O_WRONLY | os.O_APPEND)
    try:
        while os.write(descriptor, bytes(4096)):
            pass
    except OSError:
        return
    finally:
        os.close(descriptor)


def _pop3(lab: LabProcess, count: int) -> None:
    with Peer(lab, "pop3s") as peer:
        peer.login()
        for command in (*(b"DELE %d" % number for number in range(1, count + 1)), b"QUIT"):
            answer = peer.ask(command + b"\r\n")
            assert answer.startswith(b"+OK"), (command, answer)


def main(folder: Path) -> None:
    """Fill, free and fill again: by EXPUNGE, by MOVE, by POP3, by DELETE, after a kill, with another program about."""
    disk = folder / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_DISK}", "none", str(disk)], check=True)
    (disk / "other").touch()
    store = ("--store", str(disk / "mail.db"))
    client = Client()
    with running(folder / "lab", *store) as lab:
        assert client.fill(lab) > 100
        client.expunge(lab, "2:40", b"STORE %(numbers)b +FLAGS.SILENT (\\Deleted)", b"EXPUNGE")
        assert client.fill(lab) >= 30, "the room of what was expunged is used again"
        _take_the_rest(disk)
        client.expunge(lab, "2:60", b"STORE %(numbers)b +FLAGS.SILENT (\\Deleted)", b"CLOSE")
        assert client.fill(lab) >= 30
        client.expunge(lab, "1:40", b"MOVE %(numbers)b Trash", b"DELETE Trash")
        assert client.fill(lab) >= 30
        _pop3(lab, 40)
        with Peer(lab, "imaps") as peer:
            client.kept &= set(peer.login().mailbox())
        assert client.fill(lab) >= 30
        assert lab.end(signal.SIGKILL)
    with running(folder / "lab", *store) as lab:
        client.check(lab)
        _take_the_rest(disk)
        client.expunge(lab, "1:*", b"STORE %(numbers)b +FLAGS.SILENT (\\Deleted)", b"EXPUNGE")
        assert client.kept == set()
        assert client.fill(lab) > 100
    sys.stdout.write("sound\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

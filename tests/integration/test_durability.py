"""With --store, what was acknowledged is there after a kill -9 at any moment."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING

import pytest

from tests.integration.labs import running, started
from tests.integration.peer import Peer
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.labs import LabProcess

_ENOUGH = 60


def _mail(way: str, number: int) -> bytes:
    return b"Subject: %b %d\r\n\r\n%b\r\n" % (way.encode(), number, b"x" * 500)


def _send(lab: LabProcess, way: str, acknowledged: list[bytes]) -> None:
    """Send messages one after another for as long as they are acknowledged."""
    try:
        with Peer(lab, {"append": "imaps"}.get(way, way)) as peer:
            if way == "append":
                peer.login()
            else:
                peer.ask(b"LHLO me\r\n" if way == "lmtp" else b"EHLO me\r\n")
            while True:
                content = _mail(way, len(acknowledged))
                if not _acknowledged(peer, way, content):
                    return
                acknowledged.append(content)
    except OSError:
        return


def _acknowledged(peer: Peer, way: str, content: bytes) -> bool:
    if way == "append":
        answer = peer.ask(b"a APPEND INBOX {%d+}\r\n%b\r\n" % (len(content), content))
        return b"a OK" in answer
    peer.send(b"MAIL FROM:<a@b.test>\r\nRCPT TO:<alice@lab.test>\r\nDATA\r\n" + content + b".\r\n")
    return [peer.reply()[:3] for _ in range(4)] == [b"250", b"250", b"354", b"250"]


def _everything(lab: LabProcess) -> list[bytes]:
    with Peer(lab, "imaps") as peer:
        return peer.login().mailbox()


@pytest.mark.parametrize("options", [[], ["--durable"]], ids=["", "durable"])
def test_killed_while_mail_comes(tmp_path_factory: pytest.TempPathFactory, options: list[str]) -> None:
    """Killed in the middle of three streams of mail, the lab has lost nothing that it acknowledged."""
    folder: Path = tmp_path_factory.mktemp("lab")
    store = ["--store", str(folder / "mail.db"), *options]
    streams: dict[str, list[bytes]] = {"smtp": [], "lmtp": [], "append": []}
    with running(folder, "--lmtp-port", "0", *store) as lab:
        threads = [threading.Thread(target=_send, args=(lab, way, sent)) for way, sent in streams.items()]
        for thread in threads:
            thread.start()
        while any(len(sent) < _ENOUGH // 3 for sent in streams.values()):
            threads[0].join(0.005)
        lab.end(signal.SIGKILL)
        for thread in threads:
            thread.join(PATIENCE)
    assert all(streams.values())
    with running(folder, "--lmtp-port", "0", *store) as lab:
        kept = _everything(lab)
        missing = [content for sent in streams.values() for content in sent if content not in kept]
        assert missing == []
        assert len(kept) <= sum(map(len, streams.values())) + 3, "at most what was on its way besides"
        assert len(set(kept)) == len(kept)


def test_uids_survive(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A client finds its mailbox as it left it: UIDVALIDITY, UIDs and flags."""
    folder: Path = tmp_path_factory.mktemp("lab")
    seen: list[list[bytes]] = []
    for _ in range(2):
        with running(folder, "--store", str(folder / "mail.db")) as lab:
            with Peer(lab, "imaps") as peer:
                peer.login()
                if not seen:
                    peer.ask(b"a APPEND INBOX (\\Flagged $Mine) {1+}\r\nx\r\n")
                answer = peer.ask(b"b SELECT INBOX\r\n") + peer.ask(b"c FETCH 1 (UID FLAGS)\r\n")
                seen.append([line for line in answer.splitlines() if b"UID" in line])
            lab.end(signal.SIGKILL)
    first, second = seen
    assert [line.replace(b" \\Recent", b"") for line in first] == [line.replace(b" \\Recent", b"") for line in second]
    assert any(b"$Mine" in line for line in second)


def test_one_store_one_lab(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Two labs do not share a store."""
    folder: Path = tmp_path_factory.mktemp("lab")
    store = ["--store", str(folder / "mail.db")]
    with running(folder / "a", *store), pytest.raises(AssertionError, match=r"mail\.db"):
        started(folder / "b", *store)

"""Every limit that one client can reach, with the protocol's own error, over sockets."""

from __future__ import annotations

import contextlib
import socket
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.integration.labs import running, started
from tests.integration.peer import Peer, send_mail
from tests.patience import PATIENCE, unhurried

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.integration.labs import LabProcess

_OPTIONS = {
    "--max-message-size": 5000,
    "--max-recipients": 3,
    "--max-smtp-line": 600,
    "--max-imap-line": 600,
    "--max-pop3-line": 600,
    "--max-literal-before-login": 20,
    "--max-bad-commands": 4,
    "--max-failed-logins": 3,
    "--max-connections": 6,
    "--max-mailbox-messages": 2,
    "--max-mailboxes": 8,
}
_HELLO = {"smtp": b"EHLO me\r\n", "lmtp": b"LHLO me\r\n"}
_NOTHING = {"smtp": b"NOOP\r\n", "imap": b"n NOOP\r\n", "pop3": b"CAPA x\r\n"}
_REFUSALS = {"smtp": b"421 4.3.2 ", "imap": b"* BYE [UNAVAILABLE] ", "pop3": b"-ERR [SYS/TEMP] "}


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabProcess]:
    """Run a lab with low limits."""
    options = [word for option, value in _OPTIONS.items() for word in (option, str(value))]
    with running(tmp_path_factory.mktemp("lab"), "--lmtp-port", "0", "--user", "alice:secret", *options) as lab:
        yield lab


def _mail(size: int) -> bytes:
    head = b"Subject: x\r\n\r\n"
    return head + b"x" * (size - len(head) - 2) + b"\r\n"


def test_message_size_declared(limited: LabProcess) -> None:
    """SMTP tells its limit, and refuses what is declared larger at MAIL (RFC 1870)."""
    with Peer(limited, "smtp") as peer:
        assert b"SIZE 5000\r\n" in peer.ask(_HELLO["smtp"])
        assert peer.ask(b"MAIL FROM:<a@b.test> SIZE=5001\r\n").startswith(b"552 5.3.4 ")
        assert peer.ask(b"MAIL FROM:<a@b.test> SIZE=5000\r\n").startswith(b"250 ")


@pytest.mark.parametrize("service", ["smtp", "lmtp"])
def test_message_size_sent(limited: LabProcess, service: str) -> None:
    """A message that turns out larger is refused when it is all there, and the session goes on."""
    with Peer(limited, service) as peer:
        peer.ask(_HELLO[service])
        peer.send(b"MAIL FROM:<a@b.test>\r\nRCPT TO:<x@lab.test>\r\nDATA\r\n", _mail(5001) + b".\r\n")
        assert [peer.reply()[:3] for _ in range(3)] == [b"250", b"250", b"354"]
        assert peer.reply().startswith(b"552 5.3.4 ")
        assert peer.ask(b"NOOP\r\n").startswith(b"250 ")


def test_message_size_in_chunks(limited: LabProcess) -> None:
    """Chunks that add up to too much are refused, too."""
    with Peer(limited, "smtp") as peer:
        peer.ask(_HELLO["smtp"])
        peer.send(b"MAIL FROM:<a@b.test>\r\nRCPT TO:<x@lab.test>\r\n")
        assert [peer.reply()[:3] for _ in range(2)] == [b"250", b"250"]
        answers = [peer.ask(b"BDAT 3000\r\n" + b"x" * 3000)[:3], peer.ask(b"BDAT 3000 LAST\r\n" + b"x" * 3000)[:3]]
        assert answers == [b"250", b"552"]


def test_message_size_appended(limited: LabProcess) -> None:
    """IMAP refuses the literal before it comes (RFC 7889)."""
    with Peer(limited, "imaps") as peer:
        assert b"APPENDLIMIT=5000" in peer.login().ask(b"a CAPABILITY\r\n")
        assert peer.ask(b"b APPEND Drafts {5001}\r\n").startswith(b"b NO [TOOBIG] ")
        assert peer.ask(b"c APPEND Drafts {5001+}\r\n" + b"x" * 5001 + b"\r\n").startswith(b"c NO [TOOBIG] ")
        assert peer.ask(b"d APPEND Drafts {5000+}\r\n" + _mail(5000) + b"\r\n").startswith((b"d OK", b"* "))


def test_recipients(limited: LabProcess) -> None:
    """One recipient too many is put off (RFC 5321 4.5.3.1.10)."""
    with Peer(limited, "smtp") as peer:
        peer.ask(_HELLO["smtp"])
        peer.ask(b"MAIL FROM:<a@b.test>\r\n")
        answers = [peer.ask(b"RCPT TO:<r%d@lab.test>\r\n" % number) for number in range(4)]
    assert [answer[:3] for answer in answers] == [b"250", b"250", b"250", b"452"]
    assert b" 4.5.3 " in answers[3]


@pytest.mark.parametrize(
    ("service", "error"),
    [("smtp", b"500 5.5.2 "), ("imap", b"xxxx"), ("pop3", b"-ERR Line too long")],
)
def test_line(limited: LabProcess, service: str, error: bytes) -> None:
    """A line beyond its limit is an error; the session goes on."""
    with Peer(limited, service) as peer:
        begin = b"xxxx SEARCH " if service == "imap" else b""
        answer = peer.ask(begin + b"x" * 1000 + b"\r\n")
        assert answer.startswith(error)
        assert b"too long" in answer
        assert peer.ask(_NOTHING[service])


def test_a_line_without_end(limited: LabProcess) -> None:
    """A line that never ends costs no memory, and IMAP ends the connection."""
    with Peer(limited, "imap") as peer:
        before = limited.resident()
        try:
            for _ in range(200):
                peer.send(b"x" * 100_000)
        except OSError:
            pass
        assert limited.resident() - before < 8 << 20


def test_literal_before_login(limited: LabProcess) -> None:
    """Before login a literal is small."""
    with Peer(limited, "imap") as peer:
        peer.upgrade()
        assert peer.ask(b"a LOGIN {21}\r\n").startswith(b"a NO [TOOBIG] ")
        assert peer.ask(b"b LOGIN {5}\r\n").startswith(b"+ ")
        assert peer.ask(b"alice {6}\r\n").startswith(b"+ ")
        peer.send(b"secret\r\n")
        assert peer.until(b"b ").startswith(b"b OK")


@pytest.mark.parametrize(
    ("service", "login", "last"),
    [
        ("submissions", b"AUTH PLAIN AGFsaWNlAHdyb25n\r\n", b"421 4.7.0 "),
        ("imaps", b"a LOGIN alice wrong\r\n", b"* BYE "),
        ("pop3s", b"AUTH PLAIN AGFsaWNlAHdyb25n\r\n", b"-ERR [SYS/PERM] "),
    ],
)
def test_failed_logins(limited: LabProcess, service: str, login: bytes, last: bytes) -> None:
    """After too many failures the server says goodbye."""
    with Peer(limited, service) as peer:
        if service == "submissions":
            peer.ask(b"EHLO me\r\n")
        for _ in range(3):
            assert peer.ask(login)
        assert peer.rest().startswith(last)


@pytest.mark.parametrize(
    ("service", "nonsense", "last"),
    [("smtp", b"XYZZY\r\n", b"421 "), ("imap", b"a XYZZY\r\n", b"* BYE "), ("pop3", b"XYZZY\r\n", b"-ERR ")],
)
def test_bad_commands(limited: LabProcess, service: str, nonsense: bytes, last: bytes) -> None:
    """After too much nonsense the server says goodbye."""
    with Peer(limited, service) as peer:
        peer.send(nonsense * 10)
        lines = peer.rest().splitlines()
    assert 4 <= len(lines) <= 6
    assert lines[-1].startswith(last)


@pytest.mark.parametrize("service", list(_REFUSALS))
def test_connections(limited: LabProcess, service: str) -> None:
    """One connection too many hears so instead of a greeting; when one leaves there is room again."""
    with ExitStack() as stack:
        peers = [stack.enter_context(Peer(limited, "imap")) for _ in range(6)]
        with Peer(limited, service) as refused:
            assert refused.greeting.startswith(_REFUSALS[service])
            assert refused.rest() == b""
        peers[0].ask(b"a LOGOUT\r\n")
        peers[0].rest()
        with Peer(limited, "imap") as welcome:
            assert welcome.greeting.startswith(b"* OK")
    _until_welcome(limited)


def test_connections_inside_tls(limited: LabProcess) -> None:
    """The refusal is inside TLS where TLS comes first."""
    with ExitStack() as stack:
        for _ in range(6):
            stack.enter_context(Peer(limited, "imap"))
        with Peer(limited, "imaps") as refused:
            assert refused.greeting.startswith(b"* BYE ")
    _until_welcome(limited)


def test_a_flood_of_connections(limited: LabProcess) -> None:
    """Beyond twice the limit nobody is heard at all: refusals cost something, too."""
    _until(lambda: len(limited.events("Disconnected")) == len(limited.events("Connected")))
    before = len(limited.events("Connected"))
    with ExitStack() as stack:
        for _ in range(12):
            stack.enter_context(socket.create_connection(("127.0.0.1", limited.ports["imaps"])))
        _until(lambda: len(limited.events("Connected")) == before + 12)
        with Peer(limited, "imap") as dropped:
            assert dropped.greeting == b""
    _until_welcome(limited)


def _until(ready: Callable[[], bool]) -> None:
    """Look until it is so: connections come and go a moment after their clients think so."""
    deadline = time.monotonic() + PATIENCE
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _until_welcome(lab: LabProcess) -> None:
    """Wait until there is room again."""

    def welcome() -> bool:
        with Peer(lab, "imap") as peer:
            return peer.greeting.startswith(b"* OK")

    _until(welcome)


def test_mailbox_messages(limited: LabProcess) -> None:
    """A full mailbox is told as such, by SMTP, at the recipient already, and by IMAP."""
    for _ in range(2):
        (reply,) = send_mail(limited, b"Subject: x\r\n\r\n", "catchall@lab.test")
        assert reply.startswith(b"250 ")
    with Peer(limited, "smtp") as peer:
        peer.ask(_HELLO["smtp"])
        peer.ask(b"MAIL FROM:<a@b.test>\r\n")
        assert peer.ask(b"RCPT TO:<catchall@lab.test>\r\n").startswith(b"452 4.2.2 ")
    with Peer(limited, "imaps") as peer:
        peer.login()
        answers = [peer.ask(b"a APPEND Junk {1+}\r\nx\r\n") for _ in range(3)]
    assert answers[2].startswith((b"a NO [LIMIT]", b"a NO [OVERQUOTA]"))


def test_mailboxes(limited: LabProcess) -> None:
    """An account has so many mailboxes."""
    with Peer(limited, "imaps") as peer:
        peer.login()
        answers = [peer.ask(b"a CREATE m%d\r\n" % number) for number in range(8)]
    assert answers[0].startswith(b"a OK")
    assert answers[-1].startswith(b"a NO [LIMIT]")


def test_times(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Silence and slow handshakes end, each in its own way."""
    options = ["--max-idle-time", f"{unhurried(0.4):.1f}", "--max-handshake-time", f"{unhurried(0.3):.1f}"]
    with running(tmp_path_factory.mktemp("lab"), *options) as lab:
        waiting = {service: Peer(lab, service) for service in ("smtp", "imap", "pop3")}
        shaking = Peer(lab, "imap")
        shaking.ask(b"a STARTTLS\r\n")
        assert waiting["smtp"].line().startswith(b"421 4.4.2 ")
        assert waiting["imap"].line().startswith(b"* BYE Idle")
        assert waiting["pop3"].line().startswith(b"-ERR [SYS/TEMP] Idle")
        assert shaking.rest() == b""
        for peer in (*waiting.values(), shaking):
            peer.close()
        (failed,) = lab.events("TlsFailed")
        assert failed["reason"] == "handshake not finished in time"


def test_preloading_more_than_fits(tmp_path: Path) -> None:
    """Mail for which there is no memory is an error of the operator's, told at start with the option to change."""
    (tmp_path / "mail").mkdir()
    (tmp_path / "mail" / "large.eml").write_bytes(b"Subject: large\n\n" + b"x" * 3_000_000)
    with pytest.raises(AssertionError, match=r"large\.eml: The lab has no memory for more mail \(--max-memory\)"):
        started(tmp_path, "--preload", str(tmp_path / "mail"), "--max-memory", "3000000")


@pytest.mark.parametrize("service", ["smtp", "lmtp"])
def test_memory_and_spool(tmp_path: Path, service: str) -> None:
    """Without room for a large mail it is refused for now, and small ones go on arriving."""
    options = ["--lmtp-port", "0", "--max-memory", "2000000", "--max-spool", "100000", "--max-connections", "10"]
    with running(tmp_path, *options) as lab:
        for _ in range(2):
            assert send_mail(lab, _mail(400_000), "alice@lab.test", service=service)[0].startswith(b"452 4.3.1 ")
            assert send_mail(lab, _mail(4_000), "alice@lab.test", service=service)[0].startswith(b"250 ")
        with Peer(lab, "imaps") as peer:
            peer.login()
            assert peer.ask(b"a APPEND INBOX {400000}\r\n").startswith(b"a NO [LIMIT] ")
            assert peer.ask(b"b APPEND INBOX {400000+}\r\n%b\r\n" % _mail(400_000)).startswith(b"b NO [LIMIT] ")
            assert b"(MESSAGES 2)" in peer.ask(b"c STATUS INBOX (MESSAGES)\r\n")


@pytest.mark.parametrize("kept", [True, False])
def test_where_the_spool_is(tmp_path: Path, *, kept: bool) -> None:
    """Beside the CA that is kept, else in the run directory, under no name; it is as long as what is in it."""
    state = tmp_path / "state"
    with running(tmp_path, *(["--state", str(state)] if kept else [])) as lab, Peer(lab, "smtp") as peer:
        assert _spools(lab) == {}
        peer.ask(b"EHLO me\r\n")
        for command in (b"MAIL FROM:<a@b.test>\r\n", b"RCPT TO:<alice@lab.test>\r\n", b"DATA\r\n"):
            peer.ask(command)
        peer.send(_mail(1_000_000))
        (path,) = _eventually(lambda: _spools(lab))
        assert Path(path).parent == (state if kept else Path(lab.ready["control"]).parent)
        assert not Path(path).exists()
        assert peer.ask(b".\r\n").startswith(b"250 ")
        assert _spools(lab) == {path: 0}


def _spools(lab: LabProcess) -> dict[str, int]:
    """Return the files without a name that a lab has open, and how long they are."""
    found = {}
    for link in Path(f"/proc/{lab.process.pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            path, deleted, _ = str(link.readlink()).partition(" (deleted)")
            if deleted and "spool" in path:
                found[path] = link.stat().st_size
    return found


def _eventually(look: Callable[[], dict[str, int]]) -> dict[str, int]:
    deadline = time.monotonic() + PATIENCE
    while not (found := look()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return found

"""What one client's hostile line costs all others: the worst of the latencies that another client sees meanwhile.

While the line is being answered, again and again if that is soon, the other client asks for nothing (NOOP) and waits
for the answer. On a machine that is busy with other things the processor time that the lab took meanwhile says more
than the latency. Memory is the most that the lab had while the line was answered; it holds the mailboxes all the time.
"""

from __future__ import annotations

import re
import socket
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from threading import Thread
from typing import TYPE_CHECKING

from tests.bench import peers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.bench.peers import Lab

__all__ = ["run"]

_PATIENCE = 3600.0
_MOST_TIMES = 300
_ANSWERED = re.compile(rb"(?:\A|\n)(?:x |\* BYE |[-+]OK |\d{3} )[^\n]*\n\Z")
_FULL_MAILBOX = "many"
_MAILS = "mails"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Size:
    """How large everything is."""

    messages: int
    octets: int
    repeats: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attack:
    """A hostile line, and what is said before it."""

    what: str
    said: Callable[[_Size], Iterator[bytes]]
    mailbox: str = _FULL_MAILBOX
    service: str = "imap"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What the other client saw."""

    what: str
    latencies: list[float]
    processor: float
    """The most seconds of processor time that the lab took during one of them."""
    seconds: float
    peak: float

    def cells(self) -> tuple[str, ...]:
        worst, usual = max(self.latencies) * 1000, median(self.latencies) * 1000
        numbers = (
            f"{self.processor * 1000:.0f}",
            f"{worst:.0f}",
            f"{usual:.1f}",
            f"{len(self.latencies)}",
            f"{self.seconds:.2f}",
            f"{self.peak:.0f}",
        )
        return (self.what, *numbers, "")


def _mails(octets: int) -> dict[str, bytes]:
    """Return the messages that are slow to look into."""
    plain = b"Content-Type: text/plain; charset=utf-8\r\n"
    return {
        "boundaries": b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n" + b"\n--c" * (octets // 4),
        "ligatures": plain + b"\r\n" + "ﷺ".encode() * (octets // 3),
        "one long field": b"Subject: " + b"x" * octets,
        "many fields": b"X: y\r\n" * (octets // 6) + b"\r\n",
        "white space": plain + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + b" " * octets + b"x",
        "base64": plain + b"Content-Transfer-Encoding: base64\r\n\r\n" + b"a=" * (octets // 2),
        "addresses": b"To: " + b"a@b," * (octets // 4) + b"\r\n\r\n",
        "words": b"Subject: " + b"=?utf-8?q?=C3=A4?= " * (octets // 20) + b"\r\n\r\n",
        "nested": b"Content-Type: message/rfc822\r\n\r\n" * 99 + b"\r\n" + b"line\r\n" * (octets // 6),
        "plain": plain + b"\r\n" + b"a line of text, to be searched\r\n" * (octets // 32),
    }


_NUMBERS = {name: number for number, name in enumerate(_mails(64), 1)}


def _line(text: str) -> Callable[[_Size], Iterator[bytes]]:
    return lambda _: iter((b"x " + text.encode() + b"\r\n",))


def _literal(text: str, unit: bytes, octets: int, behind: bytes = b"") -> Callable[[_Size], Iterator[bytes]]:
    def said(_: _Size) -> Iterator[bytes]:
        value = unit * (octets // len(unit))
        yield b"x %b {%d+}\r\n%b%b\r\n" % (text.encode(), len(value), value, behind)

    return said


def _of(name: str, items: str) -> _Attack:
    number = _NUMBERS[name]
    return _Attack(what=f"FETCH {items}: {name}", said=_line(f"FETCH {number} ({items})"), mailbox=_MAILS)


def _searched(name: str, key: str) -> _Attack:
    return _Attack(what=f"SEARCH {key}: {name}", said=_line(f"SEARCH {_NUMBERS[name]} {key}"), mailbox=_MAILS)


def _repeated(
    command: str, *, before: tuple[str, ...] = (), behind: tuple[str, ...] = ()
) -> Callable[..., Iterator[bytes]]:
    """Say a command many times, numbered if it has a place for that, some at once; one answer to each."""

    def said(size: _Size) -> Iterator[bytes]:
        for line in before:
            yield line.encode() + b"\r\n"
        for start in range(1, size.repeats + 1, 500):
            numbers = range(start, min(start + 500, size.repeats + 1))
            yield b"".join((command % {"n": number}).encode() + b"\r\n" for number in numbers)
        for line in behind:
            yield line.encode() + b"\r\n"

    return said


_PARTIALS = " ".join(f"BODY.PEEK[]<{number}.99999999>" for number in range(100))
_ATTACKS = (
    _Attack(what="nothing: NOOP", said=_line("NOOP")),
    _Attack(what="SEARCH, 100 times NOT TO zz", said=_line("SEARCH " + " ".join(["NOT TO zz"] * 100))),
    _Attack(what="SEARCH, 200 keys", said=_line("SEARCH " + " ".join(f"NOT TEXT zz{n}" for n in range(200)))),
    _Attack(what="SEARCH, 300 keys", said=_line("SEARCH " + " ".join(f"NOT TEXT zz{n}" for n in range(300)))),
    _Attack(what="SEARCH UNSEEN", said=_line("SEARCH UNSEEN")),
    _Attack(what="SORT by five criteria", said=_line("SORT (SUBJECT FROM DATE SIZE REVERSE ARRIVAL) UTF-8 ALL")),
    _Attack(what="THREAD REFERENCES", said=_line("THREAD REFERENCES UTF-8 ALL")),
    _Attack(what="FETCH 1:* ALL", said=_line("FETCH 1:* ALL")),
    _Attack(what="FETCH 1:* BODYSTRUCTURE", said=_line("FETCH 1:* BODYSTRUCTURE")),
    _Attack(
        what="STORE 1:* +FLAGS, then -FLAGS",
        said=lambda _: iter((b"x STORE 1:* +FLAGS (\\Flagged)\r\n", b"x STORE 1:* -FLAGS.SILENT (\\Flagged)\r\n")),
    ),
    _Attack(
        what="COPY 1:*, STORE, MOVE, EXPUNGE",
        said=lambda _: iter(
            (
                b"x CREATE copy\r\n",
                b"x COPY 1:* copy\r\n",
                b"x SELECT copy\r\n",
                b"x MOVE 1:* copy\r\n",
                b"x STORE 1:* +FLAGS.SILENT (\\Deleted)\r\n",
                b"x EXPUNGE\r\n",
                b"x DELETE copy\r\n",
            )
        ),
    ),
    _Attack(
        what="SELECT, STATUS",
        said=lambda _: iter((b"x SELECT many\r\n", b"x STATUS many (MESSAGES UNSEEN RECENT)\r\n")),
    ),
    _Attack(what="LIST of a pattern of 60,000 octets", said=_literal('LIST ""', b"%a", 60_000)),
    _Attack(what="LIST of a pattern of 1,000,000 octets", said=_literal('LIST ""', b"%a", 1_000_000)),
    _Attack(what="SEARCH HEADER of 1,000,000 octets", said=_literal("SEARCH HEADER", b"a", 1_000_000, b" x")),
    _Attack(what="CREATE of 20,000,000 octets", said=_literal("CREATE", b"&AOQ-", 20_000_000)),
    _Attack(what="DELETE of 20,000,000 octets", said=_literal("DELETE", b"a", 20_000_000)),
    *(_of(name, "BODYSTRUCTURE ENVELOPE") for name in _NUMBERS if name != "plain"),
    _of("many fields", "BODY.PEEK[HEADER.FIELDS.NOT (X)]"),
    _of("base64", "BINARY.SIZE[1]"),
    _of("white space", "BINARY.SIZE[1]"),
    *(_searched(name, "TEXT zz") for name in _NUMBERS),
    _Attack(what="FETCH of 100 partials", said=_line(f"FETCH {_NUMBERS['plain']} ({_PARTIALS})"), mailbox=_MAILS),
    _Attack(
        what="BDAT 0, many times",
        service="smtp",
        said=_repeated("BDAT 0", before=("EHLO x", "MAIL FROM:<a@b.c>", "RCPT TO:<alice@lab.test>"), behind=("RSET",)),
    ),
    _Attack(
        what="POP3: UIDL, DELE of all, RSET",
        service="pop3",
        said=_repeated("DELE %(n)d", before=("USER alice", "PASS secret", "UIDL"), behind=("RSET",)),
    ),
)


def run(folder: Path, *, messages: int, octets: int, repeats: int, latencies: int) -> str:
    """Say each hostile line to a lab with so many messages in one mailbox, and large ones in another."""
    size = _Size(messages=messages, octets=octets, repeats=min(repeats, 2 * messages))
    room = ("--max-memory", str(16 * octets + (1 << 30)), "--max-message-size", str(octets + (1 << 20)))
    with peers.lab(folder, "--allow-cleartext-auth", *room) as lab:
        _fill(lab, size)
        sys.setswitchinterval(0.0005)  # this process has two clients, and measures one of them
        with closing(_Client(lab, "imap")) as other:
            other.log_in("INBOX")
            seen = [_measured(lab, other, attack, size, latencies) for attack in _ATTACKS]
    headings = (
        "hostile line",
        "worst, ms of processor time",
        "worst, ms",
        "usual, ms",
        "latencies",
        "answered in, s",
        "peak, MiB",
        "",
    )
    rows = [headings, tuple("---" for _ in headings), *(each.cells() for each in seen)]
    title = f"### What others wait, {messages} messages, {octets >> 20} MiB each in the large ones"
    return "\n\n".join([title, "\n".join(f"| {' | '.join(row)} |" for row in rows)])


def _fill(lab: Lab, size: _Size) -> None:
    """Make the mailboxes; most messages are copies, which share their octets."""
    with closing(_Client(lab, "imap")) as client:
        client.log_in("INBOX")
        for name in (_FULL_MAILBOX, _MAILS):
            client.ask(b"x CREATE %b\r\n" % name.encode())
        for content in _mails(size.octets).values():
            client.ask(b"x APPEND %b {%d+}\r\n%b\r\n" % (_MAILS.encode(), len(content), content))
        first = min(500, size.messages)
        for start in range(0, first, 100):
            mails = [_mail(number) for number in range(start, min(start + 100, first))]
            literals = b"".join(b" {%d+}\r\n%b" % (len(mail), mail) for mail in mails)
            client.ask(b"x APPEND %b%b\r\n" % (_FULL_MAILBOX.encode(), literals))
        client.ask(b"x SELECT %b\r\n" % _FULL_MAILBOX.encode())
        count = first
        while count < size.messages:
            more = min(count, size.messages - count)
            client.ask(b"x COPY 1:%d %b\r\n" % (more, _FULL_MAILBOX.encode()))
            client.ask(b"x NOOP\r\n")
            count += more
        client.ask(b"x COPY 1:* INBOX\r\n")


def _mail(number: int) -> bytes:
    head = f"From: a{number} <a{number}@b.c>\r\nTo: d@e.f\r\nSubject: s{number % 97}\r\nMessage-ID: <{number}@x>\r\n"
    return (head + f"References: <{number - 1}@x>\r\n\r\n{'text ' * 200}\r\n").encode()


def _measured(lab: Lab, other: _Client, attack: _Attack, size: _Size, wanted: int) -> _Seen:
    """Say it as often as it takes to see enough latencies."""
    status = Path(f"/proc/{lab.server.process.pid}")
    (status / "clear_refs").write_text("5", encoding="ascii")  # forgets the peak so far (proc(5))
    latencies: list[float] = []
    times, processor = 0, 0.0
    took: list[float] = []
    while len(latencies) < wanted and times < _MOST_TIMES:
        times += 1
        saying = Thread(target=_say, args=(lab, attack, size, took))
        saying.start()
        while saying.is_alive():
            before = _processor(status)
            latencies.append(other.ask(b"x NOOP\r\n"))
            processor = max(processor, _processor(status) - before)
            time.sleep(0.001)  # as the client of a person would
        saying.join()
    peak = re.search(r"VmHWM:\s+(\d+) kB", (status / "status").read_text(encoding="utf-8"))
    assert peak is not None
    return _Seen(
        what=attack.what,
        latencies=latencies,
        processor=processor,
        seconds=median(took),
        peak=int(peak[1]) / 1024,
    )


def _processor(status: Path) -> float:
    """Return the seconds that the lab has run."""
    return int((status / "schedstat").read_text(encoding="ascii").split()[0]) / 1e9


def _say(lab: Lab, attack: _Attack, size: _Size, took: list[float]) -> None:
    with closing(_Client(lab, attack.service)) as client:
        if attack.service == "imap":
            client.log_in(attack.mailbox)
        took.append(sum(client.ask(said) for said in attack.said(size)))


class _Client:
    """A client that sends lines and throws the answers away."""

    def __init__(self, lab: Lab, service: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", lab.ports[service]), timeout=_PATIENCE)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._service = service
        self._socket.recv(1024)

    def close(self) -> None:
        self._socket.close()

    def log_in(self, mailbox: str) -> None:
        self.ask("x LOGIN {} {}\r\n".format(*peers.ACCOUNT).encode())
        self.ask(f"x SELECT {mailbox}\r\n".encode())

    def ask(self, said: bytes) -> float:
        """Send it, and return after how many seconds all of it was answered."""
        before = time.perf_counter()
        self._socket.sendall(said)
        answers = said.count(b"\r\n") if self._service != "imap" else 1
        listing = said == b"UIDL\r\n"
        heard, lines = b"", 0
        while True:
            data = self._socket.recv(1 << 18)
            if not data:
                break
            lines += data.count(b"\n")
            heard = (heard + data)[-4096:]
            if heard.endswith(b"\r\n.\r\n") if listing else (lines >= answers and _ANSWERED.search(heard)):
                break
        return time.perf_counter() - before

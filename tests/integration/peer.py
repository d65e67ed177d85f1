"""A client that does exactly what a test says: octets over a socket, in clear or in TLS, and no opinion about them."""

from __future__ import annotations

import re
import socket
import ssl
from typing import TYPE_CHECKING

from tests.patience import PATIENCE

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from tests.integration.labs import LabProcess

__all__ = ["Peer", "send_mail"]

_LITERAL = re.compile(rb"\{(\d+)\}\r\n\Z")
_GREETINGS = {"smtp": b"220", "submission": b"220", "submissions": b"220", "lmtp": b"220"}
_UPGRADES = {"imap": b"s STARTTLS\r\n", "pop3": b"STLS\r\n"}


class Peer:
    """One connection to a service of a lab; greeted unless ``greet`` is false."""

    def __init__(self, lab: LabProcess, service: str, *, greet: bool = True, receive_buffer: int = 0) -> None:
        self.service = service
        self.lab = lab
        self.sock: socket.socket = socket.socket()
        self.sock.settimeout(PATIENCE)
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.connect(("127.0.0.1", lab.ports[service]))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if service.endswith("s"):
            self._wrap()
        self.stream = self.sock.makefile("rb")
        self.greeting = self.stream.readline() if greet else b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave without a word."""
        self.stream.close()
        self.sock.close()

    def send(self, *octets: bytes) -> None:
        """Send octets, each argument in a segment of its own."""
        for segment in octets:
            self.sock.sendall(segment)

    def line(self) -> bytes:
        """Return the next line; nothing at the end."""
        return self.stream.readline()

    def rest(self) -> bytes:
        """Return what is said until the server closes."""
        said = bytearray()
        try:
            while octets := self.stream.read1(1 << 16):
                said += octets
        except (ConnectionResetError, ssl.SSLEOFError):
            pass
        return bytes(said)

    def ask(self, command: bytes) -> bytes:
        """Send a command and return its whole answer, except the lines of a POP3 listing."""
        self.send(command)
        if self.service.startswith("imap"):
            return self.until(command.split()[0] + b" ")
        if self.service.startswith("pop3"):
            return self.line()
        return self.reply()

    def reply(self) -> bytes:
        """Return a reply of SMTP, all its lines."""
        said = line = self.line()
        while line[3:4] == b"-":
            line = self.line()
            said += line
        return said

    def until(self, start: bytes) -> bytes:
        """Return what IMAP says up to and including the line that starts so, or a continuation, or the end."""
        said = []
        while line := self.line():
            said.append(line)
            if literal := _LITERAL.search(line):
                said.append(self.stream.read(int(literal.group(1))))
                said.append(self.line())
            if line.startswith((start, b"+ ")):
                break
        return b"".join(said)

    def listing(self, command: bytes) -> bytes:
        """Return the lines of a POP3 answer, unstuffed."""
        assert self.ask(command).startswith(b"+OK")
        lines = []
        while (line := self.line()) != b".\r\n":
            assert line, "the listing ends with a dot"
            lines.append(line.removeprefix(b"."))
        return b"".join(lines)

    def context(self) -> ssl.SSLContext:
        """Return a context that trusts the lab."""
        return ssl.create_default_context(cafile=str(self.lab.ca))

    def upgrade(self) -> Self:
        """Start TLS."""
        if self.service not in _UPGRADES:
            self.ask(b"LHLO me\r\n" if self.service == "lmtp" else b"EHLO me\r\n")
        answer = self.ask(_UPGRADES.get(self.service, b"STARTTLS\r\n"))
        assert answer.startswith((b"220", b"s OK", b"+OK")), answer
        return self.shake()

    def shake(self) -> Self:
        """Shake hands; the server is ready for it."""
        self.stream.close()
        self._wrap()
        self.stream = self.sock.makefile("rb")
        return self

    def _wrap(self) -> None:
        self.sock = self.context().wrap_socket(self.sock, server_hostname="localhost")

    def login(self, user: str = "alice", password: str = "secret") -> Self:  # noqa: S107 -- public, as the lab's are
        """Log in, and say hello where that comes first."""
        name, word = user.encode(), password.encode()
        if self.service.startswith("imap"):
            answer = self.ask(b"l LOGIN %b %b\r\n" % (name, word))
            assert b"l OK" in answer, answer
        elif self.service.startswith("pop3"):
            assert self.ask(b"USER %b\r\n" % name).startswith(b"+OK")
            assert self.ask(b"PASS %b\r\n" % word).startswith(b"+OK")
        else:
            raise AssertionError(self.service)
        return self

    def mailbox(self, name: str = "INBOX") -> list[bytes]:
        """Return every message of a mailbox, by IMAP."""
        self.ask(b"x SELECT %b\r\n" % name.encode())
        self.send(b"y UID FETCH 1:* (BODY.PEEK[])\r\n")
        messages = []
        while not (line := self.line()).startswith(b"y "):
            literal = _LITERAL.search(line)
            if literal is not None:
                messages.append(self.stream.read(int(literal.group(1))))
        assert line.startswith(b"y OK"), line
        return messages


def send_mail(
    lab: LabProcess, content: bytes, *recipients: str, service: str = "smtp", chunked: bool = False
) -> list[bytes]:
    """Send one message, by DATA or as two BDAT chunks; return the replies to it (LMTP has one a recipient)."""
    with Peer(lab, service) as peer:
        peer.ask(b"LHLO me\r\n" if service == "lmtp" else b"EHLO me\r\n")
        body = b"BINARYMIME" if chunked else b"8BITMIME"
        assert peer.ask(b"MAIL FROM:<sender@example.test> SMTPUTF8 BODY=%b\r\n" % body).startswith(b"250")
        for recipient in recipients:
            answer = peer.ask(b"RCPT TO:<%b>\r\n" % recipient.encode())
            assert answer.startswith(b"250"), answer
        if chunked:
            half = len(content) // 2
            assert peer.ask(b"BDAT %d\r\n%b" % (half, content[:half])).startswith(b"250")
            peer.send(b"BDAT %d LAST\r\n%b" % (len(content) - half, content[half:]))
        else:
            assert peer.ask(b"DATA\r\n").startswith(b"354")
            assert content.endswith(b"\r\n"), "DATA cannot carry anything else (RFC 5321 4.1.1.4)"
            peer.send(re.sub(rb"(?:\A|(?<=\r\n))\.", b"..", content) + b".\r\n")
        return [peer.reply() for _ in (recipients if service == "lmtp" else (None,))]

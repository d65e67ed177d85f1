"""Many clients that send a large mail and never its end: ``python -m tests.soak.crowd PORT CLIENTS OCTETS SECONDS``.

Prints what they got rid of as JSON, once all of it is sent or the time is over, then waits for the end of its input.
"""

from __future__ import annotations

import contextlib
import json
import selectors
import socket
import sys
import time
from dataclasses import dataclass

__all__ = ["crowd"]

_ENVELOPE = b"EHLO me.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<alice@lab.test>\r\nDATA\r\n"
_LINES = memoryview((b"x" * 78 + b"\r\n") * 819)


@dataclass
class Client:
    """One of them."""

    sock: socket.socket
    left: int
    begun: bool = False

    def send(self) -> bool:
        """Send as much as goes at once; return whether that was all."""
        with contextlib.suppress(BlockingIOError):
            if not self.begun:
                self.begun = bool(self.sock.send(_ENVELOPE))
            while self.left:
                sent = self.sock.send(_LINES[: self.left])
                self.left -= sent
                if sent < len(_LINES):
                    break
        return not self.left


def crowd(port: int, clients: int, octets: int, seconds: float) -> dict[str, float]:
    """Connect all of them, let them send, and return what came of it; they stay connected until the process ends."""
    everybody = []
    with selectors.DefaultSelector() as selector:
        for _ in range(clients):
            sock = socket.create_connection(("127.0.0.1", port))
            sock.setblocking(False)  # noqa: FBT003 -- the socket module's signature
            everybody.append(Client(sock, octets))
            selector.register(sock, selectors.EVENT_WRITE, everybody[-1])
        began = time.monotonic()
        broken = 0
        while selector.get_map() and time.monotonic() - began < seconds:
            for key, _ in selector.select(1):
                try:
                    done = key.data.send()
                except OSError:
                    broken, done = broken + 1, True
                if done:
                    selector.unregister(key.fileobj)
    _KEPT.extend(everybody)
    left = [client.left for client in everybody]
    return {
        "clients": clients,
        "complete": sum(not octets for octets in left),
        "broken": broken,
        "sent_mib": round((clients * octets - sum(left)) / (1 << 20)),
        "least_sent_mib": round((octets - max(left)) / (1 << 20)),
        "seconds": round(time.monotonic() - began, 1),
    }


_KEPT: list[Client] = []
"""Clients that have not left."""


def main() -> None:
    """Run as told on the command line."""
    port, clients, octets = map(int, sys.argv[1:4])
    sys.stdout.write(json.dumps(crowd(port, clients, octets, float(sys.argv[4]))) + "\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()

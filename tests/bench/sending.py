"""Messages in: Postfix's smtp-source against the lab, a bare aiosmtpd and Postfix's smtp-sink."""

from __future__ import annotations

import subprocess
import time
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from tests.bench import peers
from tests.bench.comparison import OURS, Bound, interleaved, table

if TYPE_CHECKING:
    from pathlib import Path

    from tests.bench.comparison import Sample
    from tests.bench.processes import Server

__all__ = ["run"]

_OCTETS = 4096
_SESSIONS = 10
_WAYS = {"a connection per message": (), "connections kept": ("-d",)}
_AIOSMTPD = "bare aiosmtpd"


def run(folder: Path, *, rounds: int, messages: int) -> str:
    """Send messages of 4 KiB over ten sessions at once."""
    with ExitStack() as stack:
        lab = stack.enter_context(peers.lab(folder))
        aiosmtpd = stack.enter_context(peers.aiosmtpd(folder))
        sink = stack.enter_context(peers.smtp_sink(folder))
        contenders = {
            OURS: partial(_send, lab.server, lab.ports["smtp"], messages),
            _AIOSMTPD: partial(_send, aiosmtpd.server, aiosmtpd.port, messages),
            "smtp-sink": partial(_send, sink.server, sink.port, messages),
        }
        found = interleaved(contenders, rounds)
    lines = []
    for way in _WAYS:
        wanted = Bound(at_least=1)
        lines.append(found.line(way, unit="messages/s", peer=_AIOSMTPD, wanted=wanted))
        lines.append(found.line(f"{way}: server's processor time", unit="ms/message", peer=_AIOSMTPD))
        lines.append(found.line(way, unit="messages/s", peer="smtp-sink"))
    return table("Messages in (SMTP)", lines)


def _send(server: Server, port: int, messages: int) -> Sample:
    sample: Sample = {}
    for way, options in _WAYS.items():
        used, before = server.processor_seconds(), time.perf_counter()
        amount = ["-s", str(_SESSIONS), "-m", str(messages), "-l", str(_OCTETS)]
        envelope = ["-f", "bench@example.org", "-t", "alice@lab.test"]
        subprocess.run(["smtp-source", *options, *amount, *envelope, f"127.0.0.1:{port}"], check=True)
        sample[way] = messages / (time.perf_counter() - before)
        sample[f"{way}: server's processor time"] = (server.processor_seconds() - used) * 1000 / messages
    return sample

"""Where a transcript goes: each event is a line of its own, whole at every moment."""

from __future__ import annotations

import argparse
import json
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from labserver import events
from labserver.cli.sinks import follow
from labserver.clock import FixedClock
from labserver.session.transcript import Transcript

if TYPE_CHECKING:
    import pytest


def _followed(path: Path, *sizes: int) -> None:
    """Write a session's replies to a file."""
    transcript = Transcript(clock=FixedClock(), octets=1 << 30, raw_octets=1, sessions=9)
    with follow(transcript, argparse.Namespace(transcript=path, show_secrets=False)):
        record = transcript.begin()
        for size in sizes:
            record.observe(events.ReplySent(at=0.0, kind="untagged", data=b"x" * size, secure=True, size=size))


def test_a_line_is_one_write() -> None:
    """Somebody who reads the file meanwhile finds whole lines, however long they are."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)  # keeps apart what is written apart
    with ours, theirs:
        _followed(Path(f"/dev/fd/{ours.fileno()}"), 1, 50_000, 2)
        lines = [theirs.recv(1 << 17) for _ in range(3)]
    assert all(line.endswith(b"\n") for line in lines)
    assert [len(json.loads(line)["data"]) for line in lines] == [1, 50_000, 2]


def test_a_pipe_that_is_full(caplog: pytest.LogCaptureFixture) -> None:
    """A pipe that is not read, and would not wait, ends the transcript, which is said once; what it took is whole."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    _followed(Path(f"/dev/fd/{writing}"), 1, 1 << 20, 1)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        first, *_ = stream.read().split(b"\n")
    assert json.loads(first)["data"] == "x"
    assert [record.getMessage() for record in caplog.records] == [
        f"--transcript /dev/fd/{writing}: Resource temporarily unavailable; it ends here"
    ]

"""A conversation with an interactive program: wait for a regular expression in its output, then type.

Nothing here sleeps. Every wait has a deadline and, when it passes, fails with all that the program said so far.
"""

from __future__ import annotations

import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import termios
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from tests.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

__all__ = ["Conversation", "conversation"]

_SCREEN = struct.pack("HHHH", 40, 200, 0, 0)


class Conversation:
    """A running program, its standard output and errors in one stream."""

    def __init__(self, process: subprocess.Popen[bytes], reader: int, writer: int) -> None:
        self._process, self._reader, self._writer = process, reader, writer
        self._unread = b""
        self._open = True
        self.said = b""
        """Everything the program printed up to the last wait."""

    def expect(self, pattern: str) -> re.Match[bytes]:
        """Wait until the output not yet consumed matches, consume it up to the match's end and return the match."""
        deadline = time.monotonic() + PATIENCE
        while not (match := re.search(pattern.encode(), self._unread, re.MULTILINE)):
            assert self._read(deadline), f"no {pattern!r} in what {self._process.args!r} said:\n{self._transcript()}"
        self._unread = self._unread[match.end() :]
        return match

    def type(self, text: str) -> None:
        """Write to the program's standard input."""
        os.write(self._writer, text.encode())

    def hang_up(self) -> None:
        """Close the program's standard input, as Ctrl-D does; it must be a pipe."""
        os.close(self._writer)
        self._writer = -1

    def signal(self, number: signal.Signals) -> None:
        """Send the program a signal."""
        self._process.send_signal(number)

    def close(self) -> None:
        """Close this end of the conversation."""
        for descriptor in {self._reader, self._writer} - {-1}:
            os.close(descriptor)

    def finish(self) -> int:
        """Wait until the program has ended by itself and return its exit code."""
        deadline = time.monotonic() + PATIENCE
        while self._read(deadline):
            pass
        try:
            return self._process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self._process.args!r} did not end:\n{self._transcript()}") from None

    def _read(self, deadline: float) -> bool:
        """Read once; False when the output has ended or the deadline has passed."""
        if not self._open or not select.select([self._reader], [], [], max(0.0, deadline - time.monotonic()))[0]:
            return False
        try:
            data = os.read(self._reader, 65536)
        except OSError:  # a terminal whose program has ended answers EIO
            data = b""
        self._open = bool(data)
        self.said += data
        self._unread += data
        return self._open

    def _transcript(self) -> str:
        """Return the end of what was said, without a terminal's control sequences."""
        return re.sub(r"\x1b(\[[0-9;?]*[A-Za-z]|[()].)", "", self.said.decode(errors="replace"))[-4000:]


@contextmanager
def conversation(
    command: Sequence[str | Path], *, environment: Mapping[str, str], cwd: Path, terminal: bool = False
) -> Iterator[Conversation]:
    """Start a program for the length of the block, on pipes or on a terminal of 40 lines by 200 columns."""
    parent_in, parent_out, child_in, child_out = _terminal() if terminal else _pipes()
    process = subprocess.Popen(
        command, stdin=child_in, stdout=child_out, stderr=child_out, cwd=cwd, env=environment, start_new_session=True
    )
    for descriptor in {child_in, child_out}:
        os.close(descriptor)
    talk = Conversation(process, parent_in, parent_out)
    try:
        yield talk
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        talk.close()


def _pipes() -> tuple[int, int, int, int]:
    parent_in, child_out = os.pipe()
    child_in, parent_out = os.pipe()
    return parent_in, parent_out, child_in, child_out


def _terminal() -> tuple[int, int, int, int]:
    parent, child = os.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, _SCREEN)
    return parent, parent, child, child

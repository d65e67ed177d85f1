"""The client's process: its time, its output, its offspring."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labserver.check.client import ClientProcess, Launcher
from labserver.check.output import Output
from labserver.errors import ConfigurationError
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

_Result = TypeVar("_Result")


def _run(code: str, *, environment: dict[str, str] | None = None) -> tuple[int | None, str]:
    """Run some Python; return its exit code and what it printed."""

    async def use(process: ClientProcess) -> tuple[int | None, str]:
        try:
            ended = await process.wait(PATIENCE)
        finally:
            await process.end()
        return ended, process.output

    return _with_client(code, use, environment=environment)


def _with_client(
    code: str,
    use: Callable[[ClientProcess], Awaitable[_Result]],
    *,
    environment: dict[str, str] | None = None,
    terminal: bool = False,
) -> _Result:
    """Start some Python as a client; return what ``use`` makes of it."""

    async def run() -> _Result:
        launcher = await Launcher.start()
        try:
            words = [sys.executable, "-c", code]
            return await use(
                await launcher.launch(words, environment=environment or dict(os.environ), terminal=terminal)
            )
        finally:
            await launcher.close()

    return asyncio.run(run())


def test_ends() -> None:
    """Both of its outputs are kept, and its exit code."""
    assert _run("import sys; print('out', flush=True); sys.exit('err')") == (1, "out\nerr\n")


def test_nothing_to_read() -> None:
    """Its standard input is at its end."""
    assert _run("import sys; print(repr(sys.stdin.read()))") == (0, "''\n")


def test_environment() -> None:
    """It gets the environment it is given."""
    code = "import os; print(os.environ['LABSERVER_CASE'])"
    assert _run(code, environment=dict(os.environ) | {"LABSERVER_CASE": "expired@imaps"}) == (0, "expired@imaps\n")


def test_killed_by_itself() -> None:
    """A crash is the negative number of its signal."""
    assert _run("import os; os.abort()") == (-6, "")


def test_deadline() -> None:
    """A client that hangs is ended, and what it had printed is kept."""

    async def use(process: ClientProcess) -> tuple[int | None, str]:
        while not process.output:  # noqa: ASYNC110 -- its output is all that tells
            await asyncio.sleep(0.01)
        ended = await process.wait(0.01)
        await process.end()
        return ended, process.output

    code = "print('waiting', flush=True); import signal; signal.pause()"
    assert _with_client(code, use) == (None, "waiting\n")


def test_offspring_is_ended(tmp_path: Path) -> None:
    """What a client leaves behind in its process group does not outlive the case."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    code = f"import subprocess; subprocess.Popen(['sh', '-c', 'exec 3>{fifo}; sleep 99'])"
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    assert _run(code)[0] == 0
    os.set_blocking(reader, True)
    assert os.read(reader, 1) == b"", "nobody holds the other end any more"
    os.close(reader)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has subreapers")
def test_daemon_is_ended(tmp_path: Path) -> None:
    """Nor does what has left the group for a session of its own."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    code = (
        "import subprocess\n"
        f"subprocess.Popen(['sh', '-c', 'exec 3>{fifo}; sleep 99 & sleep 99'], start_new_session=True)"
    )
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    assert _run(code)[0] == 0
    os.set_blocking(reader, True)
    assert os.read(reader, 1) == b"", "nobody holds the other end any more"
    os.close(reader)


def test_gone_with_the_lab(tmp_path: Path) -> None:
    """When the lab is gone, however that happened, so is the client, and what it started."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reader, True)

    async def run() -> None:
        launcher = await Launcher.start()
        words = ["sh", "-c", f"exec 3>{fifo}; echo >&3; sleep 99 & sleep 99"]
        await launcher.launch(words, environment=dict(os.environ))
        await asyncio.to_thread(os.read, reader, 1)
        await launcher.close()  # all that the supervisor sees of it is that the socket is closed

    asyncio.run(run())
    assert os.read(reader, 1) == b"", "nobody holds the other end any more"
    os.close(reader)


def test_terminal() -> None:
    """A client can have a terminal, whose output ends when the client has ended."""

    async def use(process: ClientProcess) -> tuple[int | None, str]:
        ended = await process.wait(PATIENCE)
        await process.end()
        return ended, process.output

    code = "import os; print(*(os.isatty(place) for place in range(3)), os.ttyname(0) == os.ttyname(1))"
    assert _with_client(code, use, terminal=True) == (0, "True True True True\r\n")


def test_flood() -> None:
    """Of a flood the beginning and the end are kept."""
    code, printed = _run("print('first'); [print('x' * 1000) for _ in range(20000)]; print('last')")
    assert code == 0
    assert printed.startswith("first\n")
    assert printed.endswith("last\n")
    assert " octets …\n" in printed
    assert len(printed) < 40_000


def test_no_such_program(tmp_path: Path) -> None:
    """A program that is not there, or is none, is the operator's mistake; the next one runs all the same."""
    nothing = tmp_path / "nothing"
    nothing.touch(mode=0o755)

    async def run() -> str:
        launcher = await Launcher.start()
        try:
            with pytest.raises(ConfigurationError, match="cannot run no-such-program: there is no such program"):
                await launcher.launch(["no-such-program"], environment={})
            with pytest.raises(ConfigurationError, match="nothing: Exec format error"):
                await launcher.launch([str(nothing)], environment={})
            process = await launcher.launch(["echo", "something"], environment=dict(os.environ))
            await process.wait(PATIENCE)
            await process.end()
            return process.output
        finally:
            await launcher.close()

    assert asyncio.run(run()) == "something\n"


@given(st.lists(st.binary(max_size=50)))
def test_output(pieces: list[bytes]) -> None:
    """However it comes, what fits is kept whole and what does not is cut in the middle."""
    output = Output(kept=30)
    for piece in pieces:
        output.take(piece)
    whole = b"".join(pieces)
    if len(whole) <= 60:
        assert output.text() == whole.decode("utf-8", "replace")
    else:
        first, last = whole[:30], whole[-30:]
        note = f"\n… {len(whole) - 60} octets …\n".encode()
        assert output.text() == (first + note + last).decode("utf-8", "replace")

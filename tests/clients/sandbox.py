"""Where a client program runs: its own empty home, nothing of the developer's settings, and never longer than it may.

A program that is not installed skips its tests on a developer's machine and fails them in CI (``CI=true`` or
``LABSERVER_REQUIRE_CLIENTS=1``), so that a run in CI cannot pass by having tested nothing.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import traceback
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

import pytest

from tests.clients.expect import Conversation, conversation
from tests.patience import PATIENCE
from tests.programs import outdated, require_listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = ["ClientRefusedError", "Sandbox", "missing", "refusing"]


class ClientRefusedError(Exception):
    """A client gave up; its message is everything the client printed."""


def missing(what: str) -> NoReturn:
    """Skip the test because ``what`` is not installed, or fail it where clients are required.

    A word is the name of a program, and must be in one of the tables of ``tests/programs.py``.
    """
    if " " not in what:
        require_listed(what)
    if os.environ.get("CI") == "true" or os.environ.get("LABSERVER_REQUIRE_CLIENTS") == "1":
        pytest.fail(f"{what} is required here and not installed")
    pytest.skip(f"{what} is not installed")


@contextmanager
def refusing(reason: str) -> Iterator[None]:
    """Expect that a client gives up in this block and that what it says, or what caused it, matches ``reason``."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 -- each library has its own; the reason is checked
        yield
    said = "".join(traceback.format_exception(caught.value))
    assert re.search(reason, said), said


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """A home directory in which client programs are run, one after the other."""

    home: Path

    def program(self, name: str) -> str:
        """Return the path of a program that this test needs."""
        if sentence := outdated(name):
            missing(f"a new enough {name} ({sentence})")
        return shutil.which(name) or missing(name)

    def environment(self) -> dict[str, str]:
        """Return all that a program sees of the environment."""
        return {"PATH": os.environ["PATH"], "HOME": str(self.home), "LANG": "C.UTF-8", "TERM": "xterm"}

    def file(self, name: str, content: str | bytes) -> Path:
        """Write a configuration or message file only its owner may read, as several clients insist."""
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        path.chmod(0o600)
        return path

    def folder(self, name: str) -> Path:
        """Make a folder in the home."""
        path = self.home / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def maildir(self, name: str) -> Path:
        """Make an empty Maildir in the home."""
        for part in ("cur", "new", "tmp"):
            self.folder(f"{name}/{part}")
        return self.home / name

    def run(
        self,
        program: str,
        *arguments: str | Path | int,
        stdin: bytes = b"",
        success: frozenset[int] = frozenset({0}),
        environment: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> bytes:
        """Run a client to its end and return what it printed to standard output.

        Raises ClientRefusedError, with both outputs, when it exits with anything but ``success``.
        """
        command = [self.program(program), *map(str, arguments)]
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd or self.home,
            env={**self.environment(), **(environment or {})},
            start_new_session=True,
        )
        with process:
            try:
                output, errors = process.communicate(stdin, timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                _end_group(process)
                output, errors = process.communicate()
                raise AssertionError(f"{program} hung:\n{_text(output, errors)}") from None
        if process.returncode not in success:
            raise ClientRefusedError(f"{program} exited with {process.returncode}:\n{_text(output, errors)}")
        return output

    def converse(
        self, program: str, *arguments: str | Path | int, terminal: bool = False
    ) -> AbstractContextManager[Conversation]:
        """Start an interactive client for the length of a ``with`` block."""
        command = [self.program(program), *map(str, arguments)]
        return conversation(command, environment=self.environment(), cwd=self.home, terminal=terminal)


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End a client and whatever it started; the group is its own (``start_new_session``)."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _text(output: bytes, errors: bytes) -> str:
    return (output + b"\n" + errors).decode(errors="replace").strip()

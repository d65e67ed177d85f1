"""Fixtures of the documents' tests: a shell in an empty folder beside a running lab, as a reader has it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from labserver.services import SERVICES
from tests.clients.running_lab import running_lab
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_TELL_STATUS = r"printf '\0%d\0' $?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """A shell in which ``./lab`` is this labserver, and the lab's usual ports are where it really listens."""

    folder: Path
    ready_file: Path
    ports: Mapping[str, int]

    def save(self, name: str, content: str) -> None:
        """Write a file where the shell is."""
        (self.folder / name).write_text(content, encoding="utf-8")

    def run(self, commands: Sequence[str]) -> list[tuple[str, int]]:
        """Run the commands in one shell, one after the other; return what each printed, and its exit status."""
        script = "\n".join(line for command in commands for line in (self._moved(command), _TELL_STATUS))
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=PATIENCE,
            check=False,
        )
        parts = done.stdout.decode("utf-8", "replace").split("\0")
        assert len(parts) == 2 * len(commands) + 1, f"the shell ended early:\n{parts}"
        return [(parts[place], int(parts[place + 1])) for place in range(0, len(parts) - 1, 2)]

    def _moved(self, command: str) -> str:
        """Return the command with the usual ports replaced by the lab's."""
        usual = {str(service.port): str(self.ports[service.name]) for service in SERVICES.values() if service.default}
        return re.sub(r"\b\d{4}\b", lambda port: usual.get(port[0], port[0]), command)

    def _environment(self) -> dict[str, str]:
        beside = Path(sys.executable).parent
        return {
            "PATH": f"{beside}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "LABSERVER_READY_FILE": str(self.ready_file),
        }


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    """Return a shell beside a lab that nobody has used yet."""
    with running_lab(tmp_path, accounts=0) as lab:
        folder = tmp_path / "clone"
        folder.mkdir()
        start = folder / "lab"
        start.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m labserver "$@"\n')
        start.chmod(0o755)
        yield Terminal(folder=folder, ready_file=tmp_path / "ready.json", ports=lab.ports)

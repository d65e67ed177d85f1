"""A folder for each test that starts labs, short enough for a socket in it, and one lab for those that only look."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.integration.labs import COMMAND, LabProcess, running
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an empty folder with a short name."""
    return tmp_path_factory.mktemp("lab")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabProcess]:
    """Run one lab for the module."""
    with running(tmp_path_factory.mktemp("lab"), "--seed", "cli", "--client-certificates") as one:
        yield one


@pytest.fixture
def command(lab: LabProcess) -> Command:
    """Return how to run a sub-command on the module's lab."""
    return Command(lab)


class Command:
    """Runs sub-commands on a lab."""

    def __init__(self, lab: LabProcess) -> None:
        self.lab = lab

    def __call__(self, *words: str, code: int = 0) -> str:
        """Run one and return what it prints."""
        command = [*COMMAND, *words, "--ready-file", str(self.lab.ready_file)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout

"""How the command line ends when the person at the keyboard has had enough."""

from __future__ import annotations

import os
import subprocess
from typing import NoReturn

import pytest

from labserver import __main__
from labserver.cli import parser
from tests.integration.labs import COMMAND
from tests.patience import PATIENCE


@pytest.mark.parametrize(
    "words", ["--help", "--version", "up --help", "scenarios", "scenarios --json", "hosts", "explain expired"]
)
def test_a_reader_that_has_gone(words: str) -> None:
    """Output that nobody reads any more, little or much, ends the command without a word."""
    reader, writer = os.pipe()
    os.close(reader)
    command = [*COMMAND, *words.split()]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, timeout=PATIENCE, check=False)
    os.close(writer)
    assert done.returncode in {0, 1}  # argparse keeps to itself what happens to its help
    assert done.stderr == b""


def test_an_interrupt(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C is no error worth a traceback."""

    def interrupted(_: object) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(parser, "run", interrupted)
    assert __main__.main() == 130
    assert capsys.readouterr() == ("", "")

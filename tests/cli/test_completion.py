"""``labserver completion``: a shell is told of every command, option, choice and scenario."""

from __future__ import annotations

import argparse
import subprocess
import sys

import pytest
import shtab

from labserver.cli.completion import run
from labserver.cli.parser import every_command
from tests.ours import CATALOGUE
from tests.patience import PATIENCE

SHELL = argparse.Namespace(name="bash")


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_what_is_completed(shell: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The package is given every command with its options, which of them take files, and the scenarios."""
    given: list[argparse.ArgumentParser] = []

    def complete(parser: argparse.ArgumentParser, *, shell: str, preamble: str) -> str:
        given.append(parser)
        return f"{shell}: {preamble}"

    monkeypatch.setattr(shtab, "complete", complete)
    assert run(argparse.Namespace(name=shell)) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{shell}: _labserver_scenarios() {{")
    assert set(CATALOGUE) <= set(out.replace('"', " ").replace(";", " ").split())
    (commands,) = (action.choices for action in given[0]._actions if isinstance(action.choices, dict))  # noqa: SLF001 -- argparse's
    assert tuple(commands) == every_command()
    completed = {
        (name, option): getattr(action, "complete", None)
        for name, sub in commands.items()
        for action in sub._actions  # noqa: SLF001 -- the same
        for option in action.option_strings or [action.dest]
    }
    assert completed["up", "--store"] == completed["check", "--json"] == shtab.FILE
    assert completed["up", "--state"] == shtab.DIRECTORY
    for scenario in (("up", "--scenario"), ("explain", "case"), ("env", "--scenario"), ("scenarios", "pattern")):
        assert completed[scenario] == {"bash": "_labserver_scenarios", "zsh": "_labserver_scenarios"}
    assert completed["up", "--log"] is None


def test_for_zsh(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The script for zsh binds itself to labserver's name, and offers scenarios where an id is wanted."""
    monkeypatch.setattr(sys, "argv", ["labserver"])
    assert run(argparse.Namespace(name="zsh")) == 0
    script = capsys.readouterr().out.splitlines()
    assert script[0] == "#compdef labserver"
    assert any(line.strip().startswith("compdef _shtab_labserver ") for line in script)
    assert any('"--scenario[' in line and line.rstrip('"').endswith(":ID:_labserver_scenarios") for line in script)


def test_in_bash(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Bash completes a command, an option, and a scenario by the script, in any installation."""
    monkeypatch.setattr(sys, "argv", ["labserver"])
    assert run(SHELL) == 0
    typed = "\n".join(
        f"COMP_WORDS=({words}); COMP_CWORD={len(words.split()) - 1}; COMPREPLY=(); "
        '_shtab_labserver; echo "${COMPREPLY[@]}"'
        for words in ("labserver tr", "labserver up --imaps-p", "labserver explain starttls-str")
    )
    script = capsys.readouterr().out + typed
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=PATIENCE, check=True)
    assert done.stdout.splitlines() == ["transcript", "--imaps-port", "starttls-stripped"]

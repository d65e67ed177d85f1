"""``--scenario-file``: every command that knows scenarios knows a user's own, and refuses a file with a mistake."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING

import pytest

from labserver.cli.parser import run

if TYPE_CHECKING:
    from pathlib import Path

MINE = """\
[mine]
title = "A scenario of mine"
does = "It takes credentials in clear."
services = ["smtp", "imap"]

[mine.server]
permissive = true

[mine-too]
title = "Another one"
does = "It presents a certificate that has expired."
expectation = "reject"
services = ["imaps"]
rules = ["rejects-certificate"]

[mine-too.certificate]
recipe = "expired"
"""

DROPPED = '[[idle.misbehaviours]]\nkind = "drop"\nwhen = { command = "NOOP" }\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a file of scenarios."""
    path = tmp_path / "mine.toml"
    path.write_text(MINE)
    return path


def told(line: str, file: Path, capsys: pytest.CaptureFixture[str], code: int = 0) -> tuple[str, str]:
    """Return what a command prints that is given the file."""
    words = [str(file) if word == "FILE" else word for word in shlex.split(line)]
    assert run(words) == code
    said = capsys.readouterr()
    return said.out, said.err


def test_scenarios(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They are listed behind ours, under the name of their file; an address of their own they have not."""
    listed = json.loads(told("scenarios --scenario-file FILE --json mine* good", file, capsys)[0])["scenarios"]
    assert [one["id"] for one in listed] == ["good", "mine", "mine-too"]
    assert [(one["group"], one["address"], one["by_name"]) for one in listed[1:]] == [
        ("mine", None, False),
        ("mine", None, True),
    ]
    assert listed[1]["host_names"] == ["mine.lab.test", "mine.lab.localhost"]
    assert (
        "mine:\n  mine      A scenario of mine  [none]\n"
        in told("scenarios mine* --scenario-file FILE", file, capsys)[0]
    )


def test_explain(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They are explained, with commands that reach them."""
    out, _ = told("explain mine@imap --scenario-file FILE", file, capsys)
    assert "A correct client: Nothing is said of it: only the rules that always hold decide." in out
    assert "S: * OK [CAPABILITY IMAP4rev1" in out
    assert f"labserver up --scenario-file {file} --scenario mine\n" in out
    assert "127.66." not in out
    out, _ = told("explain mine-too --scenario-file FILE", file, capsys)
    assert "-servername mine-too.lab.test" in out


def test_explained_without_an_occasion(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """If the client that shows it gives it no occasion, that is said."""
    path = tmp_path / "idle.toml"
    path.write_text('[idle]\ntitle = "Idle"\ndoes = "It loses NOOP."\nservices = ["imap"]\n' + DROPPED)
    out, _ = told("explain idle --scenario-file FILE", path, capsys)
    assert "Nothing is wrong in it: this client does nothing on which the misbehaviour acts.\n" in out
    path.write_text(path.read_text().replace("NOOP", "SELECT"))
    assert "Nothing is wrong in it" not in told("explain idle --scenario-file FILE", path, capsys)[0]


def test_hosts(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Their names are at the address that all systems have."""
    lines = told("hosts --scenario-file FILE", file, capsys)[0].splitlines()
    assert lines[-2:] == [f"127.0.0.1 {name}.lab.test {name}.lab.localhost" for name in ("mine", "mine-too")]


def test_certs(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Their chains are shown and exported, for their names."""
    assert (
        "Host names: mine-too.lab.test, mine-too.lab.localhost\n"
        in told("certs show mine-too --seed x --scenario-file FILE", file, capsys)[0]
    )
    out, _ = told(f"certs export {tmp_path / 'out'} --scenario mine* --seed x --scenario-file FILE", file, capsys)
    assert out
    index = json.loads((tmp_path / "out" / "index.json").read_text())["scenarios"]
    assert [one["id"] for one in index] == ["mine-too"]


@pytest.mark.parametrize("command", ["up", "run", "check", "scenarios", "explain", "hosts", "env", "certs show"])
def test_mistakes(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file with a mistake is refused before anything else happens, wherever in the file it is."""
    path = tmp_path / "mine.toml"
    path.write_text(MINE.replace('recipe = "expired"', 'recipe = "expird"'))
    rest = {
        "run": "-- true",
        "check": "-- true",
        "explain": "good",
        "env": "--scenario good",
        "certs show": "good --seed x",
    }
    line = f"{command} --scenario-file FILE {rest.get(command, '')}"
    _, err = told(line, path, capsys, code=2)
    assert err == (
        f"labserver: {path}, line 17: [mine-too] certificate.recipe: unknown expird; did you mean expired? "
        "certs/README.md tells where recipes are\n"
    )


def test_taken(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An id is one scenario's, of ours and of all files."""
    _, err = told("scenarios --scenario-file FILE --scenario-file FILE", file, capsys, code=2)
    assert err == f"labserver: {file}, line 1: [mine]: this id is taken by {file}; choose another\n"
    file.write_text(MINE.replace("mine-too", "expired"))
    _, err = told("scenarios --scenario-file FILE", file, capsys, code=2)
    assert err == f"labserver: {file}, line 9: [expired]: this id is taken by recipes/validity.toml; choose another\n"


def test_a_file_with_a_name_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that is called as one of ours is another one."""
    (tmp_path / "starttls.toml").write_text(MINE)
    monkeypatch.chdir(tmp_path)
    listed = told("scenarios --json mine starttls-refused --scenario-file starttls.toml", tmp_path, capsys)[0]
    assert [one["id"] for one in json.loads(listed)["scenarios"]] == ["starttls-refused", "mine"]


def test_no_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is not there is told with the option."""
    path = tmp_path / "nonesuch.toml"
    _, err = told("scenarios --scenario-file FILE", path, capsys, code=2)
    assert err == f"labserver: --scenario-file {path}: No such file or directory\n"

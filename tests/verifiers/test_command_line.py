"""Claims about the command: what is chosen is measured and told, and with ``--write`` it is kept, whole or in part."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from tests.patience import PATIENCE
from tests.verifiers import __main__ as command
from tests.verifiers.findings import Finding
from tests.verifiers.measure import Measured
from tests.verifiers.record import Record, read, written
from tests.verifiers.served import judged_scenarios
from tests.verifiers.table import KEPT, VERIFIERS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PYCA = VERIFIERS["pyca"].version() or ""
ONLY = ("--verifier", "pyca")


@dataclass(slots=True, kw_only=True)
class Desk:
    """Files of its own for the command, and measurements that take no time."""

    record: Path
    asked: list[tuple[int, bool]] = field(default_factory=list)
    """How many scenarios were measured, and whether in their repaired form."""

    def measure(self, scenarios: Sequence[str], verifiers: Sequence[str], *, repaired: bool = False) -> list[Measured]:
        """Find that all is well, but for one whose words nobody knows."""
        self.asked.append((len(scenarios), repaired))
        return [
            Measured(
                scenario=scenario,
                verifier=verifier,
                finding=Finding.OTHER if scenario == "expired" and not repaired else Finding.ACCEPTED,
                words="abracadabra",
            )
            for scenario in scenarios
            for verifier in verifiers
        ]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Return the command's files and measurements, put in place of the real ones."""
    desk = Desk(record=tmp_path / "verifiers.json")
    monkeypatch.setattr(command, "RECORD", desk.record)
    monkeypatch.setattr(command, "DOCUMENT", tmp_path / "VERIFIERS.md")
    monkeypatch.setattr(command, "measure", desk.measure)
    return desk


def test_told(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """What is chosen is told with the verifier's words, and nothing is kept."""
    assert command.main(["expired", "goo?", *ONLY]) == 0
    assert desk.asked == [(2, False)]
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["good", "pyca", "accepted", "abracadabra"],
        ["expired", "pyca", "other", "abracadabra"],
    ]
    assert not desk.record.exists()


def test_repaired(desk: Desk) -> None:
    """The repaired forms are measured alone, of what has one."""
    assert command.main(["expired", "good", "--repaired", *ONLY]) == 0
    assert desk.asked == [(1, True)]


def test_kept(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """What is measured, faulty and repaired, is kept beside what was there; unknown words are told."""
    desk.record.write_text(written(Record(versions={"go": "Go 1"}, scenarios={"good": {"go": Finding.NAME}})))
    assert command.main(["expired", "good", "--write", *ONLY]) == 0
    assert desk.asked == [(2, False), (1, True)]
    kept = read(desk.record)
    assert kept.versions == {"go": "Go 1", "pyca": PYCA}
    assert kept.scenarios == {
        "good": {"go": Finding.NAME, "pyca": Finding.ACCEPTED},
        "expired": {"pyca": Finding.OTHER},
    }
    assert kept.repaired == {"expired": {}}
    assert "**name**" in desk.record.with_name("VERIFIERS.md").read_text(encoding="utf-8")
    assert "abracadabra" in capsys.readouterr().out


def test_missing(desk: Desk) -> None:
    """What has a finding of every verifier that is chosen is not measured again."""
    desk.record.write_text(written(Record(versions={"pyca": PYCA}, scenarios={"good": {"pyca": Finding.ACCEPTED}})))
    assert command.main(["expired", "good", "--missing", "--write", *ONLY]) == 0
    assert desk.asked == [(1, False), (1, True)]
    assert read(desk.record).scenarios.keys() == {"good", "expired"}


def test_versions_do_not_mix(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """Rows of another version are refused, unless all are made anew."""
    before = written(Record(versions={"pyca": "cryptography 1"}))
    desk.record.write_text(before)
    assert command.main(["expired", "--write", *ONLY]) == 1
    assert f"{PYCA} (the table has cryptography 1)" in capsys.readouterr().err
    assert desk.record.read_text(encoding="utf-8") == before
    assert command.main(["--write", *ONLY]) == 0
    assert read(desk.record).versions == {"pyca": PYCA}
    assert desk.asked[0] == (len(judged_scenarios()), False)


def test_help() -> None:
    """The command explains itself."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.verifiers", "--help"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    assert "--missing" in done.stdout


@pytest.mark.parametrize("word", ["--write", "--missing"])
def test_mail_clients_are_not_kept(word: str, desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """What a mail client does is never written to a file."""
    assert command.main(["good", word, "--verifier", "msmtp", *ONLY]) == 1
    assert capsys.readouterr().err.startswith("msmtp: what a mail client does is told, and not kept")
    assert desk.asked == []


def test_what_is_kept(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a choice all are asked, and those that are kept when their answers are to be kept."""
    asked: list[list[str]] = []

    def measure(_scenarios: Sequence[str], verifiers: Sequence[str], *, repaired: bool = False) -> list[Measured]:
        assert repaired in (False, True)
        asked.append(list(verifiers))
        return []

    monkeypatch.setattr(command, "measure", measure)
    monkeypatch.setattr(command, "VERIFIERS", {name: _Here() for name in VERIFIERS})
    assert command.main(["good"]) == 0
    assert command.main(["*", "--write"]) == 0
    assert asked == [list(VERIFIERS), list(KEPT), list(KEPT)]
    assert tuple(read(desk.record).versions) == KEPT


class _Here:
    """A verifier that is installed, whatever this machine has."""

    def version(self) -> str:
        """Return one."""
        return "1"

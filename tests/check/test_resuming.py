"""An interrupted run is a valid report, and the next one goes on from it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.check.judged_again import checked_again
from tests.patience import PATIENCE

_ROOT = Path(__file__).parents[2]
_CHECK = (sys.executable, "-m", "labserver", "check")
_CHOSEN = ("wrong-host", "self-signed", "untrusted-root", "expired")
_CLIENT = """
echo "$1" >>ran
case $1 in wrong-host|expired)
    if mkdir "seen-$1" 2>/dev/null; then
        [ "$1" = wrong-host ] || exec 3>fifo
        sleep 99
    fi
esac
shift
exec "$@"
"""
"""Two cases hang the first time that they are met, and the last of all cases says so."""
_WORDS = ("{host}", "{port}", "{ca}", "{user}", "{password}", "{address}", "{service}")
_OPTIONS = ("--jobs", "2", "--service", "imaps", *(f"--scenario={one}" for one in _CHOSEN))


def _command(folder: Path, *options: str, script: str = _CLIENT) -> list[str]:
    words = ["sh", "-c", f"cd {folder} && PYTHONPATH={_ROOT}\nexport PYTHONPATH{script}", "sh", "{scenario}"]
    return [*_CHECK, *_OPTIONS, *options, "--", *words, sys.executable, "-m", "tests.reference", "strict", *_WORDS]


@pytest.fixture
def interrupted(tmp_path: Path) -> Path:
    """Return the report of a run that was interrupted when it had met all cases, of which two hung."""
    report = tmp_path / "interrupted.json"
    os.mkfifo(tmp_path / "fifo")
    with subprocess.Popen(_command(tmp_path, "--json", str(report)), cwd=_ROOT, stdout=subprocess.DEVNULL) as process:
        with (tmp_path / "fifo").open("rb"):  # opens when the last client does
            process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130
    return report


def test_resumed(interrupted: Path) -> None:
    """What was finished is in the report, also behind a case that was not, and is not run again."""
    document = json.loads(checked_again(interrupted))
    assert (document["interrupted"], document["exit_code"]) == (True, 130)
    done = {case["scenario"] for case in document["cases"]}
    assert "self-signed" in done
    assert not done & {"wrong-host", "expired"}
    folder = interrupted.parent
    (folder / "ran").unlink()
    report = folder / "report.json"
    command = _command(folder, "--resume", str(interrupted), "--json", str(report))
    told = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
    assert told.stdout.splitlines() == [*(f"PASS           {one}@imaps" for one in _CHOSEN), "", "4 cases: 4 PASS"]
    assert set((folder / "ran").read_text().split()) == set(_CHOSEN) - done
    resumed = json.loads(checked_again(report))
    assert not resumed["interrupted"]
    assert [case for case in resumed["cases"] if case["scenario"] in done] == document["cases"]


@pytest.mark.parametrize(
    ("options", "script", "says"),
    [
        ((), "exit 1\n", "it is about another command: sh -c"),
        (("--patience", "5"), _CLIENT, "--patience, --timeout or --revocation were others"),
    ],
)
def test_of_another_run(interrupted: Path, options: tuple[str, ...], script: str, says: str) -> None:
    """A report of another command, or by other terms, is refused before anything runs."""
    command = _command(interrupted.parent, "--resume", str(interrupted), *options, script=script)
    told = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (told.returncode, told.stdout) == (2, "")
    assert f"--resume {interrupted}: {says}" in told.stderr

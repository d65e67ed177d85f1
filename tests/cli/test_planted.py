"""What another user planted, met by every command that looks for a lab or writes a file: it is refused or replaced."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.integration.labs import COMMAND, running
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.plain_user import PlainUser

_LOOKING = ("env", "transcript", "certs show", "certs export out", "certs client alice out", "certs show expired")
_RUNNING = ("up --ports any", "run -- true", "check --scenario good --service imaps -- true")


def _said(folder: Path, words: str, *, runtime: Path, code: int = 2) -> str:
    """Return the one line that a command says before it gives up."""
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(runtime)}
    environment.pop("LABSERVER_READY_FILE", None)
    done = subprocess.run(
        [*COMMAND, *words.split()],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert done.stderr.count("\n") == 1
    return done.stderr


def _plant(parent: Path) -> Path:
    """Leave the run directory of a lab that seems to run: its CA is the planter's."""
    directory = parent / str(os.getpid())
    directory.mkdir(mode=0o700, parents=True)
    parent.chmod(0o700)
    (directory / "evil.pem").write_text("the planter's CA")
    record = {"ports": {"imaps": 1}, "ca": {"pem": str(directory / "evil.pem")}, "control": "/nowhere"}
    (directory / "ready.json").write_text(json.dumps(record))
    return directory


@pytest.mark.parametrize("words", [*_LOOKING, *_RUNNING])
def test_a_link_in_its_place(folder: Path, words: str) -> None:
    """A run directory that is a link is refused by whoever finds it."""
    _plant(folder / "planted")
    (folder / "labserver").symlink_to(folder / "planted")
    assert f"{folder}/labserver is not a private folder of yours" in _said(folder, words, runtime=folder)


@pytest.mark.parametrize("words", [*_LOOKING, *_RUNNING])
def test_a_folder_for_all(folder: Path, words: str) -> None:
    """A run directory in a folder where everybody can exchange it is refused by whoever finds it."""
    _plant(folder / "labserver")
    folder.chmod(0o777)
    assert f"others can replace what is in {folder}: its mode is 0777" in _said(folder, words, runtime=folder)


@pytest.mark.parametrize("words", [*_LOOKING, *_RUNNING])
def test_another_users_folder(plain_user: PlainUser, words: str) -> None:
    """A run directory of another user's is refused; where the tests' user cannot give one away, it is open to all."""
    shared = plain_user.folder / "shared"
    shared.mkdir()
    os.chown(shared, os.geteuid(), -1)
    shared.chmod(0o1777)
    directory = _plant(shared / "labserver")
    for path in (directory.parent, directory, *directory.iterdir()):
        plain_user.own(path)
    if plain_user.number == os.geteuid():
        directory.parent.chmod(0o755)
    assert f"{shared}/labserver is not a private folder of yours" in _said(shared, words, runtime=shared)


def test_another_users_ready_file(plain_user: PlainUser) -> None:
    """A ready file of another user's is refused although it is named; so is one that everybody can write."""
    directory = _plant(plain_user.folder / "planted")
    ready = plain_user.own(directory / "ready.json")
    if plain_user.number == os.geteuid():
        ready.chmod(0o666)
    for words in ("env", "transcript", "certs show"):
        said = _said(directory, f"{words} --ready-file {ready}", runtime=directory)
        assert f"{ready} is not to be trusted: another user can write it" in said


def test_links_in_the_place_of_files(folder: Path) -> None:
    """What a lab writes for others replaces a link; what it appends to is not opened through one."""
    precious = folder / "precious"
    precious.write_text("as it was")
    for name in ("ready.json", "env"):
        (folder / name).symlink_to(precious)
    (folder / "report").symlink_to(precious)
    (folder / "ready.json").unlink()  # the fixture waits for it
    with running(folder, "--env-file", str(folder / "env")):
        assert not (folder / "env").is_symlink()
    for option in ("--transcript", "--key-log"):
        said = _said(folder, f"up --ports any {option} {folder}/report", runtime=folder)
        assert f"cannot write {folder}/report: it is a symbolic link; name the file itself" in said
    words = ["check", "--scenario", "good", "--service", "imaps", "--json", "report", "--junit", "report", "--", "true"]
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(folder)}
    done = subprocess.run(
        [*COMMAND, *words], cwd=folder, env=environment, capture_output=True, timeout=PATIENCE, check=False
    )
    assert done.returncode in {0, 1, 3}, done.stderr
    assert stat.S_ISREG((folder / "report").lstat().st_mode)
    assert precious.read_text() == "as it was"


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_private_whatever_the_umask(folder: Path, mask: int) -> None:
    """Ready file, environment, transcript, key log, store and control socket are the user's alone from the start."""
    names = {"--env-file": "env", "--transcript": "said", "--key-log": "keys", "--store": "store"}
    options = [word for option, name in names.items() for word in (option, str(folder / name))]
    before = os.umask(mask)
    try:
        with running(folder, *options, "--state", str(folder / "state")) as lab:
            paths = [lab.ready_file, *(folder / name for name in names.values()), folder / "store-wal"]
            paths += [folder / "state" / "authority.pem", folder / "state" / "server.pem"]
            paths += [lab.ca.parent / name for name in ("ready.json", "control.sock")]
            modes = {path.name: path.stat().st_mode & 0o777 for path in paths if path.exists()}
            folders = [path.stat().st_mode & 0o777 for path in (folder / "state", lab.ca.parent, lab.ca.parent.parent)]
    finally:
        os.umask(before)
    assert set(modes.values()) == {0o600}, modes
    assert len(modes) >= 8
    assert folders == [0o700] * 3


@pytest.mark.parametrize("option", ["--json", "--junit"])
def test_a_plain_user_prints_a_report(plain_user: PlainUser, option: str) -> None:
    """Standard output can be named as a file by whoever may not write to ``/dev``, also where it is one."""
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(plain_user.folder)}
    words = ["check", "--scenario", "good", "--service", "imaps", option, "/dev/stdout", "--", "true"]
    with (plain_user.folder / "out").open("wb") as output:
        done = subprocess.run(
            plain_user.command(*COMMAND, *words),
            cwd=plain_user.folder,
            env=environment,
            stdout=output,
            stderr=subprocess.PIPE,
            timeout=PATIENCE,
            check=False,
        )
    assert done.returncode in {0, 1, 3}, done.stderr
    assert b"good@imaps" in (plain_user.folder / "out").read_bytes()
    assert (plain_user.folder / "out").read_bytes().rstrip().endswith(b"}" if option == "--json" else b"</testsuites>")


def test_a_plain_users_lab(plain_user: PlainUser) -> None:
    """A user without root's rights runs a lab and asks it; nothing of it is readable to others."""
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(plain_user.folder)}
    words = plain_user.command(*COMMAND, "run", "--", *COMMAND, "env", "--format", "json")
    done = subprocess.run(
        words, cwd=plain_user.folder, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stderr
    assert str(plain_user.folder) in json.loads(done.stdout)["SSL_CERT_FILE"]
    assert (plain_user.folder / "labserver").stat().st_uid == plain_user.number

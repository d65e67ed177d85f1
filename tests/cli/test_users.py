"""Users from options, files and the environment: all of them together, and no password where others see it."""

from __future__ import annotations

import argparse
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from labserver.cli.options import add_lab_options, settings_from
from labserver.cli.users import VARIABLE, users_from
from labserver.errors import ConfigurationError
from labserver.mailstore.directory import DEFAULT_USERS
from tests.integration.labs import COMMAND, running
from tests.ours import CATALOGUE
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from tests.plain_user import PlainUser

_LIST = "# our team\n\ncarol:pass word\n  # indented\ndave@example.org:s#cret:x\r\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a private file with two users."""
    path = tmp_path / "users"
    path.touch(mode=0o600)
    path.write_text(_LIST)
    return path


@pytest.fixture(autouse=True)
def _nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


def _named(*words: str) -> list[tuple[str, str]]:
    parser = argparse.ArgumentParser()
    add_lab_options(parser, any_ports=True)
    return [(user.address, user.password) for user in settings_from(parser.parse_args(words), CATALOGUE).users]


def test_the_usual_users() -> None:
    """Who names nobody gets the usual ones."""
    assert _named() == [(user.address, user.password) for user in DEFAULT_USERS]


def test_a_file(file: Path) -> None:
    """A file has a user on each line; a password may have spaces, colons and number signs."""
    assert _named("--users-file", str(file)) == [("carol", "pass word"), ("dave@example.org", "s#cret:x")]


def test_all_together(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Options come first, then files, then the variable; all of them are users."""
    monkeypatch.setenv(VARIABLE, "erin:e\n#no:body\nfrank@b.test:f")
    names = [name for name, _ in _named("--users-file", str(file), "--user", "first:1")]
    assert names == ["first", "carol", "dave@example.org", "erin", "frank@b.test"]


@pytest.mark.parametrize("text", ["", "\n\n", "# nobody\n"])
def test_a_list_of_nobody(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty list names nobody, so the usual users are there."""
    monkeypatch.setenv(VARIABLE, text)
    assert len(_named()) == len(DEFAULT_USERS)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o602, 0o610])
def test_a_file_that_others_can_read(file: Path, mode: int) -> None:
    """A file that others may read or write is refused, with the command that mends it."""
    file.chmod(mode)
    with pytest.raises(ConfigurationError, match=f"others can read the passwords in it; chmod 600 {file}"):
        _named("--users-file", str(file))


def test_another_users_file(file: Path, strangers: set[Path]) -> None:
    """Another user's file is refused: who wrote it knows the passwords."""
    strangers.add(file)
    with pytest.raises(ConfigurationError, match="it belongs to another user"):
        _named("--users-file", str(file))


def test_a_link_and_a_pipe(file: Path) -> None:
    """A link leads to a file that is looked at; a pipe, as ``<(…)`` makes one, has no mode to look at."""
    link = file.with_name("link")
    link.symlink_to(file)
    assert len(_named("--users-file", str(link))) == 2
    file.chmod(0o644)
    with pytest.raises(ConfigurationError, match="others can read"):
        _named("--users-file", str(link))
    reading, writing = os.pipe()
    os.write(writing, _LIST.encode())
    os.close(writing)
    assert len(_named("--users-file", f"/dev/fd/{reading}")) == 2
    os.close(reading)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"carol:x\nhunter2\n", ", line 2: there is no colon"),
        (b"carol\n", ", line 1: there is no colon"),
        (b":hunter2\n", ", line 1: the name is missing"),
        (b"carol hunter2:x\n", "a user's name cannot have ' '"),
        (b"carol@hunter2 x:y\n", "what follows the @ cannot be a mail domain"),
        (b"carol:hunter2\0\n", "the password has NUL"),
        (b"carol:\n", "the password after the colon is missing"),
        (b"carol:hunter2\xff\n", "it is not UTF-8"),
        (b"\0" * (1 << 21), "more than 1048576 octets"),
    ],
)
def test_a_file_with_a_mistake(file: Path, content: bytes, says: str) -> None:
    """A mistake is told by its line, without any word that could be a password."""
    file.write_bytes(content)
    with pytest.raises(ConfigurationError) as error:
        _named("--users-file", str(file))
    assert says in str(error.value)
    assert str(file) in str(error.value)
    assert "hunter2" not in str(error.value)


def test_a_mistake_in_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable is named, and its line."""
    monkeypatch.setenv(VARIABLE, "carol:x\nhunter2")
    with pytest.raises(ConfigurationError, match=rf"^{VARIABLE}, line 2: there is no colon[^2]*$"):
        _named()


@pytest.mark.parametrize(("name", "says"), [("none", "No such file or directory"), (".", "Is a directory")])
def test_no_file(tmp_path: Path, name: str, says: str) -> None:
    """A file that cannot be read is told."""
    with pytest.raises(ConfigurationError, match=f"--users-file {tmp_path / name}: {says}"):
        users_from(argparse.Namespace(user=[], users_file=[tmp_path / name], users_variable=None))


def test_a_file_without_rights(plain_user: PlainUser) -> None:
    """A file that this user may not read is told."""
    path = plain_user.folder / "users"
    path.touch(mode=0o000)
    with plain_user.acting(), pytest.raises(ConfigurationError, match=f"--users-file {path}: Permission denied"):
        _named("--users-file", str(path))


def test_nobody_sees_the_passwords(folder: Path, file: Path) -> None:
    """A lab's command line, which everybody can read, has no password of a file or the variable."""
    with running(folder, "--users-file", str(file), environment={VARIABLE: "erin:hunter2"}) as lab:
        told = Path(f"/proc/{lab.process.pid}/cmdline").read_bytes()
        assert b"pass word" not in told
        assert b"hunter2" not in told
        assert [one["password"] for one in lab.ready["accounts"]][:3] == ["pass word", "s#cret:x", "hunter2"]


@pytest.mark.parametrize("words", [("up", "--ports", "any"), ("run", "--", "true")])
def test_refused_before_anything_starts(folder: Path, file: Path, words: tuple[str, ...]) -> None:
    """Every command with users refuses a file that others can read: one line, exit code 2."""
    file.chmod(0o644)
    command = [*COMMAND, words[0], "--users-file", str(file), *words[1:]]
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(folder)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "others can read the passwords in it" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        "up alice:hunter2",
        "alice:hunter2",
        "up --usr alice:hunter2",
        "up --usr=alice:hunter2",
        "run --user=alice:hunter2 --bogus bob:hunter2 -- true",
        "check --user alice:hunter2 -- true",
        "env --user alice:hunter2",
        "up --ports any --catch-all alice:hunter2",
        "up --ports any --user hunter2",
        "up --ports any --user alice:hunter2 --user alice:hunter2",
    ],
)
def test_no_message_repeats_a_password(folder: Path, words: str) -> None:
    """Whatever is wrong with a command line, its message has no password in it."""
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(folder)}
    done = subprocess.run(
        [*COMMAND, *words.split()], env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "hunter2" not in done.stderr


def test_check_has_a_user_of_its_own(folder: Path) -> None:
    """``labserver check`` makes up its user, and does not even read the variable."""
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(folder), VARIABLE: "nonsense"}
    words = ["check", "--scenario", "good", "--service", "imaps", "--", "true"]
    done = subprocess.run(
        [*COMMAND, *words], env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode in {0, 1, 3}, done.stderr

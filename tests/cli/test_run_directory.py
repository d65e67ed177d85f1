"""The run directory: private, one per process, cleared away, and found by other commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from labserver.cli import run_directory
from labserver.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test a runtime directory of its own."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.delenv("LABSERVER_READY_FILE", raising=False)
    return tmp_path / "labserver"


@pytest.fixture
def dead() -> int:
    """Return the number of a process that is gone."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def _leave(parent: Path, pid: int, **record: object) -> Path:
    directory = parent / str(pid)
    directory.mkdir(parents=True, mode=0o700)
    parent.chmod(0o700)
    (directory / run_directory.READY).write_text(json.dumps({"ports": {}, **record}))
    return directory


def test_private(runtime: Path) -> None:
    """Nobody else may look into it."""
    directory = run_directory.create()
    assert directory == runtime / str(os.getpid())
    assert [path.stat().st_mode & 0o777 for path in (runtime, directory)] == [0o700, 0o700]
    run_directory.remove(directory)
    assert not directory.exists()
    run_directory.remove(directory)  # twice is no error


def test_what_the_dead_left_is_cleared_away(runtime: Path, dead: int) -> None:
    """A lab that was killed leaves its folder; the next one clears it, and no living one's."""
    left, living = _leave(runtime, dead), _leave(runtime, os.getppid())
    (runtime / "notes").mkdir()
    run_directory.create()
    assert not left.exists()
    assert living.exists()
    assert (runtime / "notes").exists(), "not ours"


def test_what_our_number_left_is_cleared_away(runtime: Path) -> None:
    """A folder of our own number is an earlier process's."""
    left = _leave(runtime, os.getpid())
    assert list(run_directory.create().iterdir()) == []
    assert left.exists()


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o701])
def test_a_folder_that_others_may_read(runtime: Path, mode: int) -> None:
    """A folder of that name that is not private is refused, with what to do."""
    runtime.mkdir()
    runtime.chmod(mode)
    with pytest.raises(ConfigurationError, match="is not a private folder of yours; remove it or set XDG_RUNTIME_DIR"):
        run_directory.create()


def test_a_link_somewhere_else(runtime: Path, tmp_path: Path) -> None:
    """A link in its place is refused: somebody else may have put it there."""
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    runtime.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigurationError, match="not a private folder"):
        run_directory.create()


def test_a_file_in_its_place(runtime: Path) -> None:
    """A file of that name is told."""
    runtime.write_text("")
    with pytest.raises(ConfigurationError, match=r"cannot make .*File exists"):
        run_directory.create()


def test_a_path_too_long_for_a_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path that no socket fits into is told before anything is made."""
    deep = tmp_path / ("x" * 90)
    deep.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(deep))
    with pytest.raises(ConfigurationError, match=r"too long for a socket.*shorter"):
        run_directory.create()


def test_without_a_runtime_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without one, the temporary directory has a folder of the user's."""
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert run_directory.create().parent == tmp_path / f"labserver-{os.getuid()}"


def test_the_newest_lab_is_found(runtime: Path, dead: int) -> None:
    """Without a ready file the newest lab that runs is meant."""
    _leave(runtime, os.getppid(), name="older")
    newest = _leave(runtime, os.getpid(), name="newer")
    os.utime(newest / run_directory.READY, ns=(1 << 62, 1 << 62))
    _leave(runtime, dead, name="dead")
    assert run_directory.find_ready(None)["name"] == "newer"


def test_no_lab_yet() -> None:
    """Where no lab ever ran none runs."""
    with pytest.raises(ConfigurationError, match="no lab is running; start one with: labserver up"):
        run_directory.find_ready(None)


def test_no_lab_any_more(runtime: Path, dead: int) -> None:
    """What a dead lab left is no lab."""
    _leave(runtime, dead)
    with pytest.raises(ConfigurationError, match="no lab is running"):
        run_directory.find_ready(None)


def test_the_lab_of_the_environment(runtime: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Inside ``labserver run`` that lab is meant."""
    _leave(runtime, os.getpid(), name="newest")
    ours = tmp_path / "ours"
    ours.write_text('{"ports": {}, "name": "ours"}')
    monkeypatch.setenv("LABSERVER_READY_FILE", str(ours))
    assert run_directory.find_ready(None)["name"] == "ours"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "cannot read .*is the lab running"),
        ("", "not a ready file"),
        ("{", "not a ready file"),
        ("[]", "not a ready file: it has no ports"),
        ('{"a": 1}', "it has no ports"),
    ],
)
def test_no_ready_file(tmp_path: Path, content: str | None, complaint: str) -> None:
    """What is no ready file is told as such."""
    path = tmp_path / "ready"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigurationError, match=complaint):
        run_directory.find_ready(path)


# --- what others planted --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o701, 0o777])
def test_an_open_folder_is_not_believed(runtime: Path, mode: int) -> None:
    """A lab found in a folder that others may write to or read is refused."""
    _leave(runtime, os.getpid())
    runtime.chmod(mode)
    with pytest.raises(ConfigurationError, match="is not a private folder of yours; remove it or set XDG_RUNTIME_DIR"):
        run_directory.find_ready(None)


def test_another_users_folder_is_not_believed(runtime: Path, strangers: set[Path]) -> None:
    """A lab that another user planted is refused, and no other is made beside it."""
    planted = _leave(runtime, os.getpid())
    for place in (runtime, planted):
        strangers.add(place)
        with pytest.raises(ConfigurationError, match=f"{place} is not a private folder of yours"):
            run_directory.find_ready(None)
        strangers.clear()
    strangers.add(runtime)
    with pytest.raises(ConfigurationError, match="is not a private folder of yours"):
        run_directory.create()


@pytest.mark.parametrize("level", ["parent", "process", "dangling"])
def test_a_link_is_not_believed(runtime: Path, tmp_path: Path, level: str) -> None:
    """A link in the place of either folder is refused, wherever it leads."""
    elsewhere = _leave(tmp_path / "elsewhere", os.getpid())
    if level == "process":
        runtime.mkdir(mode=0o700)
        (runtime / str(os.getpid())).symlink_to(elsewhere)
    else:
        runtime.symlink_to(elsewhere.parent if level == "parent" else tmp_path / "nowhere")
    with pytest.raises(ConfigurationError, match="is not a private folder of yours"):
        run_directory.find_ready(None)


@pytest.mark.parametrize("use", [run_directory.create, lambda: run_directory.find_ready(None)])
def test_a_runtime_directory_for_all(runtime: Path, use: Callable[[], object]) -> None:
    """Where others can exchange the private folder itself it is not used; in a sticky directory they cannot."""
    _leave(runtime, os.getpid(), name="mine")
    runtime.parent.chmod(0o777)
    with pytest.raises(
        ConfigurationError, match=f"others can replace what is in {runtime.parent}.*set XDG_RUNTIME_DIR"
    ):
        use()
    runtime.parent.chmod(0o1777)
    assert use()


def test_another_users_runtime_directory(runtime: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A runtime directory that su kept from its caller is not this user's: the temporary directory is used."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(run_directory, "is_trusted", lambda _: False)
    assert run_directory.create().parent == tmp_path / f"labserver-{os.getuid()}"
    assert not runtime.exists()


def test_another_users_ready_file(tmp_path: Path, strangers: set[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """A ready file that another user left is refused, however it is named, and so is one that others can write."""
    path = tmp_path / "ready"
    path.write_text('{"ports": {}}')
    assert run_directory.find_ready(path) == {"ports": {}}
    strangers.add(path)
    with pytest.raises(ConfigurationError, match=f"{path} is not to be trusted: another user can write it"):
        run_directory.find_ready(path)
    monkeypatch.setenv("LABSERVER_READY_FILE", str(path))
    with pytest.raises(ConfigurationError, match="is not to be trusted"):
        run_directory.find_ready(None)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(ConfigurationError, match="is not to be trusted"):
        run_directory.find_ready(path)
    strangers.clear()
    path.unlink()
    path.write_text('{"ports": {}}')
    path.chmod(0o606)
    with pytest.raises(ConfigurationError, match="is not to be trusted"):
        run_directory.find_ready(path)


def test_a_ready_file_that_is_a_pipe() -> None:
    """A pipe is read, as ``--ready-file <(…)`` makes one."""
    reading, writing = os.pipe()
    os.write(writing, b'{"ports": {}}')
    os.close(writing)
    assert run_directory.find_ready(Path(f"/dev/fd/{reading}")) == {"ports": {}}
    os.close(reading)

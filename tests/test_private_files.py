"""Files: whole or not at all, private from their first moment, no link followed, and nobody else's trusted."""

from __future__ import annotations

import ast
import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from labserver import private_files
from labserver.errors import ConfigurationError
from labserver.private_files import (
    PRIVATE,
    PUBLIC,
    in_a_file,
    open_appending,
    open_nameless,
    planted,
    write_file,
    write_named,
)

if TYPE_CHECKING:
    from collections.abc import Callable


def _append(path: Path, content: bytes) -> None:
    with os.fdopen(open_appending(path), "ab") as stream:
        stream.write(content)


def _write_private(path: Path, content: bytes) -> None:
    write_file(path, content, mode=PRIVATE)


WAYS = {"write_file": _write_private, "write_named": write_named, "open_appending": _append}


# --- writing --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [PRIVATE, PUBLIC])
def test_the_mode_is_the_wanted_one(tmp_path: Path, mode: int) -> None:
    """A new file has its mode, and so has one that replaces a file with another mode."""
    path = tmp_path / "file"
    for content in (b"first", b"second"):
        write_file(path, content, mode=mode)
        assert (path.read_bytes(), path.stat().st_mode & 0o777) == (content, mode)
        path.chmod(0o666)


@pytest.mark.parametrize("write", WAYS.values(), ids=WAYS)
def test_private_from_the_first_moment(
    tmp_path: Path, write: Callable[[Path, bytes], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file with a secret is created with mode 0600 and no mode is changed afterwards, whatever the umask is."""
    created: list[int] = []
    real = os.open

    def opened(path: str, flags: int, mode: int = 0o777, **options: int) -> int:
        if flags & os.O_CREAT:
            created.append(mode)
            assert flags & os.O_NOFOLLOW
        return real(path, flags, mode, **options)

    def changed(*_: object) -> None:
        raise AssertionError("a mode was changed")

    monkeypatch.setattr(os, "open", opened)
    monkeypatch.setattr(os, "fchmod", changed)
    before = os.umask(0)
    try:
        write(tmp_path / "file", b"secret")
    finally:
        os.umask(before)
    assert created == [PRIVATE]
    assert (tmp_path / "file").stat().st_mode & 0o777 == PRIVATE


def test_replacing_never_rewrites(tmp_path: Path) -> None:
    """Whoever has the old file open goes on reading the old octets."""
    path = tmp_path / "file"
    write_file(path, b"old", mode=PUBLIC)
    with path.open("rb") as reader:
        write_file(path, b"new and longer", mode=PUBLIC)
        assert reader.read() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_name_before_the_last_is_random(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody can guess the name under which a file is written, and two writers do not meet."""
    names: list[str] = []
    real = os.replace

    def replaced(source: str, target: Path) -> None:
        names.append(source)
        real(source, target)

    monkeypatch.setattr(os, "replace", replaced)
    for _ in range(2):
        write_named(tmp_path / "file", b"")
    assert len(set(names)) == 2


@pytest.mark.parametrize("write", [_write_private, write_named])
def test_a_link_to_itself_is_replaced(tmp_path: Path, write: Callable[[Path, bytes], None]) -> None:
    """Nor does a circle of links keep a file from being written."""
    link = tmp_path / "link"
    link.symlink_to(link)
    write(link, b"new")
    assert link.read_bytes() == b"new"
    assert not link.is_symlink()


@pytest.mark.parametrize("write", [_write_private, write_named])
@pytest.mark.parametrize("dangling", [False, True])
def test_a_link_is_replaced(tmp_path: Path, write: Callable[[Path, bytes], None], *, dangling: bool) -> None:
    """A link that somebody left in a file's place leads nowhere: it is replaced, and its target stays as it is."""
    target, link = tmp_path / "target", tmp_path / "link"
    if not dangling:
        target.write_bytes(b"precious")
    link.symlink_to(target)
    write(link, b"new")
    assert not link.is_symlink()
    assert link.read_bytes() == b"new"
    assert (not target.exists()) if dangling else target.read_bytes() == b"precious"


@pytest.mark.parametrize("dangling", [False, True, None])
def test_nothing_is_appended_through_a_link(tmp_path: Path, *, dangling: bool | None) -> None:
    """A link in the place of a file that is appended to is told and not followed, also one to itself (None)."""
    target, link = tmp_path / "target", tmp_path / "link"
    if dangling is False:
        target.write_bytes(b"precious")
    link.symlink_to(link if dangling is None else target)
    with pytest.raises(ConfigurationError, match="it is a symbolic link; name the file itself"):
        open_appending(link)
    assert target.exists() is (dangling is False)


def test_appending(tmp_path: Path) -> None:
    """A file is made private and grows; one of the user's keeps the mode that the user gave it."""
    path = tmp_path / "file"
    for content in (b"one ", b"two"):
        _append(path, content)
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"one two", 0o600)
    path.chmod(0o640)
    _append(path, b"!")
    assert path.stat().st_mode & 0o777 == 0o640


def test_nothing_is_appended_for_others(tmp_path: Path, strangers: set[Path]) -> None:
    """A file that another user left, or can change, is told."""
    path = tmp_path / "file"
    path.touch(mode=0o600)
    strangers.add(path)
    with pytest.raises(ConfigurationError, match="others can change it; remove it"):
        open_appending(path)
    strangers.clear()
    path.chmod(0o602)
    with pytest.raises(ConfigurationError, match="others can change it; remove it"):
        open_appending(path)


@pytest.mark.parametrize("write", [_write_private, write_named])
def test_a_failed_write_leaves_nothing_behind(tmp_path: Path, write: Callable[[Path, bytes], None]) -> None:
    """When the last step fails, the half-made file with its key is gone and the error names the path."""
    (tmp_path / "taken").mkdir()
    with pytest.raises(ConfigurationError, match=f"cannot write {tmp_path}/taken: Is a directory"):
        write(tmp_path / "taken", b"key")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
    with pytest.raises(ConfigurationError, match=f"cannot write .*: there is no folder {tmp_path}/no; make it first"):
        write(tmp_path / "no" / "file", b"")


# --- what is no file ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("write", [write_named, _append])
def test_a_device_is_not_replaced(tmp_path: Path, write: Callable[[Path, bytes], None]) -> None:
    """``/dev/null``, a link to it and a FIFO stay what they are, whoever runs the lab."""
    (tmp_path / "device").symlink_to(os.devnull)
    write(tmp_path / "device", b"gone")
    assert (tmp_path / "device").readlink() == Path(os.devnull)
    write(Path(os.devnull), b"gone")
    assert Path(os.devnull).is_char_device()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write(pipe, b"told")
        assert os.read(reading, 9) == b"told"
    finally:
        os.close(reading)
    assert pipe.is_fifo()


@pytest.mark.parametrize("folder", ["/dev/fd", "/proc/self/fd"])
@pytest.mark.parametrize("write", [write_named, _append])
def test_an_open_descriptor(tmp_path: Path, write: Callable[[Path, bytes], None], folder: str) -> None:
    """A descriptor by its path, as ``/dev/stdout`` is one, goes on where it is: what was written to it stays."""
    with (tmp_path / "file").open("wb", buffering=0) as stream:
        stream.write(b"before ")
        write(Path(folder) / str(stream.fileno()), b"after")
        stream.write(b" end")
    assert (tmp_path / "file").read_bytes() == b"before after end"


def test_another_users_fifo(tmp_path: Path, strangers: set[Path]) -> None:
    """Nothing is told to another user's FIFO, nor through another user's link to a device."""
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to(os.devnull)
    strangers |= {pipe, link}
    for path in (pipe, link):
        with pytest.raises(ConfigurationError, match="it belongs to another user; name another file"):
            write_named(path, b"secret")


# --- secrets for libraries ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("in_memory", [False, True])
def test_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, in_memory: bool) -> None:
    """A secret can be read by its path, privately, while it is wanted; in memory it never has a name on a disk."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    if not in_memory:
        monkeypatch.setattr(private_files, "_in_memory", lambda: None)
    with in_a_file(b"secret") as name:
        assert Path(name).read_bytes() == b"secret"
        assert [path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")] == ([] if in_memory else [0o700, 0o600])
    assert list(tmp_path.iterdir()) == []


# --- trusting -------------------------------------------------------------------------------------------------------


def test_a_path_of_ones_own(tmp_path: Path) -> None:
    """Below folders of one's own, and of root's, nobody plants anything; a sticky folder for all is one of those."""
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    assert planted(shared / "mine" / "file") == ""
    (shared / "circle").symlink_to("circle")
    assert planted(shared / "circle" / "file") == ""


@pytest.mark.parametrize("mode", [0o777, 0o707, 0o703, 0o2777])
@pytest.mark.parametrize("through_a_link", [False, True])
def test_a_folder_for_all(tmp_path: Path, mode: int, *, through_a_link: bool) -> None:
    """Where others can write to any folder on the way, and it is not sticky, they can replace what is below."""
    shared = tmp_path / "shared"
    (shared / "between").mkdir(parents=True)
    shared.chmod(mode)
    (tmp_path / "link").symlink_to(shared / "between")
    path = (tmp_path / "link" if through_a_link else shared / "between") / "file"
    assert planted(path) == f"others can replace what is in {shared}: its mode is {mode:04o}"


@pytest.mark.parametrize("private", [False, True])
def test_a_folder_for_a_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, private: bool) -> None:
    """A group is others, unless it is this user's alone."""
    monkeypatch.setattr(private_files, "_is_own_group", lambda _: private)
    tmp_path.chmod(0o770)
    assert (planted(tmp_path / "file") == "") is private


@pytest.mark.parametrize("name", ["folder", "link"])
def test_another_users_folder(tmp_path: Path, strangers: set[Path], name: str) -> None:
    """What is in another user's folder, or behind another user's link, can be replaced."""
    (tmp_path / "folder").mkdir(mode=0o755)
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    strangers.add(tmp_path / name)
    assert planted(tmp_path / name / "file") == f"{tmp_path / name} belongs to another user"


# --- nobody else ----------------------------------------------------------------------------------------------------

_ELSEWHERE = {
    "mailstore/room.py os.open": "zeros that take room, made with O_EXCL; nobody reads them",
    "pki/state.py os.open": "a lock, opened with O_NOFOLLOW in a folder of the user's own",
}


def _writing(call: ast.Call) -> str:
    """Return what a call that may create a file is called; empty for any other."""
    name = ast.unparse(call.func)
    last = name.rpartition(".")[2]
    if last in {"write_text", "write_bytes", "touch", "mkstemp", "NamedTemporaryFile", "mktemp", "memfd_create"}:
        return last
    if name == "os.open":
        return name if "O_CREAT" in ast.unparse(call) else ""
    words = [one.value for one in ast.walk(call) if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    return "open" if last == "open" and any(re.fullmatch(r"[rbt+]*[wax][wbaxt+]*", word) for word in words) else ""


def test_a_file_without_a_name(tmp_path: Path) -> None:
    """It was private when it had one, and now nobody can open it, nor does the next program have it."""
    with os.fdopen(open_nameless(tmp_path), "w+b") as stream:
        status = os.fstat(stream.fileno())
        assert list(tmp_path.iterdir()) == []
        assert (stat.S_IMODE(status.st_mode), status.st_nlink) == (PRIVATE, 0)
        assert not os.get_inheritable(stream.fileno())
        stream.write(b"mail")
        stream.seek(0)
        assert stream.read() == b"mail"


def test_nobody_else_creates_files() -> None:
    """Every file is created in one module; the places that cannot have their reasons."""
    package = Path(private_files.__file__).parent
    found = {
        f"{source.relative_to(package)} {writing}"
        for source in package.rglob("*.py")
        if source.name != "private_files.py"
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and (writing := _writing(node))
    }
    assert found == _ELSEWHERE.keys()


@pytest.mark.parametrize(
    "source",
    [
        "path.write_text('x')",
        "path.open('w')",
        "path.open(mode='ab')",
        "open(path, 'x')",
        "os.open(path, os.O_CREAT)",
        "tempfile.NamedTemporaryFile()",
    ],
)
def test_ways_to_create_files(source: str) -> None:
    """Whatever creates a file is found; reading one is not."""
    (node,) = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    assert _writing(node)
    (node,) = (node for node in ast.walk(ast.parse("path.open('rb', encoding='utf-8')")) if isinstance(node, ast.Call))
    assert not _writing(node)

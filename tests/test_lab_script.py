"""``./lab``: set-up that is instant when done, recovers when interrupted, and never hides a failing stage."""

from __future__ import annotations

import ast
import configparser
import fcntl
import importlib.util
import os
import re
import socket
import subprocess
import sys
import tarfile
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import ModuleType

    from tests.plain_user import PlainUser

_SCRIPT = Path(__file__).parents[1] / "lab"
_TREE = ast.parse(_SCRIPT.read_text(), feature_version=(3, 8))


@pytest.fixture
def script() -> ModuleType:
    """Return the script, loaded afresh as a module."""
    loader = SourceFileLoader("lab_script", str(_SCRIPT))
    spec = importlib.util.spec_from_loader("lab_script", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


class Recorder:
    """Stands in for ``run``: notes each command, and fails those that contain a given word."""

    def __init__(self, *, failing: str = "", then: Callable[[], None] | None = None) -> None:
        self.commands: list[str] = []
        self.failing = failing
        self.then = then

    def __call__(self, command: Sequence[str], **_: object) -> int:
        """Note the command; return its made-up exit status."""
        self.commands.append(" ".join(command))
        if self.then is not None:
            self.then()
        return int(bool(self.failing) and self.failing in self.commands[-1])

    def count(self, words: str) -> int:
        """Return how many commands contained ``words``."""
        return sum(words in command for command in self.commands)


@pytest.fixture
def runs(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Recorder:
    """Let the script run nothing and ask for no network; return what it would have run."""
    recorder = Recorder()
    monkeypatch.setattr(script, "run", recorder)
    monkeypatch.setattr(script, "unreachable", lambda: "")
    return recorder


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a directory with what a set-up is made from, but no environment."""
    (tmp_path / "constraints.txt").write_text("one==1\n")
    (tmp_path / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["builder"]\n[dependency-groups]\ntest = ["tester"]\n'
    )
    return tmp_path


# --- the script itself ----------------------------------------------------------------------------------------------


def _imports(nodes: Sequence[ast.AST]) -> set[str]:
    plain = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    return plain | {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}


def test_needs_nothing_but_python() -> None:
    """It imports the standard library only; that an old Python can read it is shown by parsing it as 3.8's."""
    imported = {name.partition(".")[0] for name in _imports(list(ast.walk(_TREE)))}
    assert imported <= sys.stdlib_module_names


def test_imports_nothing_that_the_interpreter_has_not_loaded_already() -> None:
    """At its top it imports what every interpreter start has imported anyway, so that a ready lab starts fast."""
    assert _imports(_TREE.body) == {"__future__", "os", "sys"}


def test_an_old_python_gets_a_sentence(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """An interpreter that is too old is told which one is needed, and how to use it."""
    monkeypatch.setattr(script, "OLDEST_PYTHON", (9, 11))
    assert script.main(["up"]) == 3
    said = capfd.readouterr().err
    assert "needs Python 9.11 or newer" in said
    assert "python9.11 ./lab" in said


@pytest.mark.parametrize(("arguments", "status"), [([], 2), (["--help"], 0), (["help"], 0)])
def test_tells_its_words(
    script: ModuleType, arguments: list[str], status: int, capfd: pytest.CaptureFixture[str]
) -> None:
    """Without a word it says which there are."""
    assert script.main(arguments) == status
    assert "./lab doctor" in capfd.readouterr().out


# --- the environment's stamp ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("made_for", "ready_for_run", "ready_for_test"), [("run", True, False), ("test", True, True)])
def test_each_level_includes_those_before_it(
    script: ModuleType, checkout: Path, made_for: str, *, ready_for_run: bool, ready_for_test: bool
) -> None:
    """An environment made for the tests can run the lab, not the other way round."""
    environment = script.Environment(str(checkout))
    (checkout / ".venv").mkdir()
    environment.write_stamp(environment.stamp_for(made_for))
    assert environment.is_ready("run") is ready_for_run
    assert environment.is_ready("test") is ready_for_test


@pytest.mark.parametrize("changed", ["constraints.txt", "pyproject.toml", "interpreter"])
def test_a_change_makes_it_stale(script: ModuleType, checkout: Path, changed: str) -> None:
    """What an environment was made from is what its stamp says: any change of it is seen."""
    environment = script.Environment(str(checkout))
    (checkout / ".venv").mkdir()
    environment.write_stamp(environment.stamp_for("run"))
    if changed == "interpreter":
        environment.maker += " another"
    else:
        with (checkout / changed).open("a") as file:
            file.write("# changed\n")
    assert not environment.is_ready("run")


# --- set-up ---------------------------------------------------------------------------------------------------------


def test_first_set_up(script: ModuleType, checkout: Path, runs: Recorder) -> None:
    """A fresh clone gets an environment, what labserver is built with, labserver; then it is ready."""
    environment = script.Environment(str(checkout))
    environment.provide("run")
    assert f"-m venv {checkout}/.venv" in runs.commands[0]
    assert runs.commands[1].endswith(f"install --constraint {checkout}/constraints.txt builder")
    assert runs.commands[2].endswith(f"--no-build-isolation --editable {checkout}")
    assert runs.count("tester") == 0
    assert environment.is_ready("run")


def test_ready_runs_nothing(script: ModuleType, checkout: Path, runs: Recorder) -> None:
    """The second time nothing is run, so it needs no network and no time."""
    script.Environment(str(checkout)).provide("test")
    runs.commands.clear()
    script.Environment(str(checkout)).provide("test")
    script.Environment(str(checkout)).provide("run")
    assert runs.commands == []


def test_a_change_is_installed_in_place(script: ModuleType, checkout: Path, runs: Recorder) -> None:
    """A changed recipe is installed into the environment that is there."""
    script.Environment(str(checkout)).provide("run")
    runs.commands.clear()
    (checkout / "constraints.txt").write_text("one==2\n")
    environment = script.Environment(str(checkout))
    environment.provide("test")
    assert runs.count("-m venv") == 0
    assert runs.count("tester") == 1
    assert environment.is_ready("test")


@pytest.mark.parametrize("leftover", ["unfinished\n", "run\nsomebody else's interpreter\n"])
def test_made_anew(script: ModuleType, checkout: Path, runs: Recorder, leftover: str) -> None:
    """An environment that was left unfinished, or belongs to another interpreter or place, is made anew."""
    (checkout / ".venv" / "lib").mkdir(parents=True)
    (checkout / ".venv" / "lib" / "half").write_text("")
    (checkout / ".venv" / "lab-stamp").write_text(leftover)
    environment = script.Environment(str(checkout))
    environment.provide("run")
    assert runs.count("-m venv") == 1
    assert not (checkout / ".venv" / "lib").exists()
    assert environment.is_ready("run")


def test_interrupted_set_up_is_not_ready(script: ModuleType, checkout: Path, runs: Recorder) -> None:
    """Whatever ends the script half-way, the next run sees it, although the environment was good before."""
    script.Environment(str(checkout)).provide("run")
    (checkout / "constraints.txt").write_text("one==2\n")

    def interrupt() -> None:
        raise KeyboardInterrupt

    runs.then = interrupt
    with pytest.raises(KeyboardInterrupt):
        script.Environment(str(checkout)).provide("run")
    (checkout / "constraints.txt").write_text("one==1\n")
    assert not script.Environment(str(checkout)).is_ready("run")


def test_pip_declining_spoils_nothing(script: ModuleType, checkout: Path, runs: Recorder) -> None:
    """When pip declines (no network), what was ready before is ready again once the change is taken back."""
    script.Environment(str(checkout)).provide("run")
    (checkout / "constraints.txt").write_text("one==2\n")
    runs.failing = "install"
    with pytest.raises(script.LackingError, match="pip could not install"):
        script.Environment(str(checkout)).provide("run")
    (checkout / "constraints.txt").write_text("one==1\n")
    assert script.Environment(str(checkout)).is_ready("run")


def test_somebody_elses_environment_is_kept(script: ModuleType, checkout: Path, runs: Recorder) -> None:
    """An environment that this script did not make is used, and not emptied even when pip declines."""
    own = checkout / ".venv" / "bin" / "python"
    own.parent.mkdir(parents=True)
    own.write_text("")
    runs.failing = "install"
    for _ in range(2):
        with pytest.raises(script.LackingError):
            script.Environment(str(checkout)).provide("run")
    runs.failing = ""
    script.Environment(str(checkout)).provide("run")
    assert own.exists()
    assert runs.count("-m venv") == 0


def _loading(then: str) -> str:
    """Return a program that loads the script as ``lab``, and then does something."""
    return f"""
import importlib.machinery, importlib.util
loader = importlib.machinery.SourceFileLoader("lab_script", {str(_SCRIPT)!r})
lab = importlib.util.module_from_spec(importlib.util.spec_from_loader("lab_script", loader))
loader.exec_module(lab)
{then}
"""


def _locking(checkout: Path, then: str) -> list[str]:
    """Return a command that takes the checkout's lock, and then does something with the script."""
    return [sys.executable, "-c", _loading(f"with lab.CheckoutLock({str(checkout)!r}):\n    {then}")]


def test_one_set_up_at_a_time(script: ModuleType, checkout: Path) -> None:
    """A second run says that it waits, waits, and goes on when the first is done."""
    with script.CheckoutLock(str(checkout)):
        second = subprocess.Popen(
            _locking(checkout, "print('in')"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert second.stderr is not None
        assert "waiting" in second.stderr.readline()
        assert second.poll() is None
    assert second.communicate(timeout=PATIENCE)[0] == "in\n"


def test_the_lock_outlives_a_killed_run(checkout: Path) -> None:
    """While a pip that lost its parent goes on, nobody else begins."""
    first = subprocess.Popen(
        _locking(checkout, "lab.run(['cat'])"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    assert first.stdin is not None
    assert first.stdout is not None
    first.stdin.write("started\n")
    assert first.stdout.readline() == "started\n"
    first.kill()
    first.wait()
    directory = os.open(checkout, os.O_RDONLY)
    with pytest.raises(BlockingIOError):
        fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
    first.communicate()  # ends cat
    fcntl.flock(directory, fcntl.LOCK_EX)
    os.close(directory)


def test_other_words_are_labservers(script: ModuleType, checkout: Path) -> None:
    """Any other word replaces the script by the environment's labserver: same process, its arguments, its status."""
    (checkout / "lab").write_bytes(_SCRIPT.read_bytes())
    environment = script.Environment(str(checkout))
    program = Path(environment.program("labserver"))
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\necho "$$ $*"\nexit 7\n')
    program.chmod(0o755)
    environment.write_stamp(environment.stamp_for("run"))
    started = subprocess.Popen(
        [sys.executable, str(checkout / "lab"), "env", "--format", "json"], stdout=subprocess.PIPE, text=True
    )
    assert started.communicate(timeout=PATIENCE)[0] == f"{started.pid} env --format json\n"
    assert started.returncode == 7


@pytest.fixture
def here(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return what runs the script of a ready checkout whose labserver tells its first words and runs the rest."""
    (checkout / "lab").write_bytes(_SCRIPT.read_bytes())
    folder = checkout / ".venv" / "bin"
    folder.mkdir(parents=True)
    (folder / "labserver").write_text('#!/bin/sh\necho "$1 $2"\nshift 2\nexec "$@"\n')
    (folder / "labserver").chmod(0o755)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(checkout / "lab"), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)

    with (checkout / "stamp.py").open("w") as file:
        file.write(_loading("print(lab.Environment(" + repr(str(checkout)) + ").stamp_for('run'), end='')"))
    stamp = subprocess.run([sys.executable, str(checkout / "stamp.py")], capture_output=True, text=True, check=True)
    (checkout / ".venv" / "lab-stamp").write_text(stamp.stdout)
    return run


def _program(path: Path, says: str) -> None:
    path.write_text(f"#!/bin/sh\necho {says}\n")
    path.chmod(0o755)


@pytest.mark.parametrize("word", ["run", "check"])
def test_commands_find_the_environments_programs(
    checkout: Path, here: Callable[..., subprocess.CompletedProcess[str]], word: str
) -> None:
    """What stands behind the dashes may be a program of the environment; the machine's own comes first."""
    _program(checkout / ".venv" / "bin" / "lab-only-program", "borrowed")
    _program(checkout / ".venv" / "bin" / "true", "other")
    assert here(word, "--", "lab-only-program").stdout == f"{word} --\nborrowed\n"
    assert here(word, "--", "true").stdout == f"{word} --\n"


def test_where_pytest_is_to_be_had(checkout: Path, here: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    """Without pytest anywhere the one command to run is told, nothing else is done; with it, it is run."""
    done = here("run", "--", "pytest", "-q")
    assert (done.returncode, done.stdout) == (3, "")
    pip = f"{checkout}/.venv/bin/python -m pip install --constraint {checkout}/constraints.txt pytest"
    assert done.stderr == f"lab: no pytest here. Run: {pip}\n"
    _program(checkout / ".venv" / "bin" / "pytest", "tested")
    assert here("run", "--", "pytest", "-q").stdout == "run --\ntested\n"


def test_other_words_keep_their_path(checkout: Path, here: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    """Only what runs a command lends programs."""
    _program(checkout / ".venv" / "bin" / "lab-only-program", "borrowed")
    assert here("up", "--", "lab-only-program").returncode == 127


@pytest.mark.parametrize("word", ["doctor", "help"])
def test_a_reader_that_leaves(checkout: Path, word: str) -> None:
    """A reader that has seen enough, as head has, ends the script without a word."""
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, str(_SCRIPT), word]
    try:
        done = subprocess.run(
            command, stdout=writer, stderr=subprocess.PIPE, cwd=checkout, timeout=PATIENCE, check=False
        )
    finally:
        os.close(writer)
    assert (done.stderr, done.returncode) == (b"", 1)


# --- set-up that cannot be ------------------------------------------------------------------------------------------


def test_a_checkout_that_cannot_be_written(
    script: ModuleType, checkout: Path, runs: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who may not write to the checkout is told so before anything is begun."""
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(script.LackingError, match=f"{checkout} cannot be written to by this user: clone to a folder"):
        script.Environment(str(checkout)).provide("run")
    assert runs.commands == []


def test_a_plain_users_view_of_roots_checkout(plain_user: PlainUser) -> None:
    """A real user who may not write gets one sentence and the exit status 3."""
    locked = plain_user.folder / "locked"
    locked.mkdir(mode=0o700)
    for name in ("lab", "constraints.txt", "pyproject.toml"):
        (locked / name).write_bytes((_SCRIPT.parent / name).read_bytes())
        (locked / name).chmod(0o644)
    locked.chmod(0o555)
    words = plain_user.command(sys.executable, str(locked / "lab"), "up")
    plain = {name: value for name, value in os.environ.items() if not name.startswith("COV")}  # it may not write there
    done = subprocess.run(
        words, cwd=plain_user.folder, env=plain, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    locked.chmod(0o755)
    assert (done.returncode, done.stdout) == (3, ""), done.stderr
    assert done.stderr.startswith(f"lab: {locked} cannot be written to")
    assert done.stderr.count("\n") == 1


def test_a_full_disk(script: ModuleType, checkout: Path, runs: Recorder) -> None:
    """What the system says about a file is a sentence with its name."""

    def full() -> None:
        raise OSError(28, "No space left on device", "/somewhere")

    runs.then = full
    with pytest.raises(script.LackingError, match=r"cannot set up .*venv: /somewhere: No space left on device"):
        script.Environment(str(checkout)).provide("run")


def test_no_network(script: ModuleType, checkout: Path, runs: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a network the first set-up ends at once, with one sentence, and leaves nothing."""
    monkeypatch.setattr(script, "unreachable", lambda: "index.test cannot be reached: Name or service not known")
    with pytest.raises(script.LackingError, match=r"needs a network: index\.test cannot be reached: Name or"):
        script.Environment(str(checkout)).provide("run")
    assert runs.commands == []
    assert not (checkout / ".venv").exists()


def test_no_network_but_wheels(
    script: ModuleType, checkout: Path, runs: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder of wheels may do instead of a network, if it has what labserver is built with."""
    monkeypatch.setattr(script, "unreachable", lambda: "index.test cannot be reached: Name or service not known")
    monkeypatch.setenv("PIP_FIND_LINKS", f"/nowhere {checkout / 'wheels'}")
    (checkout / "wheels").mkdir()
    with pytest.raises(script.LackingError, match="needs a network"):
        script.Environment(str(checkout)).provide("run")
    (checkout / "wheels" / "hatchling-1.27.0-py3-none-any.whl").write_bytes(b"")
    script.Environment(str(checkout)).provide("run")
    assert runs.count("install --retries 0") == 2


def test_no_network_later(script: ModuleType, checkout: Path, runs: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change is tried without one, because nothing new may be wanted, but only once; then the reason is told."""
    script.Environment(str(checkout)).provide("run")
    monkeypatch.setattr(script, "unreachable", lambda: "index.test cannot be reached: Name or service not known")
    (checkout / "constraints.txt").write_text("one==2\n")
    runs.failing = "--editable"
    with pytest.raises(script.LackingError, match=r"pip could not install .*: index\.test cannot be reached"):
        script.Environment(str(checkout)).provide("run")
    assert runs.count("install --retries 0") == 2
    runs.failing = ""
    script.Environment(str(checkout)).provide("run")
    assert script.Environment(str(checkout)).is_ready("run")


@pytest.mark.parametrize(
    ("told", "place"),
    [
        ({}, ("index.test", 443)),
        ({"PIP_INDEX_URL": "http://mirror.test:8080/simple"}, ("mirror.test", 8080)),
        ({"PIP_INDEX_URL": "http://user:word@mirror.test/simple"}, ("mirror.test", 80)),
        ({"PIP_INDEX_URL": "file:///srv/simple"}, None),
        ({"PIP_NO_INDEX": "1"}, None),
        ({"PIP_FIND_LINKS": "/srv/wheels"}, ("index.test", 443)),
        ({"PIP_PROXY": "proxy.test:3128"}, None),
        ({"https_proxy": "http://proxy.test:3128"}, None),
    ],
)
def test_where_pip_looks(
    script: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    told: dict[str, str],
    place: tuple[str, int] | None,
) -> None:
    """The index is the one that pip uses; where a proxy, a folder or nothing is used, that is left to pip."""
    _no_pip_settings(tmp_path, monkeypatch)
    monkeypatch.setattr(script, "usual_index", lambda: "https://index.test/simple")
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    assert script.index() == place


def test_pip_says_where_it_looks(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also to an interpreter that has it in ensurepip's wheel only."""
    assert re.fullmatch(r"https://[a-z.]+/simple/?", script.usual_index())
    for name in [name for name in sys.modules if name.partition(".")[0] == "pip"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "path", [folder for folder in sys.path if "site-packages" not in folder])
    assert re.fullmatch(r"https://[a-z.]+/simple/?", script.usual_index())


def _no_pip_settings(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("PIP_") or name.upper().endswith("_PROXY"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
    monkeypatch.setattr(configparser.RawConfigParser, "read", _reading_below(folder))


def _reading_below(folder: Path) -> Callable[..., list[str]]:
    read = configparser.RawConfigParser.read

    def below(self: configparser.RawConfigParser, names: Sequence[str]) -> list[str]:
        return read(self, [name for name in names if name.startswith(str(folder))])

    return below


@pytest.mark.parametrize("name", [".pip/pip.conf", "config/pip/pip.conf"])
@pytest.mark.parametrize("section", ["global", "install"])
def test_pips_files(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, section: str
) -> None:
    """A user's file tells pip where to look, a variable comes before it; a file that is none is left to pip."""
    _no_pip_settings(tmp_path, monkeypatch)
    file = tmp_path / name
    file.parent.mkdir(parents=True)
    file.write_text(f"[{section}]\nindex-url = https://mirror.test/simple\n")
    assert script.index() == ("mirror.test", 443)
    monkeypatch.setenv("PIP_INDEX_URL", "https://other.test/simple")
    assert script.index() == ("other.test", 443)
    file.write_text("index-url\n")
    assert script.index() is None


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (socket.gaierror(-2, "Name or service not known"), "index.test cannot be reached: Name or service not known"),
        (OSError(101, "Network is unreachable"), "index.test cannot be reached: Network is unreachable"),
        (TimeoutError("timed out"), ""),
    ],
)
def test_unreachable(script: ModuleType, monkeypatch: pytest.MonkeyPatch, error: OSError, said: str) -> None:
    """The system's reason is told; an index that is slow to answer may be there."""

    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(script, "index", lambda: ("index.test", 443))
    monkeypatch.setattr(socket, "create_connection", refuse)
    assert script.unreachable() == said


# --- what the machine lacks -----------------------------------------------------------------------------------------


@pytest.fixture
def no_ensurepip(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretend to be Debian's python3 without python3-venv."""
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "ensurepip" else find_spec(name))
    monkeypatch.setattr(script, "is_debian", lambda: True)


@pytest.mark.usefixtures("no_ensurepip")
def test_without_ensurepip_a_user_gets_one_line(
    script: ModuleType,
    checkout: Path,
    runs: Recorder,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Who is not root is told the one command to run; nothing is left behind and the exit status is 3."""
    monkeypatch.setattr(script, "ROOT", str(checkout))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert script.main(["up"]) == 3
    package = f"python3.{sys.version_info.minor}-venv"
    assert f"Run: sudo apt-get install --no-install-recommends {package}\n" in capfd.readouterr().err
    assert runs.commands == []
    assert not (checkout / ".venv").exists()


@pytest.mark.usefixtures("no_ensurepip")
def test_without_ensurepip_root_installs_it(
    script: ModuleType,
    checkout: Path,
    runs: Recorder,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Root on Debian gets the package installed, and is told so."""
    monkeypatch.setattr(script.NoServices, "path", str(checkout / "policy-rc.d"))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    script.Environment(str(checkout)).provide("run")
    package = f"python3.{sys.version_info.minor}-venv"
    assert ["install" in command.split() for command in runs.commands[:2]] == [False, True]
    assert runs.commands[1].endswith(package)
    assert runs.count("-m venv") == 1
    assert f"installing {package}" in capfd.readouterr().err


@pytest.mark.parametrize("policy", [None, "#!/bin/sh\nexit 0\n"])
def test_packages_start_no_service(
    script: ModuleType, runs: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: str | None
) -> None:
    """While packages are installed, a policy (the machine's own, if any) decides on services; ours goes again."""
    path = tmp_path / "policy-rc.d"
    if policy is not None:
        path.write_text(policy)
    seen: list[str] = []
    monkeypatch.setattr(script.NoServices, "path", str(path))
    runs.then = lambda: seen.append(path.read_text() if path.exists() else "none")
    assert script.apt_get_install(["dovecot-imapd"])
    assert seen[-1] == (policy or "#!/bin/sh\nexit 101\n")
    assert (path.read_text() if path.exists() else None) == policy
    assert runs.count("--no-remove") == 1


def test_missing_packages(script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package is missing where one of its programs or files is, wherever programs come from."""
    program = tmp_path / "here"
    program.write_text("")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(
        script,
        "DEBIAN_PROGRAMS",
        {"a": ("here", f"{tmp_path}/h*e"), "b": ("here", "no-such-program"), "c": (f"{tmp_path}/x*",)},
    )
    assert script.missing_packages() == ["b", "c"]


@pytest.mark.parametrize(
    ("said", "counts"),
    [
        ("v20.0.0", True),
        ("v22.11.0", True),
        ("v100.1", True),
        ("v18.20.4", False),
        ("v9.9", False),
        ("what?", True),
    ],
)
def test_old_programs_count_as_absent(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, *, counts: bool
) -> None:
    """A program older than the tests need is named with its version; nothing is said of one that does not tell it."""
    _program(tmp_path / "node", said)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    sentence = f"node {said[1:]} counts as absent: the tests need 20 or newer"
    assert script.too_old() == ([] if counts else [sentence])


def test_absent_programs_are_not_old(script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not here has no version, and what any version will do of is not asked."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert script.too_old() == []
    assert script.outdated("curl") == ""


def test_an_old_node_gets_no_packages(
    script: ModuleType, runs: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For a node that is too old nothing is installed; the summary tells its version."""
    _program(tmp_path / "node", "v18.20.4")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(script, "missing_packages", list)
    monkeypatch.setattr(script.NodeClients, "are_here", lambda _: False)
    (sentence,) = script.provide_clients()
    assert sentence == "node 18.20.4 counts as absent: the tests need 20 or newer; its tests cannot run"
    assert runs.count("npm") == 0


@pytest.mark.parametrize(("able", "status"), [(True, 0), (False, 3)])
def test_doctor(
    script: ModuleType,
    checkout: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    *,
    able: bool,
    status: int,
) -> None:
    """The doctor names what is lacking and how to get it, changes nothing, and fails where ``up`` would."""
    monkeypatch.setattr(script, "DEBIAN_PROGRAMS", {"swaks": ("no-such-program",)})
    monkeypatch.setattr(script, "has_venv_module", lambda: able)
    monkeypatch.setattr(script, "may_install", lambda: False)
    assert script.doctor(script.Environment(str(checkout))) == status
    said = capfd.readouterr().out
    assert "lacking swaks" in said
    assert "apt-get install --no-install-recommends swaks" in said
    assert ("cannot be made" in said) is not able
    assert not (checkout / ".venv").exists()


# --- ./lab bundle ---------------------------------------------------------------------------------------------------


def test_a_bundle_needs_no_network(
    script: ModuleType, checkout: Path, runs: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a wheelhouse lies beside the script, pip is told to take everything from there, whatever is reachable."""
    monkeypatch.setattr(script, "unreachable", lambda: "index.test cannot be reached: Network is unreachable")
    (checkout / "wheelhouse").mkdir()
    script.Environment(str(checkout)).provide("run")
    assert runs.count(f"install --no-index --find-links {checkout}/wheelhouse --constraint") == 2
    assert script.Environment(str(checkout)).is_ready("run")


def test_bundle(
    script: ModuleType,
    checkout: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """One file holds the checkout as it is committed, and wheels for all that a run needs at its exact versions."""
    (checkout / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["builder"]\n[project]\nversion = "1.2"\ndependencies = ["needed>=1"]\n'
    )
    asked: list[str] = []

    def run(command: Sequence[str], **_: object) -> int:
        asked.append(" ".join(command))
        if command[0] == "git":
            output = next(word for word in command if word.startswith("--output=")).removeprefix("--output=")
            with tarfile.open(output, "w") as archive:
                archive.add(checkout / "constraints.txt", arcname="labserver-1.2/constraints.txt")
        elif "wheel" in command:
            wheels = Path(command[command.index("--wheel-dir") + 1])
            wheels.mkdir()
            (wheels / "needed-1.whl").write_bytes(b"")
        return 0

    monkeypatch.setattr(script, "run", run)
    monkeypatch.setattr(script, "unreachable", lambda: "")
    monkeypatch.chdir(tmp_path_factory.mktemp("there"))
    assert script.bundle(script.Environment(str(checkout))) == 0
    packed = Path(capfd.readouterr().out.splitlines()[0])
    assert packed.parent == Path.cwd()
    with tarfile.open(packed) as archive:
        assert {"labserver-1.2/constraints.txt", "labserver-1.2/wheelhouse/needed-1.whl"} <= set(archive.getnames())
    assert f"--constraint {checkout}/constraints.txt" in asked[-1]
    assert asked[-1].endswith("builder needed>=1")


def test_no_bundle(script: ModuleType, checkout: Path, runs: Recorder) -> None:
    """What fails is named; no half a bundle is left."""
    (checkout / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["builder"]\n[project]\nversion = "1.2"\ndependencies = []\n'
    )
    environment = script.Environment(str(checkout))
    environment.provide("run")
    runs.failing = "archive"
    with pytest.raises(script.LackingError, match="the bundle was not made: git archive "):
        script.bundle(environment)
    assert list(checkout.glob("*.tar")) == []


# --- ./lab test -----------------------------------------------------------------------------------------------------


@pytest.fixture
def ready(script: ModuleType, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    """Return an environment that is ready for the tests, on a machine without swaks."""
    environment = script.Environment(str(checkout))
    (checkout / ".venv").mkdir()
    environment.write_stamp(environment.stamp_for("test"))
    monkeypatch.setattr(script, "missing_packages", lambda: ["swaks"])
    monkeypatch.setattr(script, "may_install", lambda: False)
    monkeypatch.setattr(script, "too_old", list)
    monkeypatch.setattr(script.NodeClients, "are_here", lambda _: True)
    return environment


@pytest.mark.parametrize("failing", ["ruff check", "--check", "mypy", "lint-imports", "bin/pytest"])
def test_every_stage_runs_and_any_failure_counts(
    script: ModuleType, ready: object, runs: Recorder, capfd: pytest.CaptureFixture[str], failing: str
) -> None:
    """One failing stage stops no other, is named in the summary and makes the whole fail."""
    runs.failing = failing
    assert script.test(ready, []) == 1
    assert len(runs.commands) == 5
    summary = [line for line in capfd.readouterr().out.splitlines() if line.startswith("lab test:")][-6:]
    assert sum(" FAILED " in line for line in summary) == 1
    assert sum(" ok " in line for line in summary) == 4
    assert "lacking swaks" in summary[-1]


def test_all_is_well(script: ModuleType, ready: object, runs: Recorder) -> None:
    """When every stage is content so is the whole; the full run measures coverage and tells of a failure at once."""
    assert script.test(ready, []) == 0
    assert "--cov" in runs.commands[-1]
    assert "--instafail" in runs.commands[-1]


def test_fast_leaves_out_other_programs(
    script: ModuleType, ready: object, runs: Recorder, capfd: pytest.CaptureFixture[str]
) -> None:
    """``--fast`` looks for no program and selects no test that needs one; other arguments go to pytest."""
    assert script.test(ready, ["--fast", "tests/imap", "-x"]) == 0
    assert runs.commands[-1].endswith("pytest --instafail -m not (client or differential or soak) tests/imap -x")
    assert "lacking" not in capfd.readouterr().out


def test_one_entry(script: ModuleType, ready: object, runs: Recorder) -> None:
    """``--entry`` has the reference clients meet entries of the catalogue, and runs nothing else."""
    assert script.test(ready, ["--entry", "starttls-refused", "--said"]) == 0
    assert len(runs.commands) == 1
    assert runs.commands[0].endswith("python -m tests.catalogue.met starttls-refused --said")


def test_node_clients_are_installed_once(
    script: ModuleType, runs: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The npm packages are installed by the lock file, and again only when that has changed."""
    monkeypatch.setattr(script.NodeClients, "lock", str(tmp_path / "package-lock.json"))
    monkeypatch.setattr(script.NodeClients, "stamp", str(tmp_path / "lab-stamp"))
    monkeypatch.setattr(script, "is_here", lambda _: True)
    (tmp_path / "package-lock.json").write_text("{}")
    node = script.NodeClients()
    assert not node.are_here()
    assert node.install()
    assert runs.count("npm ci") == 1
    assert node.are_here()
    (tmp_path / "package-lock.json").write_text("{ }")
    assert not node.are_here()

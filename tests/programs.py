"""Where each program that the tests ask for comes from, so that a new machine can run all tests.

Every program is in one of three tables. ``DEBIAN_PROGRAMS`` of the script ``lab`` names the Debian package of each
program that the tests require. ``OPTIONAL`` names the programs that no test requires, and says why. ``EVERYWHERE``
names the programs that every machine has. ``tests/test_programs.py`` finds what the sources ask for, and
``tests/conftest.py`` sees what the tests start: neither accepts a program that is in no table.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import sys
from functools import cache
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "EVERYWHERE",
    "OPTIONAL",
    "UnlistedProgramError",
    "asked_for",
    "debian_programs",
    "is_listed",
    "outdated",
    "require_listed",
    "watch",
]

_LAB = Path(__file__).parents[1] / "lab"
_TESTS = os.path.join(os.path.dirname(__file__), "")  # noqa: PTH118, PTH120 -- compared with names of files

_RECORDED = "docs/VERIFIERS.md keeps its answers; without it they are not compared"
_CATCHER = "a catcher for docs/PERFORMANCE.md; those that are not there have no row"
_SCREEN = "part of the Thunderbird tests, which run only when asked for"

OPTIONAL = {
    "cargo": _RECORDED,
    "go": _RECORDED,
    "import": "keeps a picture of Thunderbird's screen for a person to look at",
    "java": _RECORDED,
    "javac": _RECORDED,
    "keytool": "a JDK is 300 MB; openssl and certtool read the same PKCS#12 files",
    "maildev": _CATCHER,
    "mailpit": _CATCHER,
    "thunderbird": _SCREEN,
    "Xvfb": _SCREEN,
}
"""Programs whose tests are skipped where they are absent, even in CI: each with its reason."""

EVERYWHERE = {
    **dict.fromkeys(
        ("cat", "echo", "env", "false", "head", "ls", "nohup", "sha256sum", "sleep", "tee", "true", "uname"),
        "coreutils",
    ),
    "awk": "POSIX",
    "bash": "an essential package of Debian",
    "dpkg-query": "asked for a version only, which may be unknown",
    "git": "./lab needs it",
    "lab": "what is tested",
    "labserver": "what is tested",
    "pytest": "./lab installs it",
    "mount": "every Linux has it; elsewhere the test of a full disk is skipped",
    "setpriv": "an essential package of Debian",
    "umount": "as mount",
    "unshare": "an essential package of Debian",
    "python": "what runs the tests",
    "python3": "what runs the tests",
    "sh": "POSIX",
}
"""Programs that a machine has which can run ``./lab`` at all: each with its origin."""

_SYSTEM_FOLDERS = ("/usr/", "/bin/", "/sbin/", "/lib/", "/opt/")
_ASKING = frozenset(
    ("which", "missing", "program", "converse", "version_of", "said", "run", "Popen", "check_call", "check_output")
)
"""Functions whose first argument is a program, or a command that begins with one."""
_NAME = re.compile(r"[A-Za-z][\w.+-]*|/(usr|bin|sbin|lib|opt)/[\w./+-]+")


class UnlistedProgramError(Exception):
    """A test wants a program that is in none of the tables."""


@cache
def debian_programs() -> dict[str, tuple[str, ...]]:
    """Return the table of the script ``lab``: by package, the programs and file patterns that tests want from it."""
    for statement in ast.parse(_LAB.read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "DEBIAN_PROGRAMS":
            table: dict[str, tuple[str, ...]] = ast.literal_eval(statement.value)
            return table
    raise AssertionError("lab has no table DEBIAN_PROGRAMS")


@cache
def outdated(program: str) -> str:
    """Return what the script ``lab`` says of a program that is here, but older than the tests need; usually nothing."""
    loader = SourceFileLoader("lab_script", str(_LAB))
    spec = spec_from_loader("lab_script", loader)
    assert spec is not None
    script = module_from_spec(spec)
    loader.exec_module(script)
    sentence: str = script.outdated(program)
    return sentence


@cache
def _listed() -> frozenset[str]:
    required = debian_programs()
    names = {os.path.basename(name) for wanted in required.values() for name in wanted}  # noqa: PTH119 -- may be a name
    return frozenset((*names, *required, *OPTIONAL, *EVERYWHERE))


def is_listed(program: str) -> bool:
    """Tell whether a program, by its name or path, is in one of the tables; a package's name counts, too."""
    return os.path.basename(program) in _listed()  # noqa: PTH119 -- may be a name


def require_listed(program: str) -> None:
    """Raise UnlistedProgramError if a program is in none of the tables."""
    if not is_listed(program):
        raise UnlistedProgramError(
            f"a test wants {program}: it is in no table of programs; "
            "add it to DEBIAN_PROGRAMS in lab, or to OPTIONAL in tests/programs.py with a reason"
        )


def asked_for(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the programs that a module asks for by a word in its text, each with its line.

    What is imported from labserver starts no program of that name, such as the ``run`` of the command line.
    """
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    names = [name for node in imports if (node.module or "").startswith("labserver") for name in node.names]
    ours = {name.asname or name.name for name in names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ours:
            continue
        for asking in _asking(node):
            first = asking.elts[0] if isinstance(asking, ast.List | ast.Tuple) and asking.elts else asking
            if isinstance(first, ast.Constant) and isinstance(first.value, str) and _NAME.fullmatch(first.value):
                yield first.lineno, first.value


def _asking(node: ast.AST) -> Iterator[ast.expr]:
    """Yield the expressions in a node that stand for a program or a command."""
    match node:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=arguments, keywords=keywords):
            if name in _ASKING and arguments:
                yield arguments[0]
            yield from (keyword.value for keyword in keywords if keyword.arg in ("program", "executable"))
        case ast.For(target=ast.Name(id="program"), iter=ast.Tuple(elts=names) | ast.List(elts=names)):
            yield from names
        case ast.Assign(targets=[ast.Name(id="_PROGRAMS" | "PROGRAMS")], value=ast.Tuple(elts=names)):
            yield from names
        case ast.Assign(targets=[ast.Name(id="command")], value=ast.List() | ast.Tuple() as command):
            yield command


def watch(event: str, arguments: tuple[object, ...]) -> None:
    """Refuse, as an audit hook, to let a test start an installed program that is in none of the tables."""
    if event in ("subprocess.Popen", "os.exec", "os.posix_spawn"):
        program = os.fsdecode(cast("str | bytes | os.PathLike[str]", arguments[0]))
        if _is_installed(program) and _asked_by_a_test():
            require_listed(program)


def _asked_by_a_test() -> bool:
    """Tell whether a module of the tests is on the stack: what pytest and its plugins start is their own affair."""
    frame = sys._getframe(2)  # noqa: SLF001 -- the only way to the stack without reading sources
    while frame.f_back is not None:
        if frame.f_code.co_filename.startswith(_TESTS):
            return True
        frame = frame.f_back
    return False


def _is_installed(program: str) -> bool:
    """Tell whether a program is the machine's, not one that a test or the environment brought."""
    if "/" in program:
        return program.startswith(_SYSTEM_FOLDERS)
    return shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin") is not None

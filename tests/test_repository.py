"""What no single module can promise: exemptions have reasons, versions are exact, nothing secret is committed."""

from __future__ import annotations

import ast
import importlib.metadata
import io
import json
import os
import re
import subprocess
import sys
import tokenize
import tomllib
import zipfile
from collections import deque
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import labserver
from labserver.services import SERVICES

_ROOT = Path(__file__).parents[1]
_PROJECT = tomllib.loads((_ROOT / "pyproject.toml").read_text())


def _tracked(*patterns: str) -> list[Path]:
    """Return the files that git knows and that are there."""
    listed = subprocess.run(["git", "ls-files", "-z", *patterns], cwd=_ROOT, check=True, capture_output=True, text=True)
    paths = [_ROOT / name for name in listed.stdout.split("\0") if name]
    return [path for path in paths if path.is_file()]


_SOURCES = [*_tracked("*.py"), _ROOT / "lab"]
_DOCUMENTS = _tracked("*.md")


def _name(path: Path) -> str:
    return str(path.relative_to(_ROOT))


# --- waiting --------------------------------------------------------------------------------------------------------


_TIMED = ("create_connection", "socket.create_connection", "asyncio.wait_for", "wait_for")
"""Functions with a timeout in their second place."""


def _impatient(source: Path) -> list[int]:
    """Return the lines on which a call has a number of its own as its timeout, by name or by its place."""
    calls = [node for node in ast.walk(ast.parse(source.read_text())) if isinstance(node, ast.Call)]
    named = [keyword.value for call in calls for keyword in call.keywords if keyword.arg == "timeout"]
    placed = [call.args[1] for call in calls if len(call.args) > 1 and ast.unparse(call.func) in _TIMED]
    numbers = [one for one in named + placed if isinstance(one, ast.Constant) and one.value is not None]
    return sorted(number.lineno for number in numbers)


@pytest.mark.parametrize("source", _tracked("tests/*.py"), ids=_name)
def test_no_test_fails_by_the_clock(source: Path) -> None:
    """What has to come is waited for as ``tests/patience.py`` has it: a number that is enough here is not elsewhere."""
    assert _impatient(source) == []


def test_a_number_of_its_own_is_found(tmp_path: Path) -> None:
    """The rule sees a number in a call, and nothing else."""
    source = tmp_path / "test_x.py"
    source.write_text(
        "run(command,\n    timeout=20)\nrun(command, timeout=PATIENCE)\nrun(timeout=None)\ntimeout = 3\n"
        "create_connection(there, 10)\nsocket.create_connection(there)\n"
    )
    assert _impatient(source) == [2, 6]


# --- exemptions -----------------------------------------------------------------------------------------------------

_EXEMPTION = re.compile(r"#\s*(noqa\b|type:\s*ignore|pragma:|ruff:|mypy:)")
_REASONED = re.compile(
    r"# ((ruff: )?noqa: [A-Z]+\d+(, [A-Z]+\d+)* --|type: ignore\[[a-z, -]+\] +(#|--)|pragma: no \w+ --) \w.{3}"
)


def test_exemptions_have_reasons() -> None:
    """Who exempts a line from a check says on that line which check, and why."""
    bare = [
        f"{_name(source)}:{token.start[0]} {token.string}"
        for source in _SOURCES
        for token in tokenize.generate_tokens(io.StringIO(source.read_text()).readline)
        if token.type == tokenize.COMMENT and _EXEMPTION.search(token.string) and not _REASONED.search(token.string)
    ]
    assert bare == []


def test_exempted_rules_have_reasons() -> None:
    """Every rule that pyproject.toml switches off has its reason behind it."""
    rules = re.findall(r'^ +"[A-Z]+\d+",(.*)$', (_ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert len(rules) > 10
    assert [rest for rest in rules if not re.fullmatch(r" +# \S.{7,}", rest)] == []


# --- versions -------------------------------------------------------------------------------------------------------

_PIN = re.compile(r"([A-Za-z0-9._-]+)==([A-Za-z0-9.+!]+)")


def _constraints() -> dict[str, str]:
    pins = [_PIN.fullmatch(line) for line in (_ROOT / "constraints.txt").read_text().splitlines()]
    assert None not in pins, "a line of constraints.txt is not name==version"
    return {canonicalize_name(pin[1]): pin[2] for pin in pins if pin}


def _wanted() -> set[str]:
    """Return every package that is wanted directly or by another one, on this platform."""
    direct = [
        *_PROJECT["project"]["dependencies"],
        *_PROJECT["build-system"]["requires"],
        *_PROJECT["dependency-groups"]["test"],
    ]
    queue = deque((Requirement(text), "") for text in direct)
    found: set[tuple[str, str]] = set()
    while queue:
        requirement, extra = queue.popleft()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        for inner in ("", *requirement.extras):
            if (key := (canonicalize_name(requirement.name), inner)) not in found:
                found.add(key)
                queue += [(Requirement(text), inner) for text in importlib.metadata.requires(key[0]) or []]
    return {name for name, _ in found}


def test_constraints_are_exact_and_complete() -> None:
    """constraints.txt has an exact version, and no address, for all that is wanted, and nothing else."""
    assert set(_constraints()) == _wanted()


def test_the_tested_versions_are_the_constraints() -> None:
    """What these tests run on is what constraints.txt says."""
    assert {name: importlib.metadata.version(name) for name in _wanted()} == _constraints()


def test_npm_lock_names_no_registry() -> None:
    """The lock file of the npm clients pins every package by its hash and says nothing of where it came from."""
    packages = json.loads((_ROOT / "tests/clients/node/package-lock.json").read_text())["packages"]
    del packages[""]
    assert packages
    assert {name for name, package in packages.items() if "integrity" not in package or "resolved" in package} == set()


def test_one_version() -> None:
    """The package and the project have the same version, which the change log knows."""
    assert labserver.__version__ == _PROJECT["project"]["version"]
    assert f"[{labserver.__version__}]" in (_ROOT / "CHANGELOG.md").read_text()


# --- what is committed ----------------------------------------------------------------------------------------------

_PUBLIC_KEYS = "certs/recipes/keys/"
"""RSA and DSA keys for recipes alone: no library derives such a key from a seed, and making one takes too long."""
_SECRET = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\r?\n[A-Za-z0-9+/=]{40}")


def test_nothing_secret_or_generated_is_committed() -> None:
    """No private key, no database and no foreign program is in the repository."""
    magic = (b"SQLite format 3\0", b"\x7fELF", b"PK\x03\x04")
    contents = {_name(path): path.read_bytes() for path in _tracked()}
    public = {name for name in contents if name.startswith(_PUBLIC_KEYS)}
    assert [name for name, content in contents.items() if content.startswith(magic)] == []
    assert {name for name, content in contents.items() if _SECRET.search(content)} == public


def test_no_file_names_the_place_where_it_was_written() -> None:
    """No file names this checkout or its owner's home."""
    places = [f"{place}/".encode() for place in (_ROOT, Path.home()) if len(place.parts) > 1]
    assert [_name(path) for path in _tracked() if any(place in path.read_bytes() for place in places)] == []


# --- the package ----------------------------------------------------------------------------------------------------

_TESTED_BY_THEIR_USERS = {
    "errors": "exception classes; raising them is what the tests of those who raise them show",
    "events": "values; that they happen, and when, is what the tests of those who observe show",
    "lab": "the composition root; the tests of the command line, of leases and over sockets are about it",
    "limits": "numbers; that they are kept is what the tests of those who keep them show",
    "scenario": "values; the catalogue's tests hold every entry to what they mean",
    "services": "a table; the tests of the command line and of the documents compare with it",
    "settings": "one value without behaviour; the tests of lab and cli are about it",
}
"""Parts of the package that have no tests of their own, each with the reason."""


def test_every_part_has_its_tests() -> None:
    """Each package has its folder of tests, each module beside them its file, unless a reason is given here."""
    tests = _tracked("tests/*test_*.py")
    parts = {path.relative_to(_ROOT / "labserver").parts[0].removesuffix(".py") for path in _tracked("labserver/*.py")}
    folders = {path.relative_to(_ROOT / "tests").parts[0] for path in tests if path.parent != _ROOT / "tests"}
    files = {path.stem.removeprefix("test_") for path in tests if path.parent == _ROOT / "tests"}
    assert parts - {"__init__", "__main__"} - folders - files == set(_TESTED_BY_THEIR_USERS)


def test_the_rule_against_io_covers_all_below_servers() -> None:
    """The import contract against I/O names every layer below servers."""
    contracts = {contract["id"]: contract for contract in _PROJECT["tool"]["importlinter"]["contracts"]}
    layers, sans_io = contracts["layers"], contracts["sans-io"]
    order = [re.findall(r"(?<!\()\b\w+\b(?!\))", layer) for layer in layers["layers"]]
    below = [f"labserver.{name}" for names in order[order.index(["servers"]) + 1 :] for name in names]
    assert sorted(sans_io["source_modules"]) == sorted(below)


def test_packages_hold_no_code_of_their_own() -> None:
    """An ``__init__`` is a docstring and ``__all__``, so importing one module never loads its neighbours."""
    allowed = (ast.Expr, ast.Assign, ast.AnnAssign)
    nodes = {_name(path): ast.parse(path.read_text()).body for path in _tracked("labserver/**/__init__.py")}
    assert nodes
    assert [name for name, body in nodes.items() if not all(isinstance(node, allowed) for node in body)] == []


def test_wheel(tmp_path: Path) -> None:
    """A wheel, built offline, holds the package, its type marker, the recipes, the command, a README, and no tests."""
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=_ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        metadata = f"labserver-{labserver.__version__}.dist-info"
        assert b"labserver = labserver.__main__:main" in archive.read(f"{metadata}/entry_points.txt")
        described = archive.read(f"{metadata}/METADATA").decode()
    assert {_name(path) for path in _tracked("labserver/*.py")} <= names
    assert {
        "labserver/py.typed",
        "labserver/recipes/README.md",
        "labserver/recipes/path.toml",
        "labserver/recipes/keys/rsa2048.pem",
        f"{metadata}/licenses/LICENSE",
    } <= names
    assert {name.partition("/")[0] for name in names} == {"labserver", metadata}
    assert "# labserver\n" in described
    assert "`docs/USING.md`" in described
    assert re.findall(r"\]\((?!#|https?://)[^)]*\)", described) == []  # a link into the repository leads nowhere there


# --- documents ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("document", _DOCUMENTS, ids=_name)
def test_documents_name_what_is_there(document: Path) -> None:
    """Every link to a file, and every path in backticks, leads to something."""
    text = document.read_text()
    links = [
        link for link in re.findall(r"\]\(([^)#\s]+)", text) if "://" not in link and not link.startswith("mailto:")
    ]
    paths = re.findall(r"`((?:labserver|tests|certs|compose|\.ci)/[\w./-]*)`", text)
    absent = {link for link in links if not (document.parent / link).exists()}
    absent |= {path for path in paths if not (_ROOT / path).exists()}
    assert absent - {"labserver/recipes/", "certs/issued/"} == set()


@pytest.mark.parametrize("document", _DOCUMENTS, ids=_name)
def test_links_lead_to_headings(document: Path) -> None:
    """Every link to a place in a document of ours leads to a heading."""
    links = re.findall(r"\]\(([^)#\s:]*)#([^)\s]+)\)", document.read_text())
    absent = [
        f"{name}#{place}" for name, place in links if place not in _places(document.parent / name if name else document)
    ]
    assert absent == []


def _places(document: Path) -> set[str]:
    """Return the names by which a document's headings are linked to: small letters, no punctuation, dashes."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_readme_tells_the_ports() -> None:
    """README.md names every default service with its port."""
    readme = (_ROOT / "README.md").read_text()
    wanted = {(service.name, str(service.port)) for service in SERVICES.values() if service.default}
    assert {pair for pair in wanted if not all(re.search(rf"\b{word}\b", readme) for word in pair)} == set()


def test_architecture_explains_every_package() -> None:
    """ARCHITECTURE.md says what each package of labserver is for."""
    text = (_ROOT / "ARCHITECTURE.md").read_text()
    packages = {
        path.parent.name for path in _tracked("labserver/*/__init__.py") if path.parent.parent.name == "labserver"
    }
    assert {package for package in packages if not re.search(rf"\b{package}\b", text)} == set()


def test_a_clone_takes_tests_of_its_users(tmp_path: Path) -> None:
    """README's test runs in a clone by any pytest: the project's settings want none of the plugins of our tests."""
    (tmp_path / "pyproject.toml").write_text((_ROOT / "pyproject.toml").read_text())
    (tmp_path / "test_own.py").write_text("def test_own() -> None:\n    pass\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "test_own.py"],
        cwd=tmp_path,
        env={"PATH": os.defpath, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


# --- messages -------------------------------------------------------------------------------------------------------


def _said(node: ast.expr) -> list[list[ast.expr]]:
    """Return the parts of every text that an expression can be."""
    if isinstance(node, ast.IfExp):
        return [*_said(node.body), *_said(node.orelse)]
    return [list(node.values)] if isinstance(node, ast.JoinedStr) else [[node]]


def _out_of_style(source: str) -> list[str]:
    """Return the messages for the operator that begin with a capital or end with a full stop."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call) and node.args]
    errors = [call for call in calls if ast.unparse(call.func) in {"ConfigurationError", "UnavailableError"}]
    texts = [(parts[0], parts[-1]) for call in errors for parts in _said(call.args[0])]
    begun = [first.value for first, _ in texts if isinstance(first, ast.Constant) and isinstance(first.value, str)]
    ended = [last.value for _, last in texts if isinstance(last, ast.Constant) and isinstance(last.value, str)]
    return [text for text in begun if re.match(r"[A-Z][a-z]+ ", text)] + [text for text in ended if text.endswith(".")]


@pytest.mark.parametrize(
    "source", [path for path in _SOURCES if "labserver" in path.relative_to(_ROOT).parts], ids=_name
)
def test_messages_have_one_style(source: Path) -> None:
    """What a user's mistake is answered with is in lower case, without a full stop."""
    assert _out_of_style(source.read_text()) == []


def test_another_style_is_found() -> None:
    """The rule sees both faults, also in a text with values and where one of two is chosen; and names are names."""
    assert _out_of_style('raise ConfigurationError(f"Cannot do {it}" if one else f"{it}: no.")') == [
        "Cannot do ",
        ": no.",
    ]
    assert _out_of_style('raise ConfigurationError("OpenSSL serves no RC2")\nraise StoreError("No. Never.")') == []

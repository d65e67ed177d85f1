"""TOML that people write: what is wrong in it is told with file, line, table, key and what there could be."""

from __future__ import annotations

import tomllib
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from labserver.errors import ConfigurationError
from labserver.tables import Document, TableError, converted, read_document, unknown

if TYPE_CHECKING:
    from pathlib import Path


class Colour(StrEnum):
    """Some words."""

    RED = "red"
    GREEN = "green"


class Inner(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table in a table."""

    width: int = 0
    colours: tuple[Colour, ...] = ()


class One(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="one", kw_only=True):
    """A table of a kind."""

    inner: Inner = Inner()
    text: str | tuple[str, ...]


class Two(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="two", kw_only=True):
    """A table of another."""

    side: Literal["left", "right"] = "left"


class Outer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table."""

    title: str
    inner: Inner | None = None
    some: tuple[One | Two, ...] = ()


FILE = '''# what is written
[x]
title = "x"  # on line 3

[x.inner]
width = 5
colours = [  # on line 7
    "red",
    """
green""",
]

[[x.some]]
kind = "one"
inner = { width = 6 }
text = """
several
lines"""

[[x.some]]
kind = "two"

[y]
title = "y"
'''
DOCUMENT = Document("some.toml", FILE, tomllib.loads(FILE))


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("x",), 2),
        (("x", "title"), 3),
        (("x", "inner"), 5),
        (("x", "inner", "width"), 6),
        (("x", "inner", "colours"), 7),
        (("x", "inner", "colours", 1), 7),
        (("x", "inner", "nonesuch"), 5),
        (("x", "some", 0), 13),
        (("x", "some", 0, "kind"), 14),
        (("x", "some", 0, "inner", "width"), 15),
        (("x", "some", 0, "text"), 16),
        (("x", "some", 1), 20),
        (("x", "some", 1, "kind"), 21),
        (("x", "some", 2), 13),
        (("y",), 23),
        (("y", "title"), 24),
        (("z",), 1),
        ((), 1),
    ],
)
def test_line(path: tuple[str | int, ...], line: int) -> None:
    """A mistake is found where its value begins, or where the table begins that lacks it."""
    assert DOCUMENT.line(path) == line


@settings(deadline=None)  # work is counted, not timed
@given(count=some.integers(0, 30), key=some.integers(0, 30), gap=some.integers(0, 3))
def test_line_in_a_long_file(count: int, key: int, gap: int) -> None:
    """The line is right wherever it is, with comments, empty lines and texts of several lines between."""
    comments = "# a comment\n" * gap
    tables = "".join(f"[t{number}]\n{comments}a = '''\n\n'''\nb = 1\n" for number in range(count + 1))
    document = Document("some.toml", tables, tomllib.loads(tables))
    key %= count + 1
    first = key * (5 + gap) + 1
    assert document.line((f"t{key}",)) == first
    assert document.line((f"t{key}", "a")) == first + gap + 1
    assert document.line((f"t{key}", "b")) == first + gap + 4


@pytest.mark.parametrize(
    ("table", "path", "what"),
    [
        ({}, (), "title is missing"),
        ({"title": 1}, ("title",), "must be a text"),
        (
            {"title": "x", "titel": 1},
            ("titel",),
            "unknown key titel; did you mean title? choose from title, inner, some",
        ),
        ({"title": "x", "inner": []}, ("inner",), "must be a table"),
        ({"title": "x", "inner": {"width": "5"}}, ("inner", "width"), "must be an integer"),
        (
            {"title": "x", "inner": {"colours": ["red", "grene"]}},
            ("inner", "colours", 1),
            "unknown grene; did you mean green? choose from red, green",
        ),
        (
            {"title": "x", "inner": {"widht": 5}},
            ("inner", "widht"),
            "unknown key widht; did you mean width? choose from width, colours",
        ),
        ({"title": "x", "some": [{}]}, ("some", 0), "kind is missing; choose from one, two"),
        ({"title": "x", "some": [{"kind": "qqq"}]}, ("some", 0, "kind"), "unknown qqq; choose from one, two"),
        ({"title": "x", "some": [{"kind": "one"}]}, ("some", 0), "text is missing"),
        (
            {"title": "x", "some": [{"kind": "two"}, {"kind": "one", "text": 5}]},
            ("some", 1, "text"),
            "must be a text or a list",
        ),
        ({"title": "x", "some": [{"kind": "one", "text": ["a", 5]}]}, ("some", 0, "text", 1), "must be a text"),
        (
            {"title": "x", "some": [{"kind": "one", "side": "left"}]},
            ("some", 0, "side"),
            "unknown key side; choose from kind, inner, text",
        ),
        (
            {"title": "x", "some": [{"kind": "two", "side": "up"}]},
            ("some", 0, "side"),
            "unknown up; choose from left, right",
        ),
        (
            {"title": "x", "some": [{"kind": "one", "text": "", "inner": {"w": 1}}]},
            ("some", 0, "inner", "w"),
            "unknown key w; choose from width, colours",
        ),
        ({"title": "x", "some": {"kind": "one"}}, ("some",), "must be a list"),
        ([], (), "must be a table"),
    ],
)
def test_mistakes(table: object, path: tuple[str | int, ...], what: str) -> None:
    """What is wrong is told by where it is, and with the alternatives."""
    with pytest.raises(TableError) as caught:
        converted(table, Outer)
    assert (caught.value.path, caught.value.what) == (path, what)


def test_values() -> None:
    """What is right becomes a value."""
    table = DOCUMENT.tables["x"] | {"inner": {"width": 5, "colours": ["red"]}}
    assert converted(table, Outer) == Outer(
        title="x",
        inner=Inner(width=5, colours=(Colour.RED,)),
        some=(One(inner=Inner(width=6), text="several\nlines"), Two()),
    )


def test_where() -> None:
    """A user is told the file, the line, the table, the key and what is wrong there."""
    error = TableError(("inner", "width"), "must be an integer").below("x")
    assert str(error) == "x.inner.width: must be an integer"
    assert str(DOCUMENT.mistake(error)) == "some.toml, line 6: [x] inner.width: must be an integer"
    assert str(DOCUMENT.mistake(TableError(("y",), "no"))) == "some.toml, line 23: [y]: no"
    assert str(DOCUMENT.mistake(TableError((), "no"))) == "some.toml, line 1: no"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[x]\na = \n", "{path}, line 2: not TOML: invalid value"),
        (b"[x\n", "{path}, line 1: not TOML: expected ']' at the end of a table declaration"),
        (b"a = '''\nb\n", "{path}, line 2: not TOML: expected \"'''\""),
        (b"[x]\n[x]\n", "{path}, line 2: not TOML: cannot declare ('x',) twice"),
        (b"[x]\n# \xff\n", "{path}, line 2: it is not UTF-8; save it as UTF-8"),
        (b"a = " + b"[" * 20_000, "{path}: its tables are too deep"),
    ],
)
def test_no_toml(tmp_path: Path, content: bytes, said: str) -> None:
    """What is no TOML is told with its line."""
    path = tmp_path / "some.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        read_document(path, "--some-file")
    assert str(caught.value) == said.format(path=path)


@pytest.mark.parametrize(("name", "said"), [("nonesuch", "No such file or directory"), (".", "Is a directory")])
def test_no_file(tmp_path: Path, name: str, said: str) -> None:
    """What cannot be read is told with the option that named it."""
    path = tmp_path / name
    with pytest.raises(ConfigurationError) as caught:
        read_document(path, "--some-file")
    assert str(caught.value) == f"--some-file {path}: {said}"


def test_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is far too long to be written by people is not taken apart."""
    monkeypatch.setattr("labserver.tables._LONGEST", 10)
    path = tmp_path / "some.toml"
    path.write_text("a = 1 # 345")
    with pytest.raises(ConfigurationError, match="it has more than 10 octets"):
        read_document(path)


def test_with_a_mark(tmp_path: Path) -> None:
    """Editors that begin a file with a byte order mark are heard."""
    path = tmp_path / "some.toml"
    path.write_bytes(b"\xef\xbb\xbf[x]\r\na = 'b'\r\n")
    assert read_document(path).tables == {"x": {"a": "b"}}


def test_unknown() -> None:
    """A long word is not repeated whole."""
    assert unknown("x" * 41, ["a"], what="key") == f"unknown key {'x' * 40}…; choose from a"

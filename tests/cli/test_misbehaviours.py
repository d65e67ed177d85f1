"""``labserver misbehaviours``: every kind, for people, programs and editors."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it has no types of its own

from labserver.catalogue import shipped
from labserver.catalogue.schema import file_schema
from labserver.cli.parser import run as typed
from labserver.misbehaviours.notation import CONDITIONS
from labserver.misbehaviours.table import KINDS
from labserver.misbehaviours.words import PLACES
from labserver.pki.recipe_files import FOLDER
from labserver.pki.recipe_tables import CERTIFICATE, PROFILE
from labserver.services import SERVICES
from labserver.tables import read_document
from tests.docs.documents import ROOT


def _printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert typed(["misbehaviours", *words]) == 0
    return capsys.readouterr().out


def test_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    """Each kind has a line under its axis."""
    lines = _printed(capsys).splitlines()
    assert [line.split()[0] for line in lines if line.startswith("  ")] == list(KINDS)
    assert lines[-1] == "labserver misbehaviours KIND tells more of one"


@pytest.mark.parametrize("kind", KINDS)
def test_one(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A kind is told with its fields, the conditions and an example in both notations."""
    told = _printed(capsys, kind)
    assert told.startswith(f"{kind}: ")
    for name in (*KINDS[kind].__struct_fields__, *CONDITIONS):
        assert name == "when" or f"\n  {name}: " in told
    assert f'kind = "{kind}"' in told
    assert "--misbehave" in told
    assert "`" not in told


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    """Programs get all of it, or one kind."""
    everything = json.loads(_printed(capsys, "--json"))
    assert [one["kind"] for one in everything["kinds"]] == list(KINDS)
    assert [one["name"] for one in everything["conditions"]] == list(CONDITIONS)
    assert everything["places"] == PLACES
    (one,) = json.loads(_printed(capsys, "end", "--json"))["kinds"]
    assert one["example"]["kind"] == "end"
    assert {field["name"] for field in one["fields"]} == {"how", "after", "say"}


def test_a_mistyped_kind(capsys: pytest.CaptureFixture[str]) -> None:
    """The nearest ones are told."""
    assert typed(["misbehaviours", "anwser"]) == 2
    assert "unknown kind of misbehaviour anwser; did you mean answer?" in capsys.readouterr().err


def test_the_document(capsys: pytest.CaptureFixture[str]) -> None:
    """docs/MISBEHAVIOURS.md is up to date; ``labserver misbehaviours --markdown > docs/MISBEHAVIOURS.md`` makes it."""
    kept = (ROOT / "docs" / "MISBEHAVIOURS.md").read_text(encoding="utf-8")
    assert kept == _printed(capsys, "--markdown")


def _resolved(schema: dict[str, Any], one: dict[str, Any]) -> dict[str, Any]:
    name = one["$ref"].removeprefix("#/$defs/")
    found: dict[str, Any] = schema["$defs"][name]
    return found


def test_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    """Editors know each kind by its name, with every field, what it means, and no other."""
    schema = json.loads(_printed(capsys, "--schema"))
    assert schema == json.loads(json.dumps(file_schema()))
    entry = _resolved(schema, schema["additionalProperties"])
    assert entry["required"] == ["title", "does"]
    assert entry["properties"]["services"]["items"]["enum"] == list(SERVICES)
    kinds = [_resolved(schema, one) for one in entry["properties"]["misbehaviours"]["items"]["anyOf"]]
    assert [kind["properties"]["kind"]["enum"] for kind in kinds] == [[name] for name in KINDS]
    for kind, (name, known) in zip(kinds, KINDS.items(), strict=True):
        assert set(kind["properties"]) == {"kind", *known.__struct_fields__}
        assert kind["additionalProperties"] is False
        assert all("description" in one for key, one in kind["properties"].items() if key != "kind"), name
    when = _resolved(schema, kinds[0]["properties"]["when"])
    assert set(when["properties"]) == set(CONDITIONS)
    assert r"\A" not in json.dumps(schema)
    named, written = entry["properties"]["certificate"]["anyOf"]
    assert named["required"] == ["recipe"]
    assert set(written["properties"]) == {"base", "verdict", "other", *PROFILE}
    leaf = _resolved(schema, written["properties"]["leaf"])
    assert set(leaf["properties"]) == set(CERTIFICATE)
    assert "rsa2048" in leaf["properties"]["key"]["enum"]


def test_references_lead_somewhere() -> None:
    """Every definition that the schema refers to is there."""
    schema = file_schema()

    def check(one: object) -> None:
        if isinstance(one, dict):
            if "$ref" in one:
                assert _resolved(schema, one)
            for inner in one.values():
                check(inner)
        elif isinstance(one, list):
            for inner in one:
                check(inner)

    check(schema)


def test_the_schema_takes_what_is_read() -> None:
    """Editors find nothing wrong in our own files, nor in our recipes, written as certificates of scenarios."""
    validator = Draft202012Validator(file_schema())
    Draft202012Validator.check_schema(validator.schema)
    for path in shipped.PLACES.parent.glob("*.toml"):
        assert [error.message for error in validator.iter_errors(dict(read_document(path).tables))] == []
    entry = {"title": "A title", "does": "It does something."}
    tables = [table for path in FOLDER.glob("*.toml") for table in read_document(path).tables.values()]
    certificates = [{key: value for key, value in table.items() if key in PROFILE} for table in tables]
    many = {f"x-{number}": entry | {"certificate": one} for number, one in enumerate(certificates)}
    assert [error.message for error in validator.iter_errors(many)] == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"leaf": {"not_befor": "-1d"}},
        {"leaf": {"key": "rsa500"}},
        {"recipe": "expired", "leaf": {}},
        {"authorities": {"a": {"levels": 0}}},
        {"staple": {"status": "gone"}},
        {"title": "A title"},
    ],
)
def test_the_schema_refuses_what_is_refused(wrong: dict[str, Any]) -> None:
    """What is no key of a certificate, or no value, an editor underlines."""
    entry = {"title": "A title", "does": "It does something.", "certificate": wrong}
    assert not Draft202012Validator(file_schema()).is_valid({"x": entry})


def test_nothing_of_it_is_loaded_by_a_lab() -> None:
    """What every session needs imports neither the kinds nor what reads them."""
    script = (
        "import sys, labserver.servers.factory, labserver.session.membrane\n"
        "print([one for one in sys.modules if one == 'msgspec' or one.startswith('labserver.misbehaviours.kinds')])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[]"]

"""Claims about reading recipes: only differences are written down, and a mistake names its file, table and key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from labserver.errors import ConfigurationError
from labserver.pki.recipe_files import FOLDER, all_recipes, read_recipes
from labserver.pki.specification import PRESENTATIONS, CertificateSpec
from labserver.tls.tlslite import PRESENTATIONS as KNOWN

if TYPE_CHECKING:
    from pathlib import Path

WORDS = """
title = "A title"
does = "It does."
verdict = "accept"
references = ["RFC 5280"]
"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[x]\n" + WORDS + "leaf.not_befor = '-1d'",
            r"\[x\]: leaf.not_befor is no key of a recipe; there are again, ca, ",
        ),
        ("[x]\n" + WORDS + "titel = ''", r"\[x\]: titel is no key of a recipe"),
        ("[x]\nleaf.ca = true", r"\[x\]: title is missing"),
        ("[x]\nbase = 'nonesuch'\n" + WORDS, r"\[x\]: base 'nonesuch' is not there"),
        ("[x]\nbase = 'y'\n" + WORDS + "[y]\nbase = 'x'\n" + WORDS, r"\[x\]: base 'x' is built on this one"),
        ("[x]\n" + WORDS + "[base.x]\n", r"\[x\] is already in topic.toml"),
        ("x = 3", "x is outside every table"),
        ("[x\n", "Expected"),
        (
            "[x]\n" + WORDS + "leaf.not_after = 'tomorrow'",
            "leaf.not_after must be a time such as -1d",
        ),
        ("[x]\n" + WORDS + "leaf.key = 'rsa500'", "leaf.key must be one of brainpoolp256r1, .*, not 'rsa500'"),
        ("[x]\n" + WORDS + "leaf.ca = 1", "leaf.ca must be true or false, not 1"),
        ("[x]\n" + WORDS + "authorities.a.levels = 0", "authorities.a.levels must be a number of one or more, not 0"),
        ("[x]\n" + WORDS + "leaf.version = true", "leaf.version must be a number, not True"),
        ("[x]\n" + WORDS + "leaf.serial = 'xyz'", "leaf.serial must be octets in hexadecimal"),
        ("[x]\n" + WORDS + "leaf.names = ['mail.lab.test']", "leaf.names must be names as dns:"),
        ("[x]\n" + WORDS + "leaf.purposes = ['nonsense']", "leaf.purposes must be one of any, .*, or an OID"),
        ("[x]\n" + WORDS + "leaf.subject = [['CN']]", "leaf.subject must be pairs such as"),
        (
            "[x]\n" + WORDS + "leaf.subject = [['X', '']]",
            "leaf.subject must be attributes among CN, .*, each of utf8, ",
        ),
        ("[x]\n" + WORDS + "leaf.subject = [['O:der', 'x']]", "leaf.subject must be octets in hexadecimal"),
        ("[x]\n" + WORDS + "leaf.extra = [{ oid = '1.2.3' }]", "leaf.extra must be tables such as"),
        (
            "[x]\n" + WORDS + "leaf.extra = [{ oid = '1.2.3', value = '', critical = 'x' }]",
            "leaf.extra must be true, false or octets",
        ),
        ("[x]\n" + WORDS + "leaf.again = { ca = true }", "leaf.again must be a table of key_usage, names, "),
        ("[x]\n" + WORDS + "leaf.corrupt = ['nonsense']", "leaf.corrupt must be one of extensions-empty, "),
        ("[x]\n" + WORDS + "leaf.issuer = 'nobody'", "leaf.issuer 'nobody' is not there; there are lab, leaf"),
        ("[x]\n" + WORDS + "authorities.a.issuer = 'b'", "authorities.a.issuer 'b' is not there, or comes later"),
        ("[x]\n" + WORDS + "authorities.a = 3", "authorities.a must be a table"),
        (
            "[x]\n" + WORDS + "authorities.a = { issuer = 'a', key_of = 'b' }",
            "authorities.a.key_of 'b' is not there, or comes later",
        ),
        ("[x]\n" + WORDS + "leaf.public_key = 'odd'", "leaf.public_key must be one of ec-explicit, .*, not 'odd'"),
        ("[x]\n" + WORDS + "wire = ['leaf', 'nobody']", "wire 'nobody' is not there"),
        ("[x]\n" + WORDS + "staple = 'x'", "staple must be a table"),
        ("[x]\n" + WORDS + "staple.status = 'x'", "staple.status must be one of good, revoked, unknown, not 'x'"),
        ("[x]\n" + WORDS + "staple.statu = 'good'", "staple.statu is no key of a recipe; there are by_name, "),
        ("[x]\n" + WORDS + "staple.next_update = 'x'", "staple.next_update must be a time such as"),
        ("[x]\n" + WORDS + "staple = {}", 'staple needs asked = "status_request" and an engine that can'),
        ("[x]\n" + WORDS + "asked = 'status_request'\nstaple = {}", "staple needs asked = .* and an engine that can"),
        ("[x]\n" + WORDS + "asked = 'x'", "asked must be one of .*status_request, not 'x'"),
        ("[x]\n" + WORDS + "staple.signer = 'nobody'", "staple.signer 'nobody' is not there"),
        ("[x]\n" + WORDS + "staple.certificates = ['nobody']", "staple.certificates 'nobody' is not there"),
        ("[x]\n" + WORDS + "responses.nobody = {}", "responses 'nobody' is not there"),
        ("[x]\n" + WORDS + "responses.leaf.signer = 'nobody'", "responses.leaf.signer 'nobody' is not there"),
        ("[x]\n" + WORDS + "responses.lab = {}", "responses.lab cannot be signed: "),
        ("[x]\n" + WORDS + "lists.nobody = {}", "lists 'nobody' is not there"),
        ("[x]\n" + WORDS + "lists.lab.revoked = ['nobody']", "lists.lab.revoked 'nobody' is not there"),
        ("[x]\n" + WORDS + "lists.lab.status = 'good'", "lists.lab.status is no key of a recipe; there are corrupt, "),
        ("[x]\n" + WORDS + "anchors = 'lab'", "anchors must be a list of texts"),
        ("[x]\n" + WORDS + "host = 'a.{lab}'", "host must be a name such as a.{id}.{lab}, .*, not 'a.{lab}'"),
        ("[x]\n" + WORDS + "present = 'nonsense'", "present must be one of compressed, md5-signature, "),
        ("[x]\n" + WORDS + "present = 'no-certificates'", 'present needs engine = "tlslite"'),
        ("[x]\n" + WORDS + "delegation = '+1d'", 'delegation needs asked = "delegated_credential" and engine = '),
        ("[x]\n" + WORDS + "versions = ['TLSv1']", "versions must be one of TLSv1.2, TLSv1.3, not "),
        ("[x]\n" + WORDS + "proof = 'nobody'", "proof 'nobody' is not there; there are lab, leaf"),
        ("[x]\n" + WORDS + "client_anchors = ['nobody']", "client_anchors 'nobody' is not there"),
        ("[x]\n" + WORDS + "client_certificate = 'no'", "client_certificate must be one of asked, required"),
        ("[x]\n" + WORDS + "anew = 'daily'", "anew must be one of connection, service"),
        ("[x]\n" + WORDS + "anew = 'service'\nanchors = ['leaf']", "anew and other are for chains of the lab's CA"),
        ("[x]\n" + WORDS + "other_for = 'unnamed'", "other and other_for need each other"),
        ("[x]\n" + WORDS + "other.leaf.key = 'p384'", "other and other_for need each other"),
        (
            "[x]\n" + WORDS + "other_for = 'unnamed'\nother.title = 'no'",
            "other.title is no part of a chain; there are ",
        ),
        ("[x]\n" + WORDS + "severity = 'security'", "severity must be given for what is to be rejected, and only for"),
    ],
)
def test_mistakes(text: str, said: str, tmp_path: Path) -> None:
    """A mistake is reported with where it is, and with what is wanted instead."""
    (tmp_path / "topic.toml").write_text(text)
    with pytest.raises(ConfigurationError, match=rf"^topic.toml: .*{said}") as raised:
        read_recipes(tmp_path)
    assert "\n" not in str(raised.value)


def test_one_id_in_two_files(tmp_path: Path) -> None:
    """An id stands in one file only."""
    for name in ("one", "two"):
        (tmp_path / f"{name}.toml").write_text("[x]\n" + WORDS)
    with pytest.raises(ConfigurationError, match=r"^two.toml: \[x\] is already in one.toml$"):
        read_recipes(tmp_path)


def test_nothing_but_words(tmp_path: Path) -> None:
    """A recipe without a difference is a good certificate of the lab's CA."""
    (tmp_path / "topic.toml").write_text("[x]\n" + WORDS)
    recipe = read_recipes(tmp_path)["x"]
    assert (recipe.id, recipe.topic, recipe.leaf) == ("x", "topic", CertificateSpec())
    assert (recipe.wire, recipe.anchors, recipe.own_anchor) == (("leaf", "lab"), ("lab",), False)


def test_inheritance(tmp_path: Path) -> None:
    """A base's certificates are inherited key by key, its order and anchors whole, and its words not at all."""
    first = "[a]\nwire = ['leaf', 'ca']\nleaf = { issuer = 'ca', ca = true }\n"
    first += "authorities.ca = { issuer = 'ca', path_length = 1 }\n"
    second = "[b]\nbase = 'a'\ntitle = 'Another'\nleaf.ca = false\nauthorities.ca.path_length = 0\n"
    words = WORDS.replace('title = "A title"\n', "")
    (tmp_path / "topic.toml").write_text(first + 'title = "One"\n' + words + second + words)
    recipes = read_recipes(tmp_path)
    assert (recipes["b"].leaf.issuer, recipes["b"].leaf.ca, recipes["a"].leaf.ca) == ("ca", False, True)
    assert recipes["b"].wire == ("leaf", "ca")
    assert recipes["b"].authorities["ca"].issuer == "ca"
    assert (recipes["a"].authorities["ca"].path_length, recipes["b"].authorities["ca"].path_length) == (1, 0)
    assert recipes["b"].title == "Another"


def test_other(tmp_path: Path) -> None:
    """The other chain is the recipe's with what is written instead; nobody inherits it."""
    first = "[a]\n" + WORDS + "leaf.key = 'p384'\nother_for = 'rsa-only'\nother.leaf.key = 'rsa2048'\n"
    (tmp_path / "topic.toml").write_text(
        first + "[b]\nbase = 'a'\nother_for = 'unnamed'\nother.wire = ['leaf']\n" + WORDS
    )
    recipes = read_recipes(tmp_path)
    (one, other), (_, another) = ((recipe, recipe.other) for recipe in recipes.values())
    assert other is not None
    assert another is not None
    assert (one.leaf.key, other.leaf.key, another.leaf.key) == ("p384", "rsa2048", "p384")
    assert (other.wire, another.wire) == (("leaf", "lab"), ("leaf",))
    assert (other.title, other.leaf.names) == (one.title, one.leaf.names)


def test_presentations() -> None:
    """The names that recipes may use are those that the engine knows."""
    assert set(PRESENTATIONS) == KNOWN.keys()


def test_what_is_shipped() -> None:
    """The recipes that come with labserver are found, by topic, and read once."""
    assert (FOLDER / "path.toml").is_file()
    topics = {path.stem for path in FOLDER.glob("*.toml")} - {"bases"}
    assert topics == {spec.topic for spec in all_recipes().values()}
    assert all_recipes() is all_recipes()

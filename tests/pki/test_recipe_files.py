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
LEAST = f"[x]\n{WORDS}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            LEAST + "leaf.not_befor = '-1d'",
            "line 7: [x] leaf.not_befor: unknown key not_befor; did you mean not_before? choose from again, ca, ",
        ),
        (
            LEAST + "titel = ''",
            "line 7: [x] titel: unknown key titel; did you mean title? choose from address_openssl, anchors, ",
        ),
        ("[x]\nleaf.ca = true", "line 1: [x]: title is missing"),
        ("[x]\nbase = 'nonesuch'\n" + WORDS, "line 2: [x] base: unknown base nonesuch; choose from x"),
        ("[x]\nbase = 'y'\n" + WORDS + "[y]\nbase = 'x'\n" + WORDS, "line 2: [x] base: x is built on this one"),
        (LEAST + "[base.x]\n", "line 1: [x]: this id is taken by topic.toml; choose another"),
        ("x = 3", "line 1: [x]: a recipe is a table: [x]"),
        ("[x\n", "line 1: not TOML: expected ']' at the end of a table declaration"),
        (
            LEAST + "leaf.not_after = 'tomorrow'",
            "line 7: [x] leaf.not_after: must be a time such as -1d, +3h, generalized:+20d, utc:700101000000Z, not",
        ),
        (
            LEAST + "leaf.key = 'rsa500'",
            "line 7: [x] leaf.key: unknown rsa500; did you mean rsa512? choose from brainpoolp256r1, dsa2048, ",
        ),
        (LEAST + "leaf.ca = 1", "line 7: [x] leaf.ca: must be true or false, not 1"),
        (
            LEAST + "authorities.a.levels = 0",
            "line 7: [x] authorities.a.levels: must be a number from 1 to 1000, not 0",
        ),
        (LEAST + "leaf.version = true", "line 7: [x] leaf.version: must be a number, not True"),
        (LEAST + "leaf.serial = 'xyz'", "line 7: [x] leaf.serial: must be octets in hexadecimal, not 'xyz'"),
        (
            LEAST + "leaf.names = ['mail.lab.test']",
            "line 7: [x] leaf.names[0]: must be names as dns:…, ip:…, email:…, uri:…, srv:…, rid:…, other:OID=hex,",
        ),
        (
            LEAST + "leaf.purposes = ['nonsense']",
            "line 7: [x] leaf.purposes[0]: unknown nonsense; choose from any, server, ",
        ),
        (
            LEAST + "leaf.subject = [['CN']]",
            'line 7: [x] leaf.subject: must be pairs such as ["CN", "{host}"], not [[\'CN\']]',
        ),
        (
            LEAST + "leaf.subject = [['X', '']]",
            "line 7: [x] leaf.subject: must be attributes among CN, O, OU, C or OIDs, each of utf8, printable,",
        ),
        (
            LEAST + "leaf.subject = [['O:der', 'x']]",
            "line 7: [x] leaf.subject: must be octets in hexadecimal, not [['O:der', 'x']]",
        ),
        (
            LEAST + "leaf.extra = [{ oid = '1.2.3' }]",
            'line 7: [x] leaf.extra[0]: must be a table such as { oid = "1.2.3", value = "0500", critical = true },',
        ),
        (
            LEAST + "leaf.extra = [{ oid = '1.2.3', value = '', critical = 'x' }]",
            "line 7: [x] leaf.extra[0].critical: must be true, false or octets, not 'x'",
        ),
        (
            LEAST + "leaf.again = { ca = true }",
            "line 7: [x] leaf.again.ca: unknown key ca; choose from key_usage, names, ",
        ),
        (
            LEAST + "leaf.corrupt = ['nonsense']",
            "line 7: [x] leaf.corrupt[0]: unknown nonsense; choose from extensions-empty, garbage, ",
        ),
        (LEAST + "leaf.issuer = 'nobody'", "line 7: [x] leaf.issuer: unknown label nobody; choose from lab, leaf"),
        (
            LEAST + "authorities.a.issuer = 'b'",
            "line 7: [x] authorities.a.issuer: unknown label b; choose from a, lab",
        ),
        (LEAST + "authorities.a = 3", "line 7: [x] authorities.a: must be a table"),
        (
            LEAST + "authorities.a = { issuer = 'a', key_of = 'b' }",
            "line 7: [x] authorities.a.key_of: unknown label b; choose from lab",
        ),
        (
            LEAST + "leaf.public_key = 'odd'",
            "line 7: [x] leaf.public_key: unknown odd; choose from ec-explicit, ec-own-generator, ",
        ),
        (LEAST + "wire = ['leaf', 'nobody']", "line 7: [x] wire: unknown label nobody; choose from lab, leaf"),
        (LEAST + "wire = []", "line 7: [x] wire: it is empty; name one certificate at least"),
        (
            LEAST + "authorities.a.issuer = 'b'\nauthorities.b.issuer = 'b'",
            "line 7: [x] authorities.a.issuer: the label b comes later: a certificate stands after the one that signs",
        ),
        (
            LEAST + "authorities.a = { issuer = 'a', levels = 2 }",
            "line 7: [x] authorities.a.levels: several cannot sign themselves; name another issuer",
        ),
        (
            LEAST + "leaf.issuer = 'a'\nauthorities.a = { issuer = 'lab', key = 'x25519' }",
            "line 8: [x] authorities.a.key: a key for X25519 signs nothing",
        ),
        (LEAST + "leaf.key_of = 'leaf'", "line 7: [x] leaf.key_of: it has its own key; leave it out"),
        (LEAST + "authorities.leaf.ca = true", "line 7: [x] authorities.leaf: this label is taken; choose another"),
        (LEAST + "base = 'y'\nleaf = 3\n[base.y]\nleaf.ca = true", "line 8: [x] leaf: must be a table"),
        (LEAST + "base = 'y'\nauthorities.a = 3\n[base.y]\nauthorities.a = {}", "line 8: [x] authorities.a: must be"),
        (LEAST + "leaf.names = ['dns:{1..100001}.x.test']", "line 7: [x] leaf.names[0]: must be 100000 names at most"),
        (
            LEAST + "leaf.extra = [{ oid = '1.2.3', value = '', zeros = -1 }]",
            "line 7: [x] leaf.extra[0].zeros: must be a number from 0 to 1048576, not -1",
        ),
        (LEAST + "staple = 'x'", "line 7: [x] staple: must be a table"),
        (LEAST + "staple.status = 'x'", "line 7: [x] staple.status: unknown x; choose from good, revoked, "),
        (
            LEAST + "staple.statu = 'good'",
            "line 7: [x] staple.statu: unknown key statu; did you mean status? choose from by_name, certificates, ",
        ),
        (
            LEAST + "staple.next_update = 'x'",
            "line 7: [x] staple.next_update: must be a time such as -1d, +3h, generalized:+20d, utc:700101000000Z,",
        ),
        (
            LEAST + "staple = {}",
            'line 7: [x] staple: it needs asked = "status_request" and an engine that can: openssl or tlslite',
        ),
        (
            LEAST + "asked = 'status_request'\nstaple = {}",
            'line 8: [x] staple: it needs asked = "status_request" and an engine that can: openssl or tlslite',
        ),
        (
            LEAST + "asked = 'x'",
            "line 7: [x] asked: unknown x; choose from delegated_credential, server_certificate_type, ",
        ),
        (LEAST + "staple.signer = 'nobody'", "line 7: [x] staple.signer: unknown label nobody; choose from lab, leaf"),
        (
            LEAST + "staple.certificates = ['nobody']",
            "line 7: [x] staple.certificates: unknown label nobody; choose from lab, leaf",
        ),
        (LEAST + "responses.nobody = {}", "line 7: [x] responses: unknown label nobody; choose from lab, leaf"),
        (
            LEAST + "responses.leaf.signer = 'nobody'",
            "line 7: [x] responses.leaf.signer: unknown label nobody; choose from lab, leaf",
        ),
        (
            LEAST + "responses.lab = {}",
            "line 7: [x] responses.lab: it cannot be signed: the key of the lab's root is forgotten",
        ),
        (LEAST + "lists.nobody = {}", "line 7: [x] lists: unknown label nobody; choose from lab, leaf"),
        (
            LEAST + "lists.lab.revoked = ['nobody']",
            "line 7: [x] lists.lab.revoked: unknown label nobody; choose from lab, leaf",
        ),
        (
            LEAST + "lists.lab.status = 'good'",
            "line 7: [x] lists.lab.status: unknown key status; choose from corrupt, next_update, ",
        ),
        (LEAST + "anchors = 'lab'", "line 7: [x] anchors: must be a list of texts, not 'lab'"),
        (
            LEAST + "host = 'a.{lab}'",
            "line 7: [x] host: must be a name such as a.{id}.{lab}, {id}.test or localhost, or an address, not",
        ),
        (
            LEAST + "present = 'nonsense'",
            "line 7: [x] present: unknown nonsense; choose from compressed, md5-signature, ",
        ),
        (LEAST + "present = 'no-certificates'", 'line 7: [x] present: it needs engine = "tlslite"'),
        (
            LEAST + "delegation = '+1d'",
            'line 7: [x] delegation: it needs asked = "delegated_credential" and engine = "tlslite"',
        ),
        (
            LEAST + "versions = ['TLSv1']",
            "line 7: [x] versions[0]: unknown TLSv1; did you mean TLSv1.2 or TLSv1.3? choose from TLSv1.2, TLSv1.3",
        ),
        (LEAST + "proof = 'nobody'", "line 7: [x] proof: unknown label nobody; choose from lab, leaf"),
        (
            LEAST + "client_anchors = ['nobody']",
            "line 7: [x] client_anchors: unknown label nobody; choose from lab, leaf",
        ),
        (
            LEAST + "client_certificate = 'no'",
            "line 7: [x] client_certificate: unknown no; choose from asked, required",
        ),
        (LEAST + "anew = 'daily'", "line 7: [x] anew: unknown daily; choose from connection, service"),
        (
            LEAST + "anew = 'service'\nanchors = ['leaf']",
            "line 7: [x] anew: it is for chains of the lab's CA: another root would be another fault",
        ),
        (LEAST + "other_for = 'unnamed'", "line 7: [x] other_for: other and other_for need each other"),
        (LEAST + "other.leaf.key = 'p384'", "line 7: [x] other: other and other_for need each other"),
        (
            LEAST + "other_for = 'unnamed'\nother.title = 'no'",
            "line 8: [x] other.title: unknown part of a chain title; choose from leaf, staple, ",
        ),
        (
            LEAST + "severity = 'security'",
            "line 7: [x] severity: must be given for what is to be rejected, and only for that",
        ),
    ],
)
def test_mistakes(text: str, said: str, tmp_path: Path) -> None:
    """A mistake is told with file, line, table and key, and with what is wanted instead."""
    path = tmp_path / "topic.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as raised:
        read_recipes(tmp_path)
    assert str(raised.value).startswith(f"{path}, {said}")
    assert "\n" not in str(raised.value)


def test_one_id_in_two_files(tmp_path: Path) -> None:
    """An id stands in one file only."""
    for name in ("one", "two"):
        (tmp_path / f"{name}.toml").write_text("[x]\n" + WORDS)
    with pytest.raises(
        ConfigurationError, match=r"two.toml, line 1: \[x\]: this id is taken by one.toml; choose another$"
    ):
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

"""Claims about exported collections: each folder is complete, the index tells everything, and nobody else's is lost."""

from __future__ import annotations

import hashlib
import json
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import x25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12

from labserver.errors import ConfigurationError
from labserver.pki.chain import Publications
from labserver.pki.collection import FILES, Entry, export_collection
from labserver.pki.files import STORE_PASSWORD

if TYPE_CHECKING:
    from pathlib import Path

    from labserver.pki.authority import LabIssuer
    from labserver.pki.chain import Chain


def _entry(name: str, chain: Chain | None, *notes: str, public: bool = False) -> Entry:
    facts = {
        "id": name,
        "does": "It presents a | certificate.",
        "expectation": "reject",
        "severity": "high",
        "references": ["RFC 5280 6.1", "badssl: x"],
        "host_names": [f"{name}.lab.test"],
        "address": None,
        "public_keys": public,
    }
    return Entry(facts=facts, chain=chain, notes=notes)


def _lines(directory: Path) -> dict[str, dict[str, object]]:
    return {line["id"]: line for line in json.loads((directory / "index.json").read_text())["scenarios"]}


def test_folder(pki_chain: Chain, tmp_path: Path) -> None:
    """A folder has the chain's own octets in every wrapping, its keys its owner's alone."""
    told = Publications(lists={"root": b"list"})
    export_collection([_entry("one", replace(pki_chain, staple=b"yes", publications=told))], tmp_path)
    folder = tmp_path / "one"
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert modes == {name: 0o600 if name in {"key.pem", "server.p12"} else 0o644 for name in FILES}
    assert (folder / "chain.pem").read_bytes() == pki_chain.chain_pem
    assert (folder / "key.pem").read_bytes() == pki_chain.key_pem
    assert (folder / "anchors.pem").read_bytes() == pki_chain.anchors_pem
    assert (folder / "staple.der").read_bytes() == b"yes"
    assert (folder / "crls.pem").read_text() == "-----BEGIN X509 CRL-----\nbGlzdA==\n-----END X509 CRL-----\n"
    store = pkcs12.load_pkcs12((folder / "server.p12").read_bytes(), STORE_PASSWORD.encode())
    assert store.key is not None
    assert store.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()) == pki_chain.key
    held = [item.certificate.public_bytes(Encoding.DER) for item in (store.cert, *store.additional_certs) if item]
    assert tuple(held) == pki_chain.certificates


def test_index(pki_chain: Chain, tmp_path: Path) -> None:
    """Both indexes tell what is there; ``sha256sum`` agrees with the digests."""
    paths = export_collection([_entry("two", pki_chain, "Beware."), _entry("one", None, "Not here.")], tmp_path)
    assert {path.name for path in paths} == {"README.md", "SHA256SUMS", "index.json"}
    lines = _lines(tmp_path)
    assert list(lines) == ["one", "two"]
    assert (lines["one"]["files"], lines["one"]["notes"]) == ([], ["Not here."])
    assert lines["two"]["files"] == ["chain.pem", "key.pem", "anchors.pem", "server.p12"]
    readme = (tmp_path / "README.md").read_text()
    assert (
        "\n| one | It presents a \\| certificate. | reject | high | RFC 5280 6.1, badssl: x | one.lab.test |" in readme
    )
    assert "none. Not here. |\n" in readme
    assert "\n| [two](two/) |" in readme
    assert "server.p12. Beware. |\n" in readme
    assert "public knowledge" not in readme
    checked = subprocess.run(
        ["sha256sum", "-c", "SHA256SUMS"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert checked.stdout.count(": OK\n") == 4 + 2
    assert not (tmp_path / "one").exists()


def test_public_keys(pki_chain: Chain, tmp_path: Path) -> None:
    """Keys that come from a seed are said to be public."""
    export_collection([_entry("one", pki_chain, public=True)], tmp_path)
    assert "made from a seed and are public knowledge" in (tmp_path / "README.md").read_text()


def test_what_no_store_can_hold(pki_chain: Chain, tmp_path: Path) -> None:
    """A certificate or a key that PKCS #12 cannot hold is exported without, and the index says so."""
    exotic = x25519.X25519PrivateKey.generate().private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    entries = {
        "leaf": replace(pki_chain, leaf=b"\x30\x00"),
        "key": replace(pki_chain, key=b"\x30\x00"),
        "exotic": replace(pki_chain, key=exotic),
    }
    export_collection([_entry(name, chain) for name, chain in entries.items()], tmp_path)
    for name, line in _lines(tmp_path).items():
        assert line["files"] == ["chain.pem", "key.pem", "anchors.pem"]
        assert "PKCS #12" in str(line["notes"])
        assert (tmp_path / name / "chain.pem").read_bytes() == entries[name].chain_pem
    readable = subprocess.run(
        ["openssl", "asn1parse", "-in", tmp_path / "leaf/chain.pem"], capture_output=True, check=True
    )
    assert b"SEQUENCE" in readable.stdout


def test_without_anchors(pki_chain: Chain, tmp_path: Path) -> None:
    """A chain of which nobody knows who vouches for it has no file of anchors."""
    export_collection([_entry("one", replace(pki_chain, anchors=()))], tmp_path)
    assert _lines(tmp_path)["one"]["files"] == ["chain.pem", "key.pem", "server.p12"]


def test_later_exports_add(pki_chain: Chain, pki_issuer: LabIssuer, tmp_path: Path) -> None:
    """What an earlier export left stays in folder and index; what is made again is replaced."""
    export_collection([_entry("one", pki_chain), _entry("two", pki_chain)], tmp_path)
    other = pki_issuer.issue_server("new.lab.test", ())
    export_collection([_entry("two", other), _entry("three", other)], tmp_path)
    assert list(_lines(tmp_path)) == ["one", "three", "two"]
    assert (tmp_path / "one" / "key.pem").read_bytes() == pki_chain.key_pem
    assert (tmp_path / "two" / "key.pem").read_bytes() == other.key_pem
    subprocess.run(["sha256sum", "-c", "--strict", "SHA256SUMS"], cwd=tmp_path, capture_output=True, check=True)


def test_nothing_is_left_behind(pki_chain: Chain, tmp_path: Path) -> None:
    """A file that the chain no longer has is removed; what was changed since is nobody's but its owner's."""
    stapled = replace(pki_chain, staple=b"yes")
    export_collection([_entry("one", stapled), _entry("two", stapled)], tmp_path)
    (tmp_path / "two" / "staple.der").write_text("mine")
    export_collection([_entry("one", pki_chain)], tmp_path)
    assert not (tmp_path / "one" / "staple.der").exists()
    assert "one/staple.der" not in (tmp_path / "SHA256SUMS").read_text()
    with pytest.raises(ConfigurationError, match=r"already has two/chain\.pem"):
        export_collection([_entry("two", pki_chain)], tmp_path)
    assert (tmp_path / "two" / "staple.der").read_text() == "mine"


def test_what_was_changed_is_no_longer_listed(pki_chain: Chain, tmp_path: Path) -> None:
    """A folder that its owner has changed or removed since is theirs, and no longer in the index."""
    export_collection([_entry(name, pki_chain) for name in ("one", "two", "three")], tmp_path)
    (tmp_path / "one" / "key.pem").write_text("mine")
    (tmp_path / "two" / "anchors.pem").unlink()
    export_collection([_entry("four", pki_chain)], tmp_path)
    assert list(_lines(tmp_path)) == ["four", "three"]
    assert (tmp_path / "one" / "key.pem").read_text() == "mine"
    with pytest.raises(ConfigurationError, match=r"already has one/chain\.pem, one/key\.pem, .*--force overwrites"):
        export_collection([_entry("one", pki_chain)], tmp_path)
    export_collection([_entry("one", pki_chain)], tmp_path, force=True)
    assert list(_lines(tmp_path)) == ["four", "one", "three"]


@pytest.mark.parametrize("name", ["one/key.pem", "one/chain.pem", "index.json", "README.md", "SHA256SUMS"])
def test_foreign_files_are_kept(pki_chain: Chain, tmp_path: Path, name: str) -> None:
    """A file of that name which we did not write stops everything, before anything is written, unless forced."""
    (tmp_path / "one").mkdir()
    (tmp_path / name).write_text("precious")
    with pytest.raises(ConfigurationError, match=f"already has {name}, .*--force overwrites"):
        export_collection([_entry("one", pki_chain)], tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / name]
    export_collection([_entry("one", pki_chain)], tmp_path, force=True)
    assert (tmp_path / "one" / "key.pem").read_bytes() == pki_chain.key_pem


def test_somebody_elses_list(pki_chain: Chain, tmp_path: Path) -> None:
    """A list of digests that others made vouches for nothing of ours."""
    (tmp_path / "index.json").write_text("{}")
    (tmp_path / "SHA256SUMS").write_text(f"{hashlib.sha256(b'{}').hexdigest()}  index.json\n")
    with pytest.raises(ConfigurationError, match=r"already has index\.json, SHA256SUMS,"):
        export_collection([_entry("one", pki_chain)], tmp_path)


def test_links_are_not_followed(pki_chain: Chain, tmp_path: Path) -> None:
    """Even by force a link is replaced, never what it points to."""
    outside, directory = tmp_path / "outside", tmp_path / "out"
    outside.write_text("precious")
    (directory / "one").mkdir(parents=True)
    (directory / "one" / "key.pem").symlink_to(outside)
    with pytest.raises(ConfigurationError):
        export_collection([_entry("one", pki_chain)], directory)
    export_collection([_entry("one", pki_chain)], directory, force=True)
    assert outside.read_text() == "precious"


def test_an_unwritable_place_is_a_sentence(pki_chain: Chain, tmp_path: Path) -> None:
    """A file where a folder should be is told as such."""
    (tmp_path / "one").write_text("")
    with pytest.raises(ConfigurationError, match="cannot make the directory"):
        export_collection([_entry("one", pki_chain)], tmp_path)

"""``labserver certs export DIR --scenario GLOB``: many chains for servers of other makes, a folder each, with an index.

``index.json`` and ``README.md`` list every chain that is in the directory, also those of earlier exports, and
``SHA256SUMS`` proves which files are ours to overwrite. All but the PKCS #12 files, which are salted, follow from the
chains alone.
"""

from __future__ import annotations

import hashlib
import json
import re
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_private_key

from labserver.errors import ConfigurationError
from labserver.pki.anatomy import authority_keys
from labserver.pki.export import Exported, digest, key_store, refuse_foreign
from labserver.pki.files import STORE_PASSWORD, read_file
from labserver.private_files import PRIVATE, write_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from labserver.pki.chain import Chain

__all__ = ["FILES", "Entry", "export_collection"]

SCHEMA = 1
"""The version of ``index.json``; fields are added under it, never changed."""
_MAKER = "labserver certs export"
_INDEX, _README, _SUMS = "index.json", "README.md", "SHA256SUMS"
_SUM = re.compile(r"^(?P<digest>[0-9a-f]{64})  (?P<name>\S+)$", re.MULTILINE)

_CA_KEY = "Its key is also a CA's: whoever has it can vouch for other names to whoever trusts its anchors."
_PUBLIC = """**The keys here, those of the lab's CA too, were made from a seed and are public knowledge.** Whoever
trusts one of the anchors trusts everybody who can guess the text.

"""
FILES = {
    "chain.pem": "what the server presents, in that order",
    "key.pem": "its private key, not encrypted",
    "anchors.pem": "what clients are told to trust",
    "server.p12": f"key and chain together, PKCS #12, password {STORE_PASSWORD}",
    "staple.der": "what the server staples (OCSP)",
    "crls.pem": "its CAs' CRLs, for clients that are given them",
}
"""What may be in a chain's folder, and what it is for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the index."""

    facts: Mapping[str, object]
    """What is known of the scenario, as JSON has it: ``id``, the folder's name; ``public_keys``, if from a seed …"""
    chain: Chain | None
    """None if there is nothing to export."""
    notes: tuple[str, ...] = ()
    """Sentences for whoever uses it, such as why there is nothing."""

    @property
    def name(self) -> str:
        """The scenario's id."""
        return str(self.facts["id"])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Earlier:
    """What earlier exports have left in a directory."""

    digests: Mapping[str, str] = field(default_factory=dict)
    entries: Mapping[str, dict[str, object]] = field(default_factory=dict)


def export_collection(entries: Iterable[Entry], directory: Path, *, force: bool = False) -> tuple[Path, ...]:
    """Write every chain's folder and the index; return the paths of the index's files.

    A file that no export wrote, or that was changed since, is overwritten only with ``force``: ``ConfigurationError``
    names it otherwise, before anything is written.
    """
    earlier = _earlier(directory)
    files: dict[str, Exported] = {}
    lines: dict[str, dict[str, object]] = {}
    for entry in entries:
        own, notes = ((), ()) if entry.chain is None else _files(entry.chain)
        files |= {f"{entry.name}/{file.name}": file for file in own}
        lines[entry.name] = {**entry.facts, "files": [file.name for file in own], "notes": [*entry.notes, *notes]}
    stale = [name for name in earlier.digests if name.partition("/")[0] in lines and name not in files]
    files |= _indices([line for _, line in sorted({**earlier.entries, **lines}.items())])
    if not force:
        refuse_foreign(directory, [*files, *stale, _SUMS], earlier.digests)
    kept = {name: sum_ for name, sum_ in earlier.digests.items() if name.partition("/")[0] in earlier.entries}
    sums = kept | {name: hashlib.sha256(file.content).hexdigest() for name, file in files.items()}
    text = "".join(f"{sum_}  {name}\n" for name, sum_ in sorted(sums.items()) if name not in stale)
    files[_SUMS] = Exported(name=_SUMS, content=text.encode(), meaning="")
    for name, file in files.items():
        _write(directory / name, file)
    for name in stale:
        (directory / name).unlink(missing_ok=True)
    return tuple(directory / name for name in (_INDEX, _README, _SUMS))


def _indices(lines: list[dict[str, object]]) -> dict[str, Exported]:
    """Return the lists of everything, for programs and for people."""
    document = {"made_by": _MAKER, "schema": SCHEMA, "scenarios": lines}
    texts = {_INDEX: json.dumps(document, indent=1, ensure_ascii=False) + "\n", _README: _readme(lines)}
    return {name: Exported(name=name, content=text.encode(), meaning="") for name, text in texts.items()}


def _write(path: Path, file: Exported) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"cannot make the directory {path.parent}: {error.strerror}") from error
    write_file(path, file.content, mode=file.mode, durable=False)


def _files(chain: Chain) -> tuple[tuple[Exported, ...], tuple[str, ...]]:
    """Return what is in a chain's folder, and what is to be said of it."""
    contents = {"chain.pem": chain.chain_pem, "key.pem": chain.key_pem}
    notes: tuple[str, ...] = (_CA_KEY,) if _is_authoritys(chain) else ()
    if chain.anchors:
        contents["anchors.pem"] = chain.anchors_pem
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about what a scenario gets wrong on purpose
            contents["server.p12"] = key_store(chain)
    except ConfigurationError as error:
        notes += (str(error),)
    except Exception as error:  # noqa: BLE001 -- whatever the library does with what is malformed on purpose
        notes += (f"No PKCS #12: its writer cannot read the certificates or the key ({error}).",)
    if chain.staple is not None:
        contents["staple.der"] = chain.staple
    if chain.crls:
        contents["crls.pem"] = chain.crls_pem
    private = {"key.pem": {"mode": PRIVATE}, "server.p12": {"mode": PRIVATE}}
    made = (
        Exported(name=name, content=content, meaning=FILES[name], **private.get(name, {}))
        for name, content in contents.items()
    )
    return tuple(made), notes


def _is_authoritys(chain: Chain) -> bool:
    """Tell whether the server's key is that of a CA in its chain, too."""
    try:
        key = load_der_private_key(chain.key, None, unsafe_skip_rsa_key_validation=True).public_key()
        own = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return any(own == key for key in authority_keys((*chain.certificates, *chain.anchors)))


def _earlier(directory: Path) -> _Earlier:
    """Return what is there, of those chains whose files are as they were."""
    sums = directory / _SUMS
    listed = read_file(sums, "the digests").decode("utf-8", "replace") if sums.is_file() else ""
    digests = {row["name"]: row["digest"] for row in _SUM.finditer(listed)}
    index = directory / _INDEX
    if not index.is_file() or digest(index) != digests.get(_INDEX):
        return _Earlier()
    document = json.loads(index.read_bytes())
    if not isinstance(document, dict) or document.get("made_by") != _MAKER:
        return _Earlier()
    intact = {
        line["id"]: line
        for line in document["scenarios"]
        if all(_intact(directory, f"{line['id']}/{name}", digests) for name in line["files"])
    }
    return _Earlier(digests=digests | {_SUMS: digest(sums)}, entries=intact)


def _intact(directory: Path, name: str, digests: Mapping[str, str]) -> bool:
    return (directory / name).is_file() and digest(directory / name) == digests.get(name)


def _readme(lines: list[dict[str, object]]) -> str:
    rows = "".join(_row(line) for line in lines)
    warning = _PUBLIC if any(line["public_keys"] for line in lines) else ""
    kinds = "".join(f"| `{name}` | {meaning} |\n" for name, meaning in FILES.items())
    return f"""# Certificate chains exported by labserver

Each folder has what a server needs to present one chain, good or bad, and what a client must trust to meet it as it is
meant. Let a server have `chain.pem` and `key.pem`, have its clients connect by one of the names, and see what they do:

    ssl_certificate DIR/expired/chain.pem;             # nginx
    ssl_certificate_key DIR/expired/key.pem;
    ssl_cert = <DIR/expired/chain.pem                  # Dovecot 2.3
    ssl_key = <DIR/expired/key.pem
    smtpd_tls_chain_files = DIR/expired/key.pem, DIR/expired/chain.pem    # Postfix

Whoever has this directory has the servers' keys; the keys of the CAs that belong to one chain only are gone.
{warning}Trust the anchors for tests only. `index.json` has the same for programs.

| file | what it is |
|---|---|
{kinds}
| scenario | what the server does | a correct client | severity | see | reached as | files and notes |
|---|---|---|---|---|---|---|
{rows}"""


def _row(line: Mapping[str, object]) -> str:
    """Return an entry's row; a vertical bar in a text would begin a new cell."""
    texts = {key: ", ".join(map(str, value)) if isinstance(value, list) else str(value) for key, value in line.items()}
    names = f"[{texts['id']}]({texts['id']}/)" if texts["files"] else texts["id"]
    notes = " ".join((f"{texts['files'] or 'none'}.", *_list(line["notes"])))
    reached = ", ".join(filter(None, (texts["host_names"], texts["address"] if line["address"] else "")))
    cells = (names, texts["does"], texts["expectation"], texts["severity"], texts["references"], reached, notes)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _list(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []

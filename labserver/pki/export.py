"""``labserver certs export DIR``: the same certificates in every wrapping that clients, servers and stores ask for."""

from __future__ import annotations

import hashlib
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import PrivateFormat, load_der_private_key, pkcs12

from labserver.errors import ConfigurationError
from labserver.pki.chain import certificates_pem
from labserver.pki.files import STORE_PASSWORD, read_file
from labserver.private_files import PRIVATE, PUBLIC, write_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from labserver.pki.chain import Chain

__all__ = [
    "INDEX",
    "Exported",
    "client_files",
    "digest",
    "export",
    "key_store",
    "refuse_foreign",
    "server_files",
    "trust_files",
]

INDEX = "README.md"
"""The file that lists the others; with their digests it also proves which ones are ours to overwrite."""

_ENCRYPTION = (
    PrivateFormat.PKCS12.encryption_builder()
    .key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC)
    .hmac_hash(SHA256())
    .kdf_rounds(2048)
    .build(STORE_PASSWORD.encode())
)
"""As the openssl command has it; more rounds would guard a password that everybody knows."""
_TOLD = 10
"""How many files are named that stand in the way."""
_DIGEST_ROW = re.compile(r"^\| `(?P<name>[^`]+)` \|.*\| `(?P<digest>[0-9a-f]{64})` \|$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """One file to write."""

    name: str
    content: bytes
    meaning: str
    """What it is for, in a phrase."""
    mode: int = PUBLIC


def trust_files(anchors: tuple[bytes, ...]) -> tuple[Exported, ...]:
    """Return what clients need: the anchors (DER) as PEM, DER and Java trust store; nothing when there are none.

    There is no trust store of certificates that its writer cannot read, as those of recipes may be. PKCS #12 salts are
    random, so ``ca.p12`` differs from one time to the next even where its certificate is the same.
    """
    if not anchors:
        return ()
    pem_file = certificates_pem(anchors)
    store: tuple[Exported, ...] = ()
    with suppress(ValueError):
        meaning = f"the same, a Java trust store, password {STORE_PASSWORD}"
        store = (Exported(name="ca.p12", content=_trust_store(anchors), meaning=meaning),)
    return (
        Exported(name="ca.pem", content=pem_file, meaning="the CA, PEM: for nearly every client"),
        Exported(
            name="ca.crt", content=pem_file, meaning="the same, named for update-ca-certificates, Windows and Android"
        ),
        Exported(name="ca.der", content=anchors[0], meaning="the same, DER: for Java's keytool and mobile devices"),
        *store,
    )


def server_files(chain: Chain) -> tuple[Exported, ...]:
    """Return what a server that is to present ``chain`` needs."""
    return _own_files(chain, "server")


def client_files(chain: Chain) -> tuple[Exported, ...]:
    """Return what a client that is to present ``chain`` needs."""
    together = Exported(
        name="client.pem",
        content=chain.key_pem + chain.chain_pem,
        meaning="key and chain together, PEM: curl --cert, mutt's ssl_client_cert",
        mode=PRIVATE,
    )
    return (*_own_files(chain, "client"), together)


def _own_files(chain: Chain, side: str) -> tuple[Exported, ...]:
    return (
        Exported(name="cert.pem", content=chain.leaf_pem, meaning=f"the {side}'s certificate alone"),
        Exported(name="chain.pem", content=chain.chain_pem, meaning=f"the {side}'s certificate and its intermediates"),
        Exported(name="key.pem", content=chain.key_pem, meaning=f"the {side}'s private key", mode=PRIVATE),
        Exported(
            name=f"{side}.p12",
            content=key_store(chain),
            meaning=f"key and chain together, PKCS #12, password {STORE_PASSWORD}",
            mode=PRIVATE,
        ),
    )


def export(
    chain: Chain,
    directory: Path,
    *,
    own: Callable[[Chain], tuple[Exported, ...]] = server_files,
    force: bool = False,
) -> tuple[Path, ...]:
    """Write every file and the index into ``directory``, made if need be; return their paths.

    ``own`` is what whoever presents the chain needs besides the CA: ``server_files`` or ``client_files``. A file that
    an earlier export did not write, or that was changed since, is overwritten only with ``force``:
    ``ConfigurationError`` names it otherwise, before anything is written.
    """
    files = (*trust_files(chain.anchors), *own(chain))
    files = (*files, Exported(name=INDEX, content=_index(files), meaning="this list"))
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"cannot make the directory {directory}: {error.strerror}") from error
    if not force:
        refuse_foreign(directory, [file.name for file in files], _listed(directory))
    for file in files:
        write_file(directory / file.name, file.content, mode=file.mode)
    return tuple(directory / file.name for file in files)


def refuse_foreign(directory: Path, names: Sequence[str], ours: Mapping[str, str]) -> None:
    """Raise ``ConfigurationError`` if a file of these names exists that is not as in ``ours``, digests by names."""
    foreign = [
        name
        for name in names
        if ((path := directory / name).exists() or path.is_symlink())
        and (path.is_symlink() or not path.is_file() or digest(path) != ours.get(name))
    ]
    if foreign:
        told = foreign if len(foreign) <= _TOLD else [*foreign[:_TOLD], "…"]
        raise ConfigurationError(
            f"{directory} already has {', '.join(told)}, not as labserver wrote it: --force overwrites"
        )


def digest(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal."""
    return hashlib.sha256(read_file(path, "the exported file")).hexdigest()


def _listed(directory: Path) -> dict[str, str]:
    """Return the digests that an earlier export's index vouches for."""
    index = directory / INDEX
    listed = read_file(index, "the index").decode("utf-8", "replace") if index.is_file() else ""
    if not listed.startswith(_TITLE):
        return {}
    return {row["name"]: row["digest"] for row in _DIGEST_ROW.finditer(listed)} | {INDEX: digest(index)}


_TITLE = "# Certificates exported by labserver\n"


def _index(files: tuple[Exported, ...]) -> bytes:
    rows = "".join(
        f"| `{file.name}` | {file.meaning} | `{hashlib.sha256(file.content).hexdigest()}` |\n" for file in files
    )
    return f"""{_TITLE}
Trust the CA for tests only, and remove it from every store when you are done.

| file | what it is | SHA-256 of the file |
|---|---|---|
{rows}""".encode()


def _trust_store(anchors: tuple[bytes, ...]) -> bytes:
    """Return a PKCS #12 that Java sees entries in: those need an attribute of Oracle's that ordinary ones lack."""
    entries = [
        pkcs12.PKCS12Certificate(x509.load_der_x509_certificate(der), f"labserver-{place}".encode())
        for place, der in enumerate(anchors, start=1)
    ]
    return pkcs12.serialize_java_truststore(entries, _ENCRYPTION)


def key_store(chain: Chain) -> bytes:
    """Return key and chain as PKCS #12.

    Raises ``ConfigurationError`` for a key that it cannot hold, ValueError for a certificate that the parser refuses.
    """
    leaf, *others = (x509.load_der_x509_certificate(der) for der in chain.certificates)
    key = load_der_private_key(chain.key, None, unsafe_skip_rsa_key_validation=True)  # 16384 bits would take seconds
    if not isinstance(key, get_args(pkcs12.PKCS12PrivateKeyTypes)):
        raise ConfigurationError(f"PKCS #12 cannot hold a key of this kind: {type(key).__name__}")
    return pkcs12.serialize_key_and_certificates(b"labserver", key, leaf, others, _ENCRYPTION)

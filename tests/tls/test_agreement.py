"""What a server agrees to besides versions: each engine serves what it can and refuses the rest when it is made."""

from __future__ import annotations

import re
import ssl
import subprocess
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from OpenSSL import SSL
from OpenSSL._util import lib

from labserver.errors import ConfigurationError
from labserver.tls.diffie_hellman import WEAK, parameters
from labserver.tls.engine import TlsSettings, make_engines, make_engines_of
from labserver.tls.openssl import PRIVATE, agree_on
from labserver.tls.probe import unavailable
from tests.patience import PATIENCE
from tests.tls.clients import NAME, Client, OpensslClient, StdlibClient, TlsliteClient, shake

if TYPE_CHECKING:
    from collections.abc import Callable

ENGINES = ("openssl", "stdlib", "tlslite")
TO_1_2 = {"maximum": "TLSv1.2"}
EVERYTHING = b"ALL:COMPLEMENTOFALL:@SECLEVEL=0"


def _any_openssl(*, newest: int = SSL.TLS1_3_VERSION, groups: str = "", signatures: str = "") -> Client:
    """Return OpenSSL's client that takes whatever it knows."""
    client = OpensslClient(version=newest)
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_cipher_list(EVERYTHING)
    context.set_min_proto_version(SSL.TLS1_VERSION)
    context.set_max_proto_version(newest)
    context.set_tls13_ciphersuites(b"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_AES_128_CCM_8_SHA256")
    agree_on(context, groups=tuple(groups.split()), signatures=tuple(signatures.split()))
    client.tls = SSL.Connection(context, None)
    client.tls.set_connect_state()
    return client


def _openssl() -> Client:
    return _any_openssl(newest=SSL.TLS1_2_VERSION)


def _stdlib() -> Client:
    return StdlibClient(ca=None, version=ssl.TLSVersion.TLSv1_2, ciphers=EVERYTHING.decode())


def _tlslite(oldest: int = 1, newest: int = 3, **more: object) -> Callable[[], Client]:
    return lambda: TlsliteClient(versions=(oldest, newest), limits=more)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What is asked for, which engines serve it, and what clients then get."""

    asked: dict[str, Any]
    engines: tuple[str, ...] = ENGINES
    clients: tuple[Callable[[], Client], ...] = (_openssl, _stdlib)
    agreed: dict[str, str] = field(default_factory=dict)
    """Facts."""
    refused: tuple[Callable[[], Client], ...] = (lambda: OpensslClient(version=SSL.TLS1_2_VERSION),)
    """Clients that share nothing with such a server."""
    key: str = "RSA"


_MODERN = (lambda: StdlibClient(ca=None, version=ssl.TLSVersion.TLSv1_2),)


def _1_3() -> Client:
    return _any_openssl(groups="X25519 P-521 brainpoolP256r1 ffdhe2048")


def _openssl_1_3() -> Client:
    return _any_openssl()


_FFDHE: dict[str, Any] = {"ciphers": "DHE-RSA-AES128-GCM-SHA256", **TO_1_2}
_OLD_CURVES: dict[str, Any] = {
    "eccCurves": ["secp192r1", "secp224r1"],
    "keyShares": ["secp192r1"],
    "defaultCurve": "secp192r1",
}
ROWS: dict[str, Row] = {
    "RC4": Row(
        asked={"ciphers": "RC4-SHA", **TO_1_2},
        engines=("tlslite",),
        clients=(_tlslite(),),
        agreed={"cipher": "RC4-SHA"},
    ),
    "RC4 in old versions": Row(
        asked={"minimum": "SSLv3", "ciphers": "RC4-SHA", **TO_1_2},
        engines=("tlslite",),
        clients=(_tlslite(0, 3), _tlslite(0, 2), _tlslite(0, 1), _tlslite(0, 0)),
        agreed={"cipher": "RC4-SHA"},
    ),
    "RC4 with ECDSA": Row(
        asked={"ciphers": "RC4+ECDSA", **TO_1_2},
        engines=("tlslite",),
        clients=(_tlslite(),),
        agreed={"cipher": "ECDHE-ECDSA-RC4-SHA"},
        key="ECDSA",
    ),
    "a word": Row(
        asked={"ciphers": "RC4", **TO_1_2},
        engines=("tlslite",),
        clients=(_tlslite(),),
        agreed={"cipher": "ECDHE-RSA-RC4-SHA"},
        refused=(lambda: TlsliteClient(versions=(1, 3), anonymous=True),),
    ),
    "3DES": Row(
        asked={"ciphers": "3DES+kRSA", **TO_1_2},
        engines=("tlslite",),
        clients=(_tlslite(),),
        agreed={"cipher": "DES-CBC3-SHA"},
    ),
    "in this order": Row(
        asked={"ciphers": "AES128-SHA:RC4-SHA", **TO_1_2},
        engines=("tlslite",),
        clients=(_tlslite(), _stdlib),
        agreed={"cipher": "AES128-SHA"},
        refused=(),
    ),
    "no encryption": Row(
        asked={"ciphers": "NULL-SHA256:NULL-SHA", **TO_1_2},
        clients=(_openssl, _stdlib, _tlslite()),
        agreed={"cipher": "NULL-SHA256"},
        refused=_MODERN,
    ),
    "no authentication": Row(
        asked={"ciphers": "AECDH-AES128-SHA", **TO_1_2},
        clients=(_openssl, _stdlib, lambda: TlsliteClient(versions=(1, 3), anonymous=True)),
        agreed={"cipher": "AECDH-AES128-SHA"},
        refused=_MODERN,
    ),
    "no authentication, DH": Row(
        asked={"ciphers": "ADH-AES128-SHA", **TO_1_2},
        agreed={"cipher": "ADH-AES128-SHA"},
        refused=_MODERN,
    ),
    "SEED": Row(
        asked={"ciphers": "SEED-SHA", **TO_1_2},
        engines=("openssl",),
        clients=(_openssl,),
        agreed={"cipher": "SEED-SHA"},
        refused=_MODERN,
    ),
    "CAMELLIA": Row(
        asked={"ciphers": "CAMELLIA128-SHA", **TO_1_2},
        engines=("openssl", "stdlib"),
        agreed={"cipher": "CAMELLIA128-SHA"},
        refused=_MODERN,
    ),
    "not AES": Row(
        asked={"ciphers": "kECDHE+aRSA:!AES:!NULL", **TO_1_2},
        agreed={"cipher": "ECDHE-RSA-CHACHA20-POLY1305"},
        refused=(_tlslite(cipherNames=["aes128gcm"]),),
    ),
    "EXPORT": Row(asked={"ciphers": "EXP-RC4-MD5", **TO_1_2}, engines=()),
    "a suite that nobody knows": Row(asked={"ciphers": "AES128-SHA:NOTHING", **TO_1_2}, engines=()),
    "SSL 3.0": Row(
        asked={"minimum": "SSLv3", "maximum": "SSLv3"},
        engines=("tlslite",),
        clients=(_tlslite(0, 0), _tlslite(0, 3)),
        agreed={"version": "SSLv3"},
    ),
    "TLS 1.0": Row(
        asked={"minimum": "TLSv1", "maximum": "TLSv1"},
        clients=(_openssl, _tlslite()),
        agreed={"version": "TLSv1"},
    ),
    "TLS 1.1 with ECDSA": Row(
        asked={"minimum": "TLSv1.1", "maximum": "TLSv1.1"},
        clients=(_openssl, _tlslite()),
        agreed={"version": "TLSv1.1"},
        key="ECDSA",
    ),
    "a suite of TLS 1.3": Row(
        asked={"suites": ("TLS_AES_128_CCM_8_SHA256",)},
        engines=("openssl", "tlslite"),
        clients=(_openssl_1_3,),
        agreed={"version": "TLSv1.3", "cipher": "TLS_AES_128_CCM_8_SHA256"},
        refused=(OpensslClient,),
    ),
    "a suite of TLS 1.3 that nobody knows": Row(asked={"suites": ("TLS_NULL",)}, engines=()),
    "DH of 512 bits": Row(
        asked={"groups": ("dh512",), **_FFDHE},
        engines=("tlslite",),
        clients=(),
        refused=(_openssl, _stdlib),
    ),
    "DH of 768 bits": Row(
        asked={"groups": ("dh768",), **_FFDHE},
        engines=("tlslite",),
        clients=(),
        refused=(_openssl, _stdlib),
    ),
    "DH of 1024 bits": Row(
        asked={"groups": ("dh1024",), **_FFDHE},
        engines=("stdlib", "tlslite"),
        clients=(_openssl, _stdlib, _tlslite()),
        refused=_MODERN,
    ),
    "DH as agreed on": Row(
        asked={"groups": ("ffdhe2048",), **_FFDHE},
        clients=(_openssl, _stdlib),
        refused=(lambda: StdlibClient(ca=None, version=ssl.TLSVersion.TLSv1_2, ciphers="ECDHE"),),
    ),
    "P-521": Row(
        asked={"groups": ("P-521",)},
        clients=(_1_3, _stdlib),
        agreed={"group": "secp521r1"},
        refused=(lambda: _any_openssl(groups="X25519"),),
    ),
    "X448 or P-384": Row(
        asked={"groups": ("X448", "secp384r1")},
        engines=("openssl", "tlslite"),
        clients=(lambda: _any_openssl(groups="X448 P-384"),),
        agreed={"group": "x448"},
        refused=(lambda: _any_openssl(groups="X25519"),),
    ),
    "P-192": Row(
        asked={"groups": ("secp192r1",), "ciphers": "ECDHE-RSA-AES128-SHA", **TO_1_2},
        engines=("stdlib", "tlslite"),
        clients=(_tlslite(**_OLD_CURVES),),
        refused=(_openssl,),
    ),
    "ML-KEM": Row(
        asked={"groups": ("X25519MLKEM768",)},
        engines=("openssl",),
        clients=(_openssl_1_3,),
        agreed={"group": "X25519MLKEM768"},
        refused=(lambda: StdlibClient(ca=None),),
    ),
    "a group that nobody knows": Row(asked={"groups": ("P-257",)}, engines=()),
    "SHA-1": Row(
        asked={"signatures": ("RSA+SHA1",), **TO_1_2},
        engines=("openssl", "tlslite"),
        clients=(_openssl, _stdlib),
        refused=_MODERN,
    ),
    "MD5": Row(
        asked={"signatures": ("rsa_pkcs1_md5",), **TO_1_2, "ciphers": "kECDHE+aRSA"},
        engines=("tlslite",),
        clients=(_tlslite(),),
        refused=(_openssl, _stdlib),
    ),
    "PSS only": Row(
        asked={"signatures": ("rsa_pss_rsae_sha384",)},
        engines=("openssl", "tlslite"),
        clients=(_openssl_1_3, _stdlib),
        refused=(lambda: _any_openssl(newest=SSL.TLS1_3_VERSION, signatures="rsa_pss_rsae_sha256"),),
    ),
    "a signature scheme that nobody knows": Row(asked={"signatures": ("RSA+SHA3",)}, engines=()),
}


def _settings(key: str, asked: dict[str, Any], chains: dict[str, TlsSettings]) -> TlsSettings:
    return replace(chains[key], **asked)


@pytest.fixture(scope="module")
def chains(authority: trustme.CA) -> dict[str, TlsSettings]:
    """Return what is presented, by the kind of key."""
    made = {}
    for key in ("RSA", "ECDSA"):
        leaf = authority.issue_cert(NAME, key_type=trustme.KeyType[key])
        made[key] = TlsSettings(
            certificate_chain=b"".join(blob.bytes() for blob in leaf.cert_chain_pems),
            private_key=leaf.private_key_pem.bytes(),
        )
    return made


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ROWS)
def test_made(name: str, engine: str, chains: dict[str, TlsSettings]) -> None:
    """An engine that cannot serve something says so when it is made, with or without a chain; the others are made."""
    settings = _settings(ROWS[name].key, ROWS[name].asked, chains)
    for one in (settings, replace(settings, certificate_chain=b"", private_key=b"")):
        if engine in ROWS[name].engines:
            make_engines(engine, one)()
        else:
            with pytest.raises(ConfigurationError):
                make_engines(engine, one)()


SERVED = [(name, engine) for name, row in ROWS.items() for engine in row.engines]


@pytest.mark.parametrize(("name", "engine"), SERVED)
def test_agreed(name: str, engine: str, chains: dict[str, TlsSettings]) -> None:
    """Clients that take it get it and nothing else, and hear and say something."""
    row = ROWS[name]
    make = make_engines(engine, _settings(row.key, row.asked, chains))
    for client in (make_client() for make_client in row.clients):
        server = make()
        server.send(b"s" * 20_000)
        heard, _ = shake(client, server)
        assert (client.error, server.failure) == ("", None)
        client.send(b"c" * 20_000)
        assert (heard, shake(client, server)[1]) == (b"s" * 20_000, b"c" * 20_000)
        facts = server.facts()
        agreed = {fact: getattr(facts, fact) or wanted for fact, wanted in row.agreed.items()}
        assert agreed == row.agreed  # stdlib does not know the group


@pytest.mark.parametrize(("name", "engine"), SERVED)
def test_refused(name: str, engine: str, chains: dict[str, TlsSettings]) -> None:
    """Clients that do not take it get nothing."""
    row = ROWS[name]
    make = make_engines(engine, _settings(row.key, row.asked, chains))
    for client in (make_client() for make_client in row.refused):
        server = make()
        shake(client, server)
        assert client.error
        assert not server.established
        assert server.failure is not None


@pytest.mark.parametrize(("name", "engine"), SERVED)
def test_probed(name: str, engine: str, chains: dict[str, TlsSettings]) -> None:
    """The probe finds all of it."""
    assert unavailable(_settings(ROWS[name].key, ROWS[name].asked, chains), engine) is None


@pytest.mark.parametrize("name", ROWS)
def test_whoever_can(name: str, chains: dict[str, TlsSettings]) -> None:
    """The first engine that can is taken; if none can, the reason of each is told."""
    row = ROWS[name]
    settings = _settings(row.key, row.asked, chains)
    if row.engines:
        server = make_engines_of(ENGINES, settings)()
        assert row.engines[0] in type(server).__name__.lower()
    else:
        with pytest.raises(ConfigurationError, match=r"openssl: .+; stdlib: .+; tlslite: .+"):
            make_engines_of(ENGINES, settings)


def test_a_key_that_no_suite_wants(chains: dict[str, TlsSettings]) -> None:
    """Suites that have no use for the certificate are found out, by the engine or by the probe."""
    asked = {"ciphers": "kRSA+AES128", **TO_1_2}
    settings = _settings("ECDSA", asked, chains)
    with pytest.raises(ConfigurationError, match="a key of ecdsa is of no use"):
        make_engines("tlslite", settings)()
    for engine in ("openssl", "stdlib"):
        assert "no shared cipher" in (unavailable(settings, engine) or "")


@pytest.mark.parametrize("group", WEAK)
def test_the_prime_that_is_shown(group: str, chains: dict[str, TlsSettings]) -> None:
    """A client that knows better groups, and names them, is shown the weak one all the same."""
    server = make_engines("tlslite", replace(chains["RSA"], groups=(group,), **_FFDHE))()
    client = _openssl()
    client.step()
    server.receive(client.outgoing())
    assert server.decrypted() == b""
    prime = WEAK[group].to_bytes(WEAK[group].bit_length() // 8)
    assert len(prime).to_bytes(2) + prime in server.outgoing()


PROTOCOLS = pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])


@PROTOCOLS
@pytest.mark.parametrize("engine", ["openssl", "tlslite"])
@pytest.mark.parametrize(("alpn", "error"), [("imap", ""), ("h2", "bad extension|BAD_EXTENSION")])
def test_alpn(alpn: str, error: str, engine: str, version: ssl.TLSVersion, chains: dict[str, TlsSettings]) -> None:
    """ALPN says what it is to say, offered or not, to a client that offers anything, and to no other."""
    make = make_engines(engine, replace(chains["RSA"], alpn=alpn))
    client, server = StdlibClient(ca=None, version=version, protocols=("imap", "pop3")), make()
    shake(client, server)
    if error:
        assert re.search(error, client.error)
    else:
        assert client.tls.selected_alpn_protocol() == server.facts().alpn == alpn
    client, server = StdlibClient(ca=None, version=version), make()
    shake(client, server)
    assert server.established
    assert (client.tls.selected_alpn_protocol(), server.facts().alpn) == (None, "")


@PROTOCOLS
@pytest.mark.parametrize("engine", ["openssl", "tlslite"])
def test_no_application_protocol(engine: str, version: ssl.TLSVersion, chains: dict[str, TlsSettings]) -> None:
    """A client that offers protocols may be refused for that, and only for that (RFC 7301 3.2)."""
    make = make_engines(engine, replace(chains["RSA"], alpn=""))
    client, server = StdlibClient(ca=None, version=version, protocols=("imap",)), make()
    shake(client, server)
    assert re.search("no.application.protocol", client.error.lower())
    assert server.failure is not None
    assert server.failure.intended
    shake(StdlibClient(ca=None, version=version), server := make())
    assert server.established


def test_what_stdlib_has_no_interface_for(chains: dict[str, TlsSettings]) -> None:
    """The standard library does not pretend to answer ALPN."""
    with pytest.raises(ConfigurationError, match="answers ALPN with nothing"):
        make_engines("stdlib", replace(chains["RSA"], alpn="imap"))()


def test_client_certificates_are_not_for_tlslite(chains: dict[str, TlsSettings]) -> None:
    """What cannot verify certificates requires none."""
    with pytest.raises(ConfigurationError, match="verifies no client certificates"):
        make_engines("tlslite", replace(chains["RSA"], client_required=True))()


@pytest.mark.parametrize("name", PRIVATE)
def test_private(name: str) -> None:
    """What pyOpenSSL binds without a name of its own is there."""
    assert callable(getattr(lib, name))


@pytest.mark.parametrize("name", WEAK)
def test_weak_groups(name: str) -> None:
    """Their primes are safe primes of the size that they are called by: they are weak by their size alone."""
    prime = WEAK[name]
    assert prime.bit_length() == int(name.removeprefix("dh"))
    for number in (prime, (prime - 1) // 2):
        assert all(pow(base, number - 1, number) == 1 for base in (2, 3, 5, 7, 11, 13))
    done = subprocess.run(
        ["openssl", "dhparam", "-text", "-noout"],
        input=parameters(name),
        capture_output=True,
        timeout=PATIENCE,
        check=True,
    )
    assert f"DH Parameters: ({prime.bit_length()} bit)" in done.stdout.decode()

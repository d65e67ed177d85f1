"""SCRAM: the RFCs' own examples, a client of its own, and every way to be refused."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any

import pytest

from labserver.sasl.mechanism import MechanismError, Success
from labserver.sasl.scram import Scram

if TYPE_CHECKING:
    from tests.sasl.conftest import Stage

RFC_5802 = (
    "sha1",
    b"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
    "3rfcNHYJY1ZVvWVs7j",
    "QSXCR+Q6sek8bf92",
    b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
    b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
    b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
)
RFC_7677 = (
    "sha256",
    b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
    "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
    "W22ZaJ0SNY7soEsUEjb6gQ==",
    b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
    b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
    b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
)


@pytest.mark.parametrize("example", [RFC_5802, RFC_7677], ids=["RFC 5802 5", "RFC 7677 3"])
def test_the_rfcs_examples(stage: Stage, example: tuple[str, bytes, str, str, bytes, bytes, bytes]) -> None:
    """With the examples' nonce and salt, every octet of the server is the examples'."""
    digest, first, nonce, salt, challenge, final, proof = example
    stage.tunnel.bindings.clear()
    mechanism = Scram(digest=digest, plus=False)
    exchange = mechanism.exchange(stage.roster, stage.tunnel, nonce=nonce, salt=lambda _: b64decode(salt))
    assert next(exchange) == b""
    assert exchange.send(first) == challenge
    with pytest.raises(StopIteration) as stop:
        exchange.send(final)
    assert stop.value.value == Success(account="user", proof=proof)


def signed(digest: str, password: str, messages: tuple[str, str, str]) -> tuple[bytes, bytes]:
    """Return the client's last message and the proof the server owes, straight from RFC 5802 3."""
    first, challenge, unsigned = messages
    fields = dict(field.split("=", 1) for field in challenge.split(","))
    salted = hashlib.pbkdf2_hmac(digest, password.encode(), b64decode(fields["s"]), int(fields["i"]))
    client_key = hmac.digest(salted, b"Client Key", digest)
    message = f"{first},{challenge},{unsigned}".encode()
    signature = hmac.digest(hashlib.new(digest, client_key).digest(), message, digest)
    proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
    server = hmac.digest(hmac.digest(salted, b"Server Key", digest), message, digest)
    return f"{unsigned},p={b64encode(proof).decode()}".encode(), b"v=" + b64encode(server)


def authenticate(  # noqa: PLR0913 -- every field of the dialogue can be wrong
    stage: Stage,
    mechanism: str,
    *,
    name: str = "alice",
    password: str | None = None,
    header: str = "n,,",
    binding: bytes = b"",
    extension: str = "",
    repeated: str | None = None,
    nonce: str | None = None,
) -> tuple[Success, bytes]:
    """Be a client; return the server's success and the proof it owes."""
    exchange = stage.begin(mechanism)
    next(exchange)
    first = f"n={name},r=rOprNGfwEbeRWgbNEkqO{extension}"
    challenge = exchange.send((header + first).encode()).decode()
    both = challenge.split(",")[0].removeprefix("r=") if nonce is None else nonce
    repeated_header = b64encode((header if repeated is None else repeated).encode() + binding).decode()
    digest = "sha256" if "256" in mechanism else "sha1"
    final, proof = signed(
        digest,
        "secret" if password is None else password,
        (first, challenge, f"c={repeated_header},r={both}{extension}"),
    )
    try:
        exchange.send(final)
    except StopIteration as stop:
        return stop.value, proof
    raise AssertionError("the server has one more challenge")


PLAIN_FORMS: list[dict[str, Any]] = [
    {},
    {"name": "alice@lab.test"},
    {"name": "Alice"},
    {"header": "n,a=alice@lab.test,"},
    {"name": "bob", "password": "pässword"},
    {"extension": ",x=unknown"},
    {"name": "\uff41lice"},
    {"name": "al\u00adice"},
]


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-1", "SCRAM-SHA-256"])
@pytest.mark.parametrize("form", PLAIN_FORMS, ids=str)
def test_a_client_that_knows_the_password(stage: Stage, mechanism: str, form: dict[str, Any]) -> None:
    """Any spelling of the account succeeds, and the server proves that it knows the password too."""
    success, proof = authenticate(stage, mechanism, **form)
    assert success == Success(account="bob" if form.get("name") == "bob" else "alice", proof=proof)


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS"])
@pytest.mark.parametrize("kind", ["tls-exporter", "tls-server-end-point", "tls-unique"])
def test_a_bound_channel(stage: Stage, mechanism: str, kind: str) -> None:
    """Every binding type the channel has works."""
    stage.tunnel.bindings["tls-unique"] = b"U" * 12
    binding = stage.tunnel.bindings[kind]
    success, proof = authenticate(stage, mechanism, header=f"p={kind},,", binding=binding)
    assert success == Success(account="alice", proof=proof)


def test_y_is_the_truth_without_a_binding(stage: Stage) -> None:
    """A client that could bind succeeds where the server cannot."""
    stage.tunnel.bindings.clear()
    success, _ = authenticate(stage, "SCRAM-SHA-256", header="y,,")
    assert success.account == "alice"


@pytest.mark.parametrize(
    ("mechanism", "fields", "value"),
    [
        ("SCRAM-SHA-256", {"password": "wrong"}, "invalid-proof"),
        ("SCRAM-SHA-256", {"name": "nobody"}, "invalid-proof"),
        ("SCRAM-SHA-256", {"name": "nobody", "password": ""}, "invalid-proof"),
        ("SCRAM-SHA-256", {"nonce": "rOprNGfwEbeRWgbNEkqO"}, "other-error"),
        ("SCRAM-SHA-256", {"header": "n,a=bob,"}, "other-error"),
        ("SCRAM-SHA-256", {"repeated": "n,a=bob,"}, "channel-bindings-dont-match"),
        ("SCRAM-SHA-256", {"repeated": "y,,"}, "channel-bindings-dont-match"),
        ("SCRAM-SHA-256", {"header": "y,,"}, "server-does-support-channel-binding"),
        ("SCRAM-SHA-256", {"header": "p=tls-exporter,,"}, "channel-binding-not-supported"),
        ("SCRAM-SHA-256", {"name": "\u0627x"}, "invalid-username-encoding"),
        ("SCRAM-SHA-256", {"name": "\u00ad"}, "invalid-username-encoding"),
        ("SCRAM-SHA-256", {"name": ""}, "invalid-username-encoding"),
        ("SCRAM-SHA-256", {"password": ""}, "invalid-proof"),
        ("SCRAM-SHA-256", {"name": "\x07"}, "invalid-username-encoding"),
        ("SCRAM-SHA-256-PLUS", {"header": "n,,"}, "server-does-support-channel-binding"),
        ("SCRAM-SHA-256-PLUS", {"header": "y,,"}, "server-does-support-channel-binding"),
        ("SCRAM-SHA-256-PLUS", {"header": "p=tls-unique,,"}, "unsupported-channel-binding-type"),
        ("SCRAM-SHA-256-PLUS", {"header": "p=tls-nonsense,,"}, "unsupported-channel-binding-type"),
        ("SCRAM-SHA-256-PLUS", {"header": "p=tls-exporter,,"}, "channel-bindings-dont-match"),
        (
            "SCRAM-SHA-256-PLUS",
            {"header": "p=tls-exporter,,", "binding": b"X" * 32},
            "channel-bindings-dont-match",
        ),
        (
            "SCRAM-SHA-256-PLUS",
            {"header": "p=tls-exporter,,", "repeated": "n,,", "binding": b"E" * 32},
            "channel-bindings-dont-match",
        ),
    ],
)
def test_refusals_have_their_value(stage: Stage, mechanism: str, fields: dict[str, Any], value: str) -> None:
    """RFC 5802 7: what is refused says why, as ``e=``."""
    with pytest.raises(MechanismError) as caught:
        authenticate(stage, mechanism, **fields)
    assert (caught.value.malformed, caught.value.challenge) == (False, f"e={value}".encode())


def test_a_mandatory_extension_is_refused(stage: Stage) -> None:
    """RFC 5802 5.1: ``m=`` must fail."""
    error = stage.play("SCRAM-SHA-256", b"n,,m=x,n=alice,r=abc").error
    assert error is not None
    assert error.challenge == b"e=extensions-not-supported"


@pytest.mark.parametrize(
    "first",
    [
        b"",
        b"n=alice,r=abc",
        b"n,n=alice,r=abc",
        b"x,,n=alice,r=abc",
        b"F,n,,n=alice,r=abc",
        b"n,a=,n=alice,r=abc",
        b"n,a=a=b,n=alice,r=abc",
        b"n,,n=alice",
        b"n,,n=alice,r=",
        b"n,,n=alice,r=a b",
        b"n,,n=al=ice,r=abc",
        b"n,,n=al=2cice,r=abc",
        b"n,,r=abc,n=alice",
        b"n,,n=alice,r=abc,",
        b"n,,n=alice,r=abc,nonsense",
        b"n,,n=\xff,r=abc",
        b"n,,n=a\0b,r=abc",
        b"p=,,n=alice,r=abc",
        b"p=a_b,,n=alice,r=abc",
    ],
)
def test_malformed_first_messages(stage: Stage, first: bytes) -> None:
    """What is not client-first-message is malformed."""
    error = stage.play("SCRAM-SHA-256", first).error
    assert error is not None
    assert (error.malformed, error.challenge) == (True, b"")


@pytest.mark.parametrize(
    "final",
    [
        b"",
        b"c=biws",
        b"c=biws,r={nonce}",
        b"r={nonce},c=biws,p=AAAA",
        b"c=biws,r={nonce},p=",
        b"c=biws,r={nonce},p=AAA",
        b"c=biw,r={nonce},p=AAAA",
        b"c=biws,r={nonce},p=AAAA,x=y",
        b"c=biws,r={nonce},p=AAAA\0",
        b"c=biws,r={nonce},p=\xff",
        b"c=biws ,r={nonce},p=AAAA",
    ],
)
def test_malformed_final_messages(stage: Stage, final: bytes) -> None:
    """What is not client-final-message is malformed."""
    exchange = stage.begin("SCRAM-SHA-256")
    next(exchange)
    nonce = exchange.send(b"n,,n=alice,r=abc").split(b",")[0].removeprefix(b"r=")
    with pytest.raises(MechanismError) as caught:
        exchange.send(final.replace(b"{nonce}", nonce))
    assert caught.value.malformed


@pytest.mark.parametrize("proof", [b"AAAA", b"A" * 28 + b"====", b64encode(bytes(32)), b64encode(bytes(64))])
def test_a_proof_of_any_length_is_only_wrong(stage: Stage, proof: bytes) -> None:
    """A proof of another length is refused, never an accident."""
    exchange = stage.begin("SCRAM-SHA-256")
    next(exchange)
    nonce = exchange.send(b"n,,n=alice,r=abc").split(b",")[0].removeprefix(b"r=")
    with pytest.raises(MechanismError):
        exchange.send(b"c=biws,r=" + nonce + b",p=" + proof)


def salt_of(stage: Stage, name: bytes) -> bytes:
    """Return the salt field that a name is answered with."""
    exchange = stage.begin("SCRAM-SHA-256")
    next(exchange)
    return exchange.send(b"n,,n=" + name + b",r=abc").split(b",")[1]


def test_an_unknown_name_looks_like_a_known_one(stage: Stage) -> None:
    """Salts are stable, differ by name and have one length, whether the account exists or not."""
    known, unknown = salt_of(stage, b"alice"), salt_of(stage, b"nobody")
    assert known == salt_of(stage, b"alice")
    assert unknown == salt_of(stage, b"nobody")
    assert known != unknown
    assert len(known) == len(unknown)


def test_escapes_in_names(stage: Stage) -> None:
    """``=2C`` and ``=3D`` stand for comma and equals sign (RFC 5802 5.1)."""
    stage.roster.passwords["a,b=c"] = "secret"
    success, _ = authenticate(stage, "SCRAM-SHA-256", name="a=2Cb=3Dc", header="n,a=a=2Cb=3Dc,")
    assert success.account == "a,b=c"


def test_every_nonce_is_new(stage: Stage) -> None:
    """The server's half of the nonce never comes twice."""
    nonces = set()
    for _ in range(3):
        exchange = stage.begin("SCRAM-SHA-256")
        next(exchange)
        nonces.add(exchange.send(b"n,,n=alice,r=abc").split(b",")[0])
    assert len(nonces) == 3

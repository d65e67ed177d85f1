"""Users: how they are written, who is meant by a name or an address, what proves them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from labserver.clock import SeededEntropy, SystemEntropy
from labserver.errors import ConfigurationError
from labserver.mailstore.directory import DEFAULT_USERS, Directory, User, parse_user

if TYPE_CHECKING:
    from labserver.sasl.mechanism import Credentials

USERS = (
    *DEFAULT_USERS,
    parse_user("alice@example.org:other: pass"),
    parse_user("Ünal@bücher.example:пароль"),
    parse_user("bob+news:n"),
)


def directory(*, catch_all: str | None = "catchall", accept_any: bool = False) -> Directory:
    """Return a directory of the users above."""
    return Directory(USERS, entropy=SeededEntropy("test"), catch_all=catch_all, accept_any=accept_any)


@pytest.mark.parametrize(
    ("text", "name", "domain", "password"),
    [
        ("carol:secret", "carol", "", "secret"),
        ("carol@example.org:secret", "carol", "example.org", "secret"),
        ("carol:se:cr@et:", "carol", "", "se:cr@et:"),
        ("carol: ", "carol", "", " "),
        ("Zoë@bücher.example:naïve ☕", "Zoë", "bücher.example", "naïve ☕"),
    ],
)
def test_users_as_written(text: str, name: str, domain: str, password: str) -> None:
    """name[@domain]:password; everything after the first colon is the password."""
    assert parse_user(text) == User(name=name, domain=domain, password=password)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("carol", "there is no colon; write NAME:PASSWORD or NAME@DOMAIN:PASSWORD"),
        ("", "write NAME:PASSWORD"),
        ("secret", "there is no colon"),
        ("carol secret", "there is no colon"),
        ("carol=secret", "there is no colon"),
        (":secret", "the name is missing"),
        ("@example.org:secret", "the name is missing"),
        ("car ol:secret", "a user's name cannot have ' '"),
        ("carol secret:carol", "a user's name cannot have ' '"),
        ("car\nol:secret", "cannot have '\\n'"),
        ("<carol>:secret", "cannot have '<'"),
        ("x" * 256 + ":secret", "at most 255 characters"),
        ("carol@:secret", "carol@…: what follows the @ cannot be a mail domain"),
        ("carol@a@b:secret", "cannot be a mail domain"),
        ("carol@secret secret:x", "cannot be a mail domain"),
        ("carol:", "the password after the colon is missing"),
        ("carol:\u00ad", "the password after the colon is missing"),
        ("carol:a\0b", "NUL"),
        ("carol:\udcff", "not UTF-8"),
    ],
)
def test_users_written_wrongly(text: str, says: str) -> None:
    """One sentence that names the option and the part; the password is never in it."""
    with pytest.raises(ConfigurationError) as error:
        parse_user(text, option="--account")
    assert says in str(error.value)
    assert str(error.value).startswith("--account")
    assert "secret" not in str(error.value)


def test_two_users_of_one_address_are_refused() -> None:
    """However the two are spelled."""
    with pytest.raises(ConfigurationError, match=r"two users 'ALICE@LAB\.TEST'"):
        Directory((*DEFAULT_USERS, parse_user("ALICE@LAB.TEST:x")), entropy=SystemEntropy())


def test_two_users_of_one_token_are_refused() -> None:
    """A token means one user."""
    users = [User(name=name, password="x", token="same") for name in ("a", "b")]
    with pytest.raises(ConfigurationError, match=r"'b@lab\.test' has the token of another"):
        Directory(users, entropy=SystemEntropy())


def test_accounts_in_the_order_given() -> None:
    """The first of a local part has the bare name, the next its address; the catch-all account is last."""
    assert list(directory().users) == ["alice", "bob", "alice@example.org", "Ünal", "bob+news", "catchall"]
    assert directory().users["alice"].address == "alice@lab.test"
    assert directory().users["alice@example.org"].address == "alice@example.org"


@pytest.mark.parametrize(
    ("name", "account"),
    [
        ("alice", "alice"),
        ("ALICE", "alice"),
        ("alice@lab.test", "alice"),
        ("Alice@LAB.localhost", "alice"),
        ("alice@localhost", "alice"),
        ("alice@example.org", "alice@example.org"),
        ("bob@example.org", "bob"),
        ("bob@[127.0.0.1]", "bob"),
        ("alice@[IPv6:::1]", "alice"),
        ("alice@xn--bcher-kva.example", "alice"),
        ("ünal", "Ünal"),
        ("ünal@xn--bcher-kva.example", "Ünal"),
        ("catchall", "catchall"),
        ("alice@elsewhere.example", None),
        ("alice@[192.0.2.1]", None),
        ("alice+tag", None),
        ("carol", None),
        ("", None),
        ("@lab.test", None),
    ],
)
def test_login_names(name: str, account: str | None) -> None:
    """With and without a domain of the lab; a user's own domain is one."""
    assert directory().resolve(name) == account


@pytest.mark.parametrize(
    ("address", "account"),
    [
        ("alice@lab.test", "alice"),
        ("Alice+tag@LAB.test", "alice"),
        ("alice+a+b@example.org", "alice@example.org"),
        ("bob+news@lab.test", "bob+news"),
        ("bob+NEWS+x@lab.test", "bob"),
        ('"alice"@lab.test', "alice"),
        ("Ünal@bücher.example", "Ünal"),
        ("ünal+x@xn--bcher-kva.example", "Ünal"),
        ("alice", "alice"),
        ("carol@lab.test", None),
        ("alice@elsewhere.example", None),
        ("+alice@lab.test", None),
        ("postmaster", "POSTMASTER"),
        ("Postmaster@lab.test", "POSTMASTER"),
        ("postmaster@elsewhere.example", None),
    ],
)
def test_recipients(address: str, account: str | None) -> None:
    """Users get theirs, the rest the catch-all account or nobody when strict; postmaster is always somebody."""
    postmaster = account == "POSTMASTER"
    assert directory().recipient(address) == ("catchall" if postmaster or account is None else account)
    assert directory(catch_all=None).recipient(address) == ("alice" if postmaster else account)


def test_a_user_can_be_the_catch_all() -> None:
    """No account is made when a user has the name."""
    found = directory(catch_all="bob@lab.test")
    assert found.recipient("carol@elsewhere.example") == "bob"
    assert "catchall" not in found.users


def test_the_catch_all_can_be_an_address() -> None:
    """An account is made with the domain it has been given."""
    found = directory(catch_all="rest@example.net")
    assert found.recipient("carol@elsewhere.example") == "rest"
    assert found.users["rest"].address == "rest@example.net"


@pytest.mark.parametrize(
    ("name", "password", "account"),
    [
        ("alice", "secret", "alice"),
        ("alice@lab.test", "secret", "alice"),
        ("alice@example.org", "other: pass", "alice@example.org"),
        ("alice", "other: pass", None),
        ("alice", "", None),
        ("alice", "Secret", None),
        ("alice", "se\u00adcret", "alice"),
        ("ünal", "пароль", "Ünal"),
        ("carol", "secret", None),
        ("", "", None),
        ("alice", "\udcff", None),
    ],
)
def test_passwords(name: str, password: str, account: str | None) -> None:
    """Compared by SASLprep, which drops soft hyphens; nobody has no password."""
    assert directory().verify(name, password) == account


def test_the_directory_knows_what_sasl_asks() -> None:
    """It is SASL's Credentials; the salt key and tokens are reproducible under a seed."""
    one, same = directory(), directory()
    credentials: Credentials = one
    assert credentials.password("ALICE@lab.test") == ("alice", "secret")
    assert credentials.password("carol") is None
    assert one.salt_key == same.salt_key
    assert len(one.salt_key) == 32
    tokens = {account: user.token for account, user in one.users.items()}
    assert tokens == {account: user.token for account, user in same.users.items()}
    assert len(set(tokens.values())) == len(tokens)
    assert {token: one.token(token) for token in tokens.values()} == {token: name for name, token in tokens.items()}
    assert one.token("") is None
    assert one.token("guess") is None


def test_a_given_token_is_kept() -> None:
    """And nothing secret is in the repr."""
    found = Directory([User(name="carol", password="hidden", token="mine")], entropy=SystemEntropy())
    assert found.token("mine") == "carol"
    assert "hidden" not in repr(found.users["carol"])
    assert "mine" not in repr(found.users["carol"])


@pytest.mark.parametrize(
    ("name", "account"),
    [
        ("alice", "alice"),
        ("Carol", "carol"),
        ("carol@lab.test", "carol"),
        ("Carol@Elsewhere.example", "carol@elsewhere.example"),
        ("carol@bücher.example", "carol"),
        ("", None),
        ("@lab.test", None),
        ("x\ny", None),
        ("x" * 256, None),
    ],
)
def test_accepting_anybody(name: str, account: str | None) -> None:
    """Each name is an account, with any password, and gets its own mail; who is nobody at all is still refused."""
    found = directory(accept_any=True)
    assert found.resolve(name) == account
    assert found.verify(name, "whatever") == account
    assert found.recipient(name) == (account or "catchall")


@pytest.mark.parametrize("accept_any", [False, True])
@pytest.mark.parametrize(
    ("name", "password"), [("alice", ""), ("", "secret"), ("", ""), ("alice", "\u00ad"), ("x", "")]
)
def test_nothing_opens_nothing(name: str, password: str, *, accept_any: bool) -> None:
    """An empty name or password is wrong, where any password will do, too; and so is one that SASLprep leaves empty."""
    assert directory(accept_any=accept_any).verify(name, password) is None


def test_accepting_anybody_strips_tags_and_knows_no_passwords() -> None:
    """carol+tag's mail is carol's; a mechanism that needs the password has none to use."""
    found = directory(accept_any=True)
    assert found.recipient("carol+tag@lab.test") == "carol"
    assert found.password("carol") is None
    assert found.password("alice") == ("alice", "secret")


def certificate(*, common_name: str = "", email: str = "", alternative: list[x509.GeneralName] | None = None) -> bytes:
    """Return a self-signed certificate (DER) with these names."""
    key = ec.generate_private_key(ec.SECP256R1())
    attributes = [(NameOID.COMMON_NAME, common_name), (NameOID.EMAIL_ADDRESS, email)]
    subject = x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes if value])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2027, 1, 1, tzinfo=UTC))
    )
    if alternative:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternative), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def utf8_string(text: str) -> bytes:
    """Return a short DER UTF8String."""
    return bytes([0x0C, len(text.encode())]) + text.encode()


_UTF8_MAILBOX = x509.ObjectIdentifier("1.3.6.1.5.5.7.8.9")


@pytest.mark.parametrize(
    ("der", "account"),
    [
        (certificate(common_name="alice"), "alice"),
        (certificate(common_name="Bob", email="alice@example.org"), "alice@example.org"),
        (certificate(common_name="bob", alternative=[x509.RFC822Name("Alice@lab.test")]), "alice"),
        (
            certificate(alternative=[x509.OtherName(_UTF8_MAILBOX, utf8_string("ünal@bücher.example"))]),
            "Ünal",
        ),
        (certificate(common_name="alice", alternative=[x509.OtherName(_UTF8_MAILBOX, b"\x05\x00")]), None),
        (certificate(common_name="alice", alternative=[x509.DNSName("bob")]), "alice"),
        (certificate(common_name="Badge 4711"), "carol"),
        (certificate(common_name="mallory"), None),
        (certificate(common_name="alice@elsewhere.example"), None),
        (b"no certificate", None),
    ],
    ids=["cn", "email", "rfc822", "utf8", "bad-utf8", "dns", "given", "nobody", "elsewhere", "garbage"],
)
def test_client_certificates(der: bytes, account: str | None) -> None:
    """E-mail addresses before the common name; names given to the user count; what cannot be read means nobody."""
    users = (*USERS, User(name="carol", password="x", certificate_names=("badge 4711",)))
    for accept_any in (False, True):
        assert Directory(users, entropy=SystemEntropy(), accept_any=accept_any).certificate(der) == account


def test_admitted_and_dismissed() -> None:
    """Somebody who is admitted logs in and gets mail; dismissed, it is as if nobody had come."""
    people = directory(catch_all=None)
    guest = people.admit(User(name="guest", password="there"))
    assert people.verify("guest@lab.test", "there") == "guest"
    assert people.token(guest.token) == "guest"
    assert people.recipient("guest+x@localhost") == "guest"
    with pytest.raises(ConfigurationError, match="two users"):
        people.admit(User(name="guest", password="again"))
    people.dismiss("guest")
    assert people.verify("guest", "there") is None
    assert people.token(guest.token) is None
    assert people.recipient("guest@lab.test") is None
    assert people.users == directory(catch_all=None).users


def test_dismissed_namesake() -> None:
    """When the first user of a name is dismissed, the name alone means the next one."""
    people = directory()
    people.dismiss("alice")
    assert people.resolve("alice") == "alice@example.org"
    assert people.verify("alice@example.org", "other: pass") == "alice@example.org"

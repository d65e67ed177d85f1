"""``labserver env``: the variables that make clients trust the lab and tell programs where it is.

Only variables that mail clients and mail libraries heed are set. Those of git, pip, AWS and other downloaders are left
alone on purpose: the lab's CA replaces the public ones there, and the next ``pip install`` in that shell would fail.
GnuTLS programs (msmtp, mutt, wget on Debian) heed no variable at all: they need an option or a line of configuration.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from labserver.pki.files import STORE_PASSWORD

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["TRUST_VARIABLES", "Format", "TrustVariable", "lab_variables", "render", "trust_variables"]


class Format(StrEnum):
    """Who is to read the variables."""

    SH = "sh"
    FISH = "fish"
    PWSH = "pwsh"
    DOTENV = "dotenv"
    JSON = "json"
    GITHUB = "github"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustVariable:
    """A variable that names the CA certificates a client trusts."""

    name: str
    heeded_by: str
    replaces: bool
    """Whether the client then trusts the lab *instead of* the public CAs."""


TRUST_VARIABLES = (
    TrustVariable(
        name="SSL_CERT_FILE",
        heeded_by="OpenSSL and so Python, PHP, Ruby, Perl, curl; Go and .NET on Linux; rustls-native-certs",
        replaces=True,
    ),
    TrustVariable(name="CURL_CA_BUNDLE", heeded_by="curl with any TLS library; requests", replaces=True),
    TrustVariable(name="REQUESTS_CA_BUNDLE", heeded_by="Python's requests", replaces=True),
    TrustVariable(name="NODE_EXTRA_CA_CERTS", heeded_by="Node.js, Bun", replaces=False),
    TrustVariable(name="DENO_CERT", heeded_by="Deno", replaces=False),
)
"""Who heeds what; every one takes the path of a PEM file."""

_JAVA = "JAVA_TOOL_OPTIONS"
_JAVA_OPTION = re.compile(r"""(?:"[^"]*"|'[^']*'|\S)+""")
"""A word of it; quotes protect blanks."""
_JAVA_LABS = re.compile(
    r""""?-Djavax\.net\.ssl\.trustStore=.* -Djavax\.net\.ssl\.trustStoreType=PKCS12 """
    rf"""-Djavax\.net\.ssl\.trustStorePassword={STORE_PASSWORD}""",
    re.DOTALL,
)
"""What a lab puts there."""


def trust_variables(ca_pem: Path, trust_store: Path | None = None, *, java_options: str = "") -> dict[str, str]:
    """Return the variables that make clients trust the certificates in ``ca_pem``, and Java those in ``trust_store``.

    ``java_options`` is what JAVA_TOOL_OPTIONS holds already; it is kept in front, but for what a lab has put there.
    """
    variables = {variable.name: str(ca_pem) for variable in TRUST_VARIABLES}
    if trust_store is not None:
        settings = {
            "trustStore": str(trust_store),
            "trustStoreType": "PKCS12",
            "trustStorePassword": STORE_PASSWORD,
        }
        options = [_java_quoted(f"-Djavax.net.ssl.{name}={value}") for name, value in settings.items()]
        variables[_JAVA] = " ".join([*_without_labs(java_options), *options])
    return variables


def lab_variables(ready: Mapping[str, object]) -> dict[str, str]:
    """Return the ready record (the line printed when the lab is ready) as LABSERVER_… variables.

    ``{"ports": {"imaps": 3993}}`` becomes LABSERVER_PORT_IMAPS. The first account is LABSERVER_USER and
    LABSERVER_PASSWORD; each one is also LABSERVER_USER_1, LABSERVER_PASSWORD_1, LABSERVER_USER_2 and so on. What was
    opened by ``--scenario expired`` is LABSERVER_SCENARIO_EXPIRED_PORT_IMAPS and so on.
    """
    return dict((*_scalars("LABSERVER", ready), *_accounts(ready.get("accounts")), *_scenarios(ready.get("scenarios"))))


def render(variables: Mapping[str, str], style: Format) -> str:
    """Return ``variables`` as text that sets exactly these values when ``style``'s reader reads it."""
    return _RENDERERS[style](variables)


_SINGULAR = {"PORTS": "PORT", "URLS": "URL"}


def _word(text: str) -> str:
    """Return a text as a part of a variable's name."""
    return re.sub("[^A-Z0-9]", "_", text.upper())


def _scalars(prefix: str, record: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for key, value in record.items():
        word = _word(key)
        match value:
            case Mapping():
                yield from _scalars(f"{prefix}_{_SINGULAR.get(word, word)}", value)
            case str() | int() | float():
                yield f"{prefix}_{word}", str(value)
            case _:  # lists have no name for their items; accounts get theirs elsewhere
                continue


def _accounts(accounts: object) -> Iterator[tuple[str, str]]:
    if not isinstance(accounts, list):
        return
    for place, account in enumerate(accounts, start=1):
        for name, value in _scalars("LABSERVER", account):
            if place == 1:
                yield name, value
            yield f"{name}_{place}", value


def _scenarios(scenarios: object) -> Iterator[tuple[str, str]]:
    if not isinstance(scenarios, list):
        return
    for one in (one for one in scenarios if isinstance(one, Mapping)):
        yield from _scalars(f"LABSERVER_SCENARIO_{_word(one['id'])}", one)


def _without_labs(options: str) -> list[str]:
    """Return Java's options without the three that name a lab's trust store."""
    words, kept = _JAVA_OPTION.findall(options), list[str]()
    while words:
        if _JAVA_LABS.fullmatch(" ".join(words[:3])):
            del words[:3]
        else:
            kept.append(words.pop(0))
    return kept


def _java_quoted(option: str) -> str:
    """Quote one option for JAVA_TOOL_OPTIONS: quotes protect blanks and the other quotes, a backslash nothing."""
    if re.search(r"[\s'\"]", option) is None:
        return option
    return '"' + option.replace('"', '"\'"\'"') + '"'


def _sh(variables: Mapping[str, str]) -> str:
    """Single quotes: nothing inside means anything to a POSIX shell (XCU 2.2.2)."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())


def _fish(variables: Mapping[str, str]) -> str:
    r"""Single quotes, in which fish knows only \\ and \'."""
    quoted = {name: value.replace("\\", r"\\").replace("'", r"\'") for name, value in variables.items()}
    return "".join(f"set -gx {name} '{value}'\n" for name, value in quoted.items())


def _pwsh(variables: Mapping[str, str]) -> str:
    """Single quotes, doubled inside; PowerShell takes typographic single quotes for the same thing."""
    quoted = {name: re.sub("['\u2018-\u201b]", r"\g<0>\g<0>", value) for name, value in variables.items()}
    return "".join(f"$env:{name} = '{value}'\n" for name, value in quoted.items())


def _dotenv(variables: Mapping[str, str]) -> str:
    """Bare where every reader agrees (docker's keeps quotes), else single quotes, else double ones with escapes."""
    return "".join(f"{name}={_dotenv_value(value)}\n" for name, value in variables.items())


def _dotenv_value(value: str) -> str:
    if re.fullmatch(r"[\w./:@%+,=-]*", value, re.ASCII):
        return value
    if not re.search(r"['\r\n]", value):
        return f"'{value}'"
    escapes = {"\\": r"\\", '"': r"\"", "$": r"\$", "\n": r"\n", "\r": r"\r"}
    return '"' + "".join(escapes.get(character, character) for character in value) + '"'


def _json(variables: Mapping[str, str]) -> str:
    return json.dumps(dict(variables), indent=2) + "\n"


def _github(variables: Mapping[str, str]) -> str:
    """Lines to append to the file $GITHUB_ENV; a value of several lines stands between delimiters."""
    return "".join(_github_entry(name, value) for name, value in variables.items())


def _github_entry(name: str, value: str) -> str:
    if not re.search(r"[\r\n]", value):
        return f"{name}={value}\n"
    delimiter = "LABSERVER_END"
    while delimiter in value:
        delimiter += "_"
    return f"{name}<<{delimiter}\n{value}\n{delimiter}\n"


_RENDERERS: Mapping[Format, Callable[[Mapping[str, str]], str]] = {
    Format.SH: _sh,
    Format.FISH: _fish,
    Format.PWSH: _pwsh,
    Format.DOTENV: _dotenv,
    Format.JSON: _json,
    Format.GITHUB: _github,
}

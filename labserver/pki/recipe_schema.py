"""A JSON Schema of certificates in files of scenarios, for editors; what reads them decides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labserver.pki.recipe_tables import CERTIFICATE, HANDSHAKE
from labserver.pki.recipe_values import parse_text, parse_texts, table_schema
from labserver.pki.revocation import LIST, RESPONSE, ListSpec, ResponseSpec
from labserver.pki.specification import CertificateSpec, ChainSpec, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["certificate_schema"]

_TABLES = {CertificateSpec: CERTIFICATE, ResponseSpec: RESPONSE, ListSpec: LIST}


def certificate_schema(
    reference: str, describe: Callable[[dict[str, Any], type[object]], None]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the schema of ``[ID.certificate]``, and the definitions to which it refers as ``reference`` says.

    ``describe`` adds to a definition what the docstrings of a class and its fields say.
    """
    definitions = {}
    for spec, parsers in _TABLES.items():
        definitions[spec.__name__] = table_schema(parsers)
        describe(definitions[spec.__name__], spec)

    def one(spec: type[object]) -> dict[str, Any]:
        return {"$ref": reference.format(name=spec.__name__)}

    def several(spec: type[object]) -> dict[str, Any]:
        return {"type": "object", "additionalProperties": one(spec)}

    chain = table_schema({"wire": parse_texts, "anchors": parse_texts, **HANDSHAKE})
    chain["properties"] |= {
        "leaf": one(CertificateSpec),
        "authorities": several(CertificateSpec),
        "staple": one(ResponseSpec),
        "responses": several(ResponseSpec),
        "lists": several(ListSpec),
    }
    describe(chain, ChainSpec)
    own = {
        "base": {"type": "string", "description": "A recipe, or a base of recipes, whose certificates are inherited."},
        "verdict": {"enum": [*Verdict], "description": "What a correct client does with the chain."},
        "other": {**chain, "description": "What to write instead in a second chain of the same server."},
    }
    written = {**chain, "properties": own | chain["properties"]}
    named = table_schema({"recipe": parse_text}, "recipe")
    return {"anyOf": [named, written], "description": "The chain that is presented."}, definitions

"""From what is stored to what the ingress holds: a snapshot's document, and the snapshot made of it.

The document is plain JSON, read from the database or from the copy on disk:

    {"version": 7,
     "endpoints": [{"id", "name", "type", "is_tls_required", "service", "addresses", "host_name",
                    "policy_id", "rule_set_id", "credentials": [{"hash", "expires_at"}],
                    "auth_problem", "trust_store": null or {"ca_content", "crl_content"}}],
     "policies": {"tp-…": {"DefaultAction", "MaxMessageSizeBytes", "PolicyStatements"}},
     "lists": {"al-…": {"base": [version, key], "changes": [[member, is_member]]}}}

`service` is a `life.Service`, `expires_at` ISO 8601 or null, `PolicyStatements` JSON *text*: compared
before it is parsed. `lists` are those that the policies may ask: `addresslists.reading.ListState`. There
is no secret in it: hashes only.
"""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from addresslists.logic.lookup import NO_LISTS, Lists
from endpoints.logic.life import Service
from endpoints.logic.snapshot import Credential, EndpointType, ServedEndpoint, Snapshot, TrustStore
from policies.logic.evaluate import CompiledPolicy, compile_policy

Document = dict[str, Any]

_REFUSES_ALL = compile_policy({"DefaultAction": "DENY", "PolicyStatements": []})


class Assembler:
    """Makes snapshots, and keeps what it compiled: of a thousand policies only the changed are compiled.

    `problems`: of the last `assemble`, policy ID to what is wrong with it; endpoints with such a policy
    are served with the last good one, or, where there was none, as closed.
    """

    def __init__(self, lists: Lists = NO_LISTS) -> None:
        self._lists = lists  # asked by the compiled policies, whenever they decide
        self._compiled: dict[str, tuple[Mapping[str, Any], CompiledPolicy]] = {}
        self.problems: dict[str, str] = {}

    def assemble(self, document: Document) -> Snapshot:
        self.problems = {}
        self._compiled = {
            policy_id: compiled
            for policy_id, stored in document["policies"].items()
            if (compiled := self._compile(policy_id, stored)) is not None
        }
        served = map(self._serve, document["endpoints"])
        by_address = {address: endpoint for endpoint in served for address in endpoint.addresses}
        return Snapshot(document["version"], by_address)

    def _compile(
        self, policy_id: str, stored: Mapping[str, Any]
    ) -> tuple[Mapping[str, Any], CompiledPolicy] | None:
        known = self._compiled.get(policy_id)
        if known is not None and known[0] == stored:
            return known
        try:
            statements = json.loads(stored["PolicyStatements"])
            return stored, compile_policy({**stored, "PolicyStatements": statements}, self._lists)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            self.problems[policy_id] = repr(error)
            return known

    def _serve(self, stored: Mapping[str, Any]) -> ServedEndpoint:
        compiled = self._compiled.get(stored["policy_id"])
        service = Service(stored["service"])
        return ServedEndpoint(
            id=stored["id"],
            name=stored["name"],
            type=EndpointType(stored["type"]),
            is_tls_required=stored["is_tls_required"],
            is_open_for_mail=service is Service.OPEN and compiled is not None,
            is_probed=service is Service.PROBED,
            addresses=tuple(stored["addresses"]),
            host_name=stored["host_name"],
            policy_id=stored["policy_id"],
            policy=compiled[1] if compiled else _REFUSES_ALL,
            rule_set_id=stored["rule_set_id"],
            credentials=tuple(map(_read_credential, stored["credentials"])),
            auth_problem=stored["auth_problem"],
            trust_store=TrustStore(**trust_store) if (trust_store := stored.get("trust_store")) else None,
        )


_LIST_ID = re.compile(r"\bal-[a-z0-9]+")


def lists_in(texts: Iterable[str]) -> set[str]:
    """IDs of address lists in the texts of statements: all that they ask, and perhaps words like them."""
    return {list_id for text in texts for list_id in _LIST_ID.findall(text)}


def store_credential(credential: Credential) -> dict[str, str | None]:
    expires_at = credential.expires_at
    return {"hash": credential.password_hash, "expires_at": expires_at.isoformat() if expires_at else None}


def _read_credential(stored: Mapping[str, str | None]) -> Credential:
    expires_at = stored["expires_at"]
    assert stored["hash"] is not None, "written by store_credential"
    return Credential(stored["hash"], datetime.fromisoformat(expires_at) if expires_at else None)

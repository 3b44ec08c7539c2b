"""What endpoints and relays may know of a secret, and what keeps them from it."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db.models import F, FilteredRelation, Q, TextField
from django.db.models.functions import Cast

from access.logic.policy_document import PolicyDocument, PolicyKind, parse
from core.errors import Conflict
from core.identifiers import Arn
from secrets_store.findings import sentence
from secrets_store.logic.readiness import Finding, Reader, SecretFacts, check
from secrets_store.logic.uses import NEEDS, Use
from secrets_store.models import EncryptionKey, Secret, VersionStage
from secrets_store.services import secrets, values

# Names in one query: SQLite takes 32,766 values in a statement unless it was built to take more.
_BATCH = 5_000
# Policies kept parsed: of many secrets most have the same one, word for word.
_PARSED_POLICIES = 1_000


@dataclass(frozen=True, slots=True)
class Reading:
    """`findings`: what keeps the reader from the secret, () when nothing does. `password_hashes`: what
    AUTH accepts, of AWSCURRENT, then of AWSPREVIOUS; () while there are findings."""

    findings: tuple[Finding, ...]
    password_hashes: tuple[str, ...]


def readings_of(use: Use, readers: Mapping[str, str]) -> dict[str, Reading]:
    """For many readers at once (reader's ARN → secret's ARN): one query for 5,000 secrets."""
    stored = dict(_stored(readers.values()))
    readings = {}
    for reader_arn, secret_arn in readers.items():
        facts, hashes = stored.get(secret_arn, (None, ()))
        findings = check(Reader(use, reader_arn, settings.REGION, settings.ACCOUNT_ID), facts)
        readings[reader_arn] = Reading(findings, () if findings else hashes)
    return readings


def findings_for(use: Use, reader_arn: str, secret_arn: str) -> tuple[Finding, ...]:
    """What keeps the reader from the secret; () when nothing does."""
    return readings_of(use, {reader_arn: secret_arn})[reader_arn].findings


def find(secret_arn: str) -> Secret | None:
    name, suffix = _name_and_suffix(secret_arn)
    return Secret.objects.filter(name=name, arn_suffix=suffix).first() if name else None


def example_reader(use: Use) -> str:
    """The ARN of a reader that is not there yet: what a policy for all of its kind lets in."""
    need = NEEDS[use]
    resource = f"{need.arn_type}/{need.id_prefix}-{'0' * 24}"
    return str(Arn("ses", settings.REGION, settings.ACCOUNT_ID, resource))


def read_as_service(use: Use, reader_arn: str, secret_arn: str) -> bytes:
    """The current value, for a relay that logs in with it. Conflict says what keeps it from that."""
    findings = findings_for(use, reader_arn, secret_arn)
    if findings:
        raise Conflict(sentence(findings[0]))
    return values.open_version(values.find_version(secrets.get(secret_arn)))


# --- what is stored -------------------------------------------------------------------------------


def _stored(secret_arns: Iterable[str]) -> Iterator[tuple[str, tuple[SecretFacts, tuple[str, ...]]]]:
    """Facts and password hashes of each secret by ARN; what does not exist is not in it."""
    arns = {_name_and_suffix(arn): arn for arn in secret_arns}
    names = sorted({name for name, _suffix in arns if name})
    for start in range(0, len(names), _BATCH):
        for row in _rows(names[start : start + _BATCH]):
            if arn := arns.get((row.name, row.arn_suffix)):
                hashes = tuple(filter(None, (row.current_hash, row.previous_hash)))
                yield arn, (_facts(arn, row), hashes)


def _rows(names: list[str]) -> Any:
    """Named tuples; policies as text, so that each is parsed once, not once for each secret."""
    current = Q(stages__name=VersionStage.CURRENT)
    previous = Q(stages__name=VersionStage.PREVIOUS)
    return (
        Secret.objects.filter(name__in=names)
        .annotate(
            current=FilteredRelation("stages", condition=current),
            previous=FilteredRelation("stages", condition=previous),
            policy_text=Cast("policy", TextField()),
            key_policy_text=Cast("key__policy", TextField()),
            current_hash=F("current__version__password_hash"),
            previous_hash=F("previous__version__password_hash"),
            value_keys=F("current__version__value_keys"),
            is_text=F("current__version__is_text"),
        )
        .order_by()
        .values_list(
            *("name", "arn_suffix", "deletion_at", "policy_text"),
            *("key_id", "key__manager", "key__state", "key_policy_text"),
            *("current_hash", "previous_hash", "value_keys", "is_text"),
            named=True,
        )
    )


def _facts(arn: str, row: Any) -> SecretFacts:
    key = EncryptionKey(id=row.key_id, manager=row.key__manager, state=row.key__state)
    return SecretFacts(
        arn=arn,
        deletion_at=row.deletion_at,
        value_keys=None if row.value_keys is None else tuple(row.value_keys),
        is_text=row.is_text is not False,
        policy=_parsed(row.policy_text) if row.policy_text else None,
        key_arn=key.arn,
        is_key_customer_managed=key.is_customer_managed,
        is_key_enabled=key.state == EncryptionKey.State.ENABLED,
        key_policy=_parsed(row.key_policy_text),
    )


@lru_cache(_PARSED_POLICIES)
def _parsed(text: str) -> PolicyDocument:
    return parse(json.loads(text), PolicyKind.RESOURCE)


def _name_and_suffix(secret_arn: str) -> tuple[str, str]:
    """The two that make the ARN; ("", "") of what is no ARN of a secret here."""
    resource = secret_arn.removeprefix(
        str(Arn("secretsmanager", settings.REGION, settings.ACCOUNT_ID, "secret:"))
    )
    name, _hyphen, suffix = resource.rpartition("-")
    return (name, suffix) if resource != secret_arn else ("", "")

"""What endpoints and relays may know of a secret, and what keeps them from it."""

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.db.models import Prefetch

from access.logic.policy_document import PolicyDocument, PolicyKind, parse
from core.errors import Conflict
from core.identifiers import Arn
from secrets_store.findings import sentence
from secrets_store.logic.readiness import Finding, Reader, SecretFacts, check
from secrets_store.logic.uses import NEEDS, Use
from secrets_store.models import EncryptionKey, Secret, SecretVersion, VersionStage
from secrets_store.services import secrets, values

_AUTH_STAGES = (VersionStage.CURRENT, VersionStage.PREVIOUS)


def findings_for(use: Use, reader_arn: str, secret_arn: str) -> tuple[Finding, ...]:
    """What keeps the reader from the secret; () when nothing does."""
    return findings_of(use, {reader_arn: secret_arn})[reader_arn]


def findings_of(use: Use, readers: dict[str, str]) -> dict[str, tuple[Finding, ...]]:
    """The same for many readers at once (reader's ARN → secret's ARN), in a few queries."""
    facts = _facts_of(set(readers.values()))
    return {
        reader: check(Reader(use, reader, settings.REGION, settings.ACCOUNT_ID), facts.get(secret))
        for reader, secret in readers.items()
    }


def find(secret_arn: str) -> Secret | None:
    return _by_arn([secret_arn]).get(secret_arn)


def example_reader(use: Use) -> str:
    """The ARN of a reader that is not there yet: what a policy for all of its kind lets in."""
    need = NEEDS[use]
    resource = f"{need.arn_type}/{need.id_prefix}-{'0' * 24}"
    return str(Arn("ses", settings.REGION, settings.ACCOUNT_ID, resource))


def password_hashes_of(secret_arns: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """For each secret the hashes that AUTH accepts: of AWSCURRENT, then of AWSPREVIOUS."""
    stages = (
        VersionStage.objects.filter(secret__in=_by_arn(secret_arns).values(), name__in=_AUTH_STAGES)
        .select_related("version", "secret")
        .order_by("name")
    )
    hashes: dict[str, tuple[str, ...]] = {}
    for stage in stages:
        if stage.version.password_hash:
            arn = stage.secret.arn
            hashes[arn] = (*hashes.get(arn, ()), stage.version.password_hash)
    return hashes


def read_as_service(use: Use, reader_arn: str, secret_arn: str) -> bytes:
    """The current value, for a relay that logs in with it. Conflict says what keeps it from that."""
    findings = findings_for(use, reader_arn, secret_arn)
    if findings:
        raise Conflict(sentence(findings[0]))
    return values.open_version(values.find_version(secrets.get(secret_arn)))


def _facts_of(secret_arns: set[str]) -> dict[str, SecretFacts]:
    by_arn = _by_arn(secret_arns)
    current = SecretVersion.objects.filter(stages__name=VersionStage.CURRENT).defer("sealed")
    rows = (
        Secret.objects.filter(pk__in=[secret.pk for secret in by_arn.values()])
        .select_related("key")
        .prefetch_related(Prefetch("versions", queryset=current, to_attr="current_versions"))
    )
    policies: dict[str, PolicyDocument] = {}
    return {secret.arn: _facts(secret, policies) for secret in rows}


def _facts(secret: Any, policies: dict[str, PolicyDocument]) -> SecretFacts:
    """`policies`: of keys, parsed once each."""
    key: EncryptionKey = secret.key
    if key.pk not in policies:
        policies[key.pk] = parse(key.policy, PolicyKind.RESOURCE)
    current = secret.current_versions[0] if secret.current_versions else None
    return SecretFacts(
        arn=secret.arn,
        deletion_at=secret.deletion_at,
        value_keys=tuple(current.value_keys) if current else None,
        is_text=current.is_text if current else True,
        policy=parse(secret.policy, PolicyKind.RESOURCE) if secret.policy else None,
        key_arn=key.arn,
        is_key_customer_managed=key.is_customer_managed,
        is_key_enabled=key.state == EncryptionKey.State.ENABLED,
        key_policy=policies[key.pk],
    )


def _by_arn(secret_arns: Iterable[str]) -> dict[str, Secret]:
    """Secrets by ARN; what does not exist is not in it. A name tells which to look at."""
    wanted = set(secret_arns)
    names = {arn.rsplit(":", 1)[-1][:-7] for arn in wanted}
    found: dict[str, Secret] = {}
    for secret in Secret.objects.filter(name__in=names).defer("policy"):
        if secret.arn in wanted:
            found[secret.arn] = secret
    return found

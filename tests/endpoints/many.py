"""Endpoints, secrets and keys by the thousand, as rows: made at once, none of them through a service."""

from collections.abc import Iterable

from django.conf import settings

from core.identifiers import new_id
from endpoints.models import EndpointAddress, IngressEndpoint
from policies.models import TrafficPolicy
from rulesets.models import RuleSet
from secrets_store.logic import uses
from secrets_store.logic.uses import Use
from secrets_store.models import EncryptionKey, KeyAlias, Secret, SecretVersion, VersionStage

BATCH = 1_000


def make_keys(count: int) -> None:
    """`alias/many-0` and on, with two aliases each; without material."""
    policy = uses.key_policy(account=settings.ACCOUNT_ID, administrators=[], users=[])
    keys = [EncryptionKey(id=f"many-{number}", policy=policy) for number in range(count)]
    EncryptionKey.objects.bulk_create(keys, BATCH)
    KeyAlias.objects.bulk_create(
        (KeyAlias(name=f"{stem}-{key.id}", key=key) for key in keys for stem in ("first", "second")), BATCH
    )


def make_secrets(key: EncryptionKey, count: int, *, password_hash: str = "x") -> list[Secret]:
    """`many-0` and on, that endpoints may read. Their value is not one that opens: nobody asks for it."""
    policy = uses.secret_policy(Use.ENDPOINT, region=settings.REGION, account=settings.ACCOUNT_ID)
    secrets = Secret.objects.bulk_create(
        (
            Secret(name=f"many-{number}", arn_suffix=f"{number:06}"[-6:], key=key, policy=policy)
            for number in range(count)
        ),
        BATCH,
    )
    versions = SecretVersion.objects.bulk_create(
        (
            SecretVersion(
                secret=secret,
                version_id=f"{secret.pk:032}",
                sealed=b"sealed",
                wrapped_data_key=b"wrapped",
                value_keys=["password"],
                password_hash=password_hash,
            )
            for secret in secrets
        ),
        BATCH,
    )
    VersionStage.objects.bulk_create(
        (
            VersionStage(secret=version.secret, version=version, name=VersionStage.CURRENT)
            for version in versions
        ),
        BATCH,
    )
    return secrets


def make_endpoints(
    policy: TrafficPolicy,
    rule_set: RuleSet,
    secret_arns: Iterable[str],
    *,
    addresses: Iterable[str],
    password_hash: str = "x",
) -> list[IngressEndpoint]:
    """Active and Authenticated, `many-0` and on, one for each ARN; "" stands for a typed password."""
    endpoints = IngressEndpoint.objects.bulk_create(
        (
            IngressEndpoint(
                id=new_id(IngressEndpoint.PREFIX),
                name=f"many-{number}",
                type=IngressEndpoint.Type.AUTH,
                tls_policy=IngressEndpoint.TlsPolicy.OPTIONAL,
                status=IngressEndpoint.Status.ACTIVE,
                wished_status=IngressEndpoint.Status.ACTIVE,
                record_label=f"many{number}.test",
                traffic_policy=policy,
                rule_set=rule_set,
                secret_arn=arn,
                password_hash="" if arn else password_hash,
                password_version=0 if arn else 1,
            )
            for number, arn in enumerate(secret_arns)
        ),
        BATCH,
    )
    EndpointAddress.objects.bulk_create(
        (
            EndpointAddress(address=address, endpoint=endpoint)
            for address, endpoint in zip(addresses, endpoints, strict=False)
        ),
        BATCH,
    )
    return endpoints

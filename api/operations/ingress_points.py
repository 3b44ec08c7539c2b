"""Ingress endpoints, which the service model calls ingress points."""

from ipaddress import ip_address
from typing import Any

from django.conf import settings
from django.utils import timezone

from api.call import Call, Document, Operation
from api.members import blaming, given
from api.pagination import page_of
from api.tag_members import tags_from
from core.errors import Invalid
from endpoints import services, trust_stores
from endpoints.logic.pool import read_pool
from endpoints.models import IngressEndpoint

_MEMBERS = {
    "name": "IngressPointName",
    "type": "Type",
    "traffic_policy_id": "TrafficPolicyId",
    "rule_set_id": "RuleSetId",
    "tls_policy": "TlsPolicy",
    "status": "StatusToUpdate",
}
_CREDENTIALS = {
    "password": "IngressPointConfiguration.SmtpPassword",
    "secret_arn": "IngressPointConfiguration.SecretArn",
    "ca_content": "IngressPointConfiguration.TlsAuthConfiguration.TrustStore.CAContent",
    "crl_content": "IngressPointConfiguration.TlsAuthConfiguration.TrustStore.CrlContent",
}


def create(call: Call) -> Document:
    _check_network(call.input.get("NetworkConfiguration") or {})
    endpoint = services.create(
        call.actor, **given(call, _MEMBERS), **_credentials(call), tags=tags_from(call.input)
    )
    return {"IngressPointId": endpoint.id}


def get(call: Call) -> Document:
    endpoint = services.get(call.input["IngressPointId"])
    return {
        "IngressPointId": endpoint.id,
        "IngressPointName": endpoint.name,
        "IngressPointArn": endpoint.arn,
        "Status": endpoint.status,
        "Type": endpoint.type,
        "ARecord": endpoint.a_record or None,
        "RuleSetId": endpoint.rule_set_id,
        "TrafficPolicyId": endpoint.traffic_policy_id,
        "IngressPointAuthConfiguration": _auth_configuration(
            endpoint, with_trust_store=call.input.get("IncludeTrustStoreContents") == "INCLUDE"
        ),
        "NetworkConfiguration": {"PublicNetworkConfiguration": {"IpType": _ip_type(endpoint)}},
        "TlsPolicy": endpoint.tls_policy,
        "CreatedTimestamp": endpoint.created_at,
        "LastUpdatedTimestamp": endpoint.updated_at,
    }


def update(call: Call) -> Document:
    services.update(call.actor, call.input["IngressPointId"], **given(call, _MEMBERS), **_credentials(call))
    return {}


def delete(call: Call) -> Document:
    services.delete(call.actor, call.input["IngressPointId"])
    return {}


def list_all(call: Call) -> Document:
    page = page_of(call, IngressEndpoint.objects.only("id", "name", "status", "type", "record_label"))
    return {
        "IngressPoints": [
            {
                "IngressPointName": endpoint.name,
                "IngressPointId": endpoint.id,
                "Status": endpoint.status,
                "Type": endpoint.type,
                "ARecord": endpoint.a_record or None,
            }
            for endpoint in page.rows
        ],
        "NextToken": page.next_token,
    }


def _credentials(call: Call) -> dict[str, Any]:
    match call.input.get("IngressPointConfiguration"):
        case {"SmtpPassword": password}:
            return {"password": password}
        case {"SecretArn": secret_arn}:
            return {"secret_arn": secret_arn}
        case {"TlsAuthConfiguration": {"TrustStore": store}}:
            return _trust_store(store)
    return {}


def _trust_store(store: Document) -> dict[str, Any]:
    """A trust store is given as a whole: one without a CRL takes the former away."""
    if "KmsKeyArn" in store:
        # DEVIATION: certificates and CRLs are public, and are kept as they are.
        raise Invalid.at(
            "IngressPointConfiguration.TlsAuthConfiguration.TrustStore.KmsKeyArn",
            "Trust stores are not encrypted by a key here; leave it out.",
        )
    return {"ca_content": store["CAContent"], "crl_content": store.get("CrlContent", "")}


def _auth_configuration(endpoint: IngressEndpoint, *, with_trust_store: bool) -> Document | None:
    """None for an Open endpoint. A former password is told of while it is good."""
    if endpoint.type == IngressEndpoint.Type.MTLS:
        return {"TlsAuthConfiguration": told_trust_store(endpoint) if with_trust_store else {}}
    if endpoint.type != IngressEndpoint.Type.AUTH:
        return None
    if endpoint.secret_arn:
        return {"SecretArn": endpoint.secret_arn}
    versions: Document = {"SmtpPasswordVersion": str(endpoint.password_version)}
    expires_at = endpoint.previous_password_expires_at
    if endpoint.previous_password_hash and expires_at is not None and expires_at > timezone.now():
        versions["PreviousSmtpPasswordVersion"] = str(endpoint.password_version - 1)
        versions["PreviousSmtpPasswordExpiryTimestamp"] = expires_at
    return {"IngressPointPasswordConfiguration": versions}


def told_trust_store(endpoint: IngressEndpoint) -> Document:
    stored = trust_stores.of(endpoint)
    return {"TrustStore": {"CAContent": stored.ca_content, "CrlContent": stored.crl_content or None}}


def _check_network(wish: Document) -> None:
    """DEVIATION: the address pool decides whether endpoints have IPv6 addresses too, for all alike."""
    if "PrivateNetworkConfiguration" in wish:
        raise Invalid.at(
            "NetworkConfiguration.PrivateNetworkConfiguration", "There are no VPC endpoints here."
        )
    ip_type = wish.get("PublicNetworkConfiguration", {}).get("IpType", "IPV4")
    if ip_type == "DUAL_STACK" and not read_pool(settings.ADDRESS_POOL).has_version(6):
        raise Invalid.at(
            "NetworkConfiguration.PublicNetworkConfiguration.IpType",
            "The address pool (MAILMANAGER_ADDRESS_POOL) has no IPv6 addresses.",
        )


def _ip_type(endpoint: IngressEndpoint) -> str:
    addresses = endpoint.addresses.values_list("address", flat=True)
    return "DUAL_STACK" if any(ip_address(address).version == 6 for address in addresses) else "IPV4"


OPERATIONS: dict[str, Operation] = blaming(
    _MEMBERS | _CREDENTIALS,
    {
        "CreateIngressPoint": create,
        "GetIngressPoint": get,
        "UpdateIngressPoint": update,
        "DeleteIngressPoint": delete,
        "ListIngressPoints": list_all,
    },
)

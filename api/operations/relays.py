"""SMTP relays."""

from typing import Any

from api.call import Call, Document, Operation
from api.members import blaming, given
from api.pagination import page_of
from api.tag_members import tags_from
from relays import services
from relays.models import Relay

_MEMBERS = {"name": "RelayName", "server_name": "ServerName", "server_port": "ServerPort"}
_CREDENTIALS = {"secret_arn": "Authentication.SecretArn"}


def create(call: Call) -> Document:
    relay = services.create(
        call.actor, **given(call, _MEMBERS), **_authentication(call), tags=tags_from(call.input)
    )
    return {"RelayId": relay.id}


def get(call: Call) -> Document:
    relay = services.get(call.input["RelayId"])
    no_authentication: Document = {"NoAuthentication": {}}
    return {
        "RelayId": relay.id,
        "RelayArn": relay.arn,
        "RelayName": relay.name,
        "ServerName": relay.server_name,
        "ServerPort": relay.server_port,
        "Authentication": {"SecretArn": relay.secret_arn} if relay.secret_arn else no_authentication,
        "CreatedTimestamp": relay.created_at,
        "LastModifiedTimestamp": relay.updated_at,
    }


def update(call: Call) -> Document:
    services.update(call.actor, call.input["RelayId"], **given(call, _MEMBERS), **_authentication(call))
    return {}


def delete(call: Call) -> Document:
    services.delete(call.actor, call.input["RelayId"])
    return {}


def list_all(call: Call) -> Document:
    page = page_of(call, Relay.objects.only("id", "name", "updated_at"))
    return {
        "Relays": [
            {"RelayId": relay.id, "RelayName": relay.name, "LastModifiedTimestamp": relay.updated_at}
            for relay in page.rows
        ],
        "NextToken": page.next_token,
    }


def _authentication(call: Call) -> dict[str, Any]:
    """Credentials go over TLS alone; the service model has no member to say so."""
    match call.input.get("Authentication"):
        case {"SecretArn": secret_arn}:
            return {"secret_arn": secret_arn, "tls": Relay.Tls.REQUIRED}
        case {"NoAuthentication": _}:
            return {"secret_arn": ""}
    return {}


OPERATIONS: dict[str, Operation] = blaming(
    _MEMBERS | _CREDENTIALS,
    {
        "CreateRelay": create,
        "GetRelay": get,
        "UpdateRelay": update,
        "DeleteRelay": delete,
        "ListRelays": list_all,
    },
)

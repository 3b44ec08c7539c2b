"""An SMTP relay told: its API representation and its CLI command."""

import json
import shlex
from typing import Any

from django.utils.translation import gettext_lazy as _

from console.status import Look, Tone
from relays.models import Relay

TLS_LOOKS: dict[str, Look] = {
    Relay.Tls.OPTIONAL.value: Look(_("When offered"), "info", Tone.INFO),
    Relay.Tls.REQUIRED.value: Look(_("Required"), "success", Tone.SUCCESS),
}


def api_representation(relay: Relay) -> dict[str, Any]:
    """As GetRelay answers."""
    return {
        "RelayId": relay.id,
        "RelayArn": relay.arn,
        "RelayName": relay.name,
        "ServerName": relay.server_name,
        "ServerPort": relay.server_port,
        "Authentication": _authentication(relay),
        "CreatedTimestamp": relay.created_at.isoformat(),
        "LastModifiedTimestamp": relay.updated_at.isoformat(),
    }


def cli_command(relay: Relay) -> str:
    """The AWS CLI's command that makes such a relay (TLS is beyond the service's model)."""
    parts = [
        "aws mailmanager create-relay",
        f"--relay-name {shlex.quote(relay.name)}",
        f"--server-name {shlex.quote(relay.server_name)}",
        f"--server-port {relay.server_port}",
        f"--authentication {shlex.quote(json.dumps(_authentication(relay)))}",
    ]
    return " \\\n  ".join(parts)


def _authentication(relay: Relay) -> dict[str, Any]:
    return {"SecretArn": relay.secret_arn} if relay.secret_arn else {"NoAuthentication": {}}

"""An SMTP relay told: its API representation and its CLI command."""

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
        "Authentication": {"NoAuthentication": {}},
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
        """--authentication '{"NoAuthentication": {}}'""",
    ]
    return " \\\n  ".join(parts)

"""Whether the real listener answers at an endpoint's addresses, as any client would find out."""

import re
import socket

from django.conf import settings

from endpoints.logic.life import Service
from endpoints.logic.reasons import Reason, ReasonCode
from endpoints.models import IngressEndpoint

_CONNECT_TIMEOUT_SECONDS = 1.0
_GREETING_TIMEOUT_SECONDS = 2.0
_MAX_GREETING_BYTES = 512  # RFC 5321 §4.5.3.1.5: a reply line with CRLF
_SHOWN_CHARACTERS = 150
_UNPRINTABLE = re.compile(rb"[^ -~]")


def look(endpoint: IngressEndpoint, expected: Service) -> Reason | None:
    """None when each address greets on each port as `expected` (220 with the endpoint's name, or 421)."""
    ports = [settings.SMTP_PORT]
    if endpoint.type == IngressEndpoint.Type.AUTH:
        ports.append(settings.SUBMISSION_PORT)
    for row in endpoint.addresses.all():
        for port in ports:
            if (reason := _look_at(row.address, port, endpoint.a_record, expected)) is not None:
                return reason
    return None


def _look_at(address: str, port: int, host_name: str, expected: Service) -> Reason | None:
    place = {"address": address, "port": str(port)}
    try:
        greeting = _greeting(address, port)
    except OSError as error:
        problem = error.strerror or str(error) or type(error).__name__
        return Reason(ReasonCode.NO_LISTENER, {**place, "problem": problem[:_SHOWN_CHARACTERS]})
    pattern = r"421[ -]" if expected is Service.CLOSED else rf"220[ -]{re.escape(host_name)}(\s|$)"
    if re.match(pattern, greeting):
        return None
    return Reason(ReasonCode.FOREIGN_LISTENER, {**place, "heard": greeting[:_SHOWN_CHARACTERS]})


def _greeting(address: str, port: int) -> str:
    """The first line, without its end, "?" for what is not printable ASCII; OSError (TimeoutError) for what
    does not end in time."""
    with socket.create_connection((address, port), timeout=_CONNECT_TIMEOUT_SECONDS) as connection:
        connection.settimeout(_GREETING_TIMEOUT_SECONDS)
        with connection.makefile("rb") as received:
            line = received.readline(_MAX_GREETING_BYTES)
        connection.sendall(b"QUIT\r\n")
    return _UNPRINTABLE.sub(b"?", line.rstrip(b"\r\n")).decode("ascii")

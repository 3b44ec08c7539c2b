"""What a session is offered and held to: worked out once for an endpoint, shared by its sessions."""

from dataclasses import dataclass, field

from core import reply
from core.reply import Reply
from endpoints.logic.snapshot import EndpointType, ServedEndpoint


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one session. `max_errors`: commands that were wrong, and failed AUTH; `max_refusals`: recipients
    refused; `max_idle_commands`: commands since the last message that lead to none (NOOP, RSET, …)."""

    max_message_bytes: int = 40 * 1024 * 1024
    max_recipients: int = 100
    max_errors: int = 20
    max_refusals: int = 1000
    max_idle_commands: int = 200


@dataclass(frozen=True, slots=True)
class Terms:
    """`refusal`: for MAIL, while the endpoint greets but takes no mail yet."""

    endpoint: ServedEndpoint
    limits: Limits
    greeting: Reply = field(init=False)
    max_message_bytes: int = field(init=False)
    helo: bytes = field(init=False)
    ehlo_in_clear: bytes = field(init=False)
    ehlo_in_tls: bytes = field(init=False)
    is_auth_required: bool = field(init=False)
    refusal: Reply | None = field(init=False)

    def __post_init__(self) -> None:
        endpoint = self.endpoint
        own = endpoint.policy.max_message_size_bytes
        largest = self.limits.max_message_bytes if own is None else min(own, self.limits.max_message_bytes)
        is_auth_required = endpoint.type is EndpointType.AUTH
        values = {
            "greeting": reply.greeting(endpoint.host_name),
            "max_message_bytes": largest,
            "is_auth_required": is_auth_required,
            "refusal": None if endpoint.is_open_for_mail else reply.ENDPOINT_NOT_READY,
            "helo": Reply(250, "", endpoint.host_name).wire,
            "ehlo_in_clear": _ehlo_reply(
                endpoint.host_name,
                largest,
                "STARTTLS",
                "AUTH LOGIN PLAIN" if is_auth_required and not endpoint.is_tls_required else "",
            ),
            "ehlo_in_tls": _ehlo_reply(
                endpoint.host_name, largest, "AUTH LOGIN PLAIN" if is_auth_required else ""
            ),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)


def _ehlo_reply(host_name: str, max_message_bytes: int, *more: str) -> bytes:
    keywords = [
        f"SIZE {max_message_bytes}",
        "8BITMIME",
        "SMTPUTF8",
        "PIPELINING",
        "CHUNKING",
        "ENHANCEDSTATUSCODES",
        *filter(None, more),
    ]
    lines = [host_name, *keywords]
    last = len(lines) - 1
    return "".join(f"250{' ' if i == last else '-'}{line}\r\n" for i, line in enumerate(lines)).encode()

"""Builders of rules and envelopes, short enough for tables of cases."""

from datetime import UTC, datetime
from typing import Any

from core.envelope import Envelope, TlsVersion

Json = dict[str, Any]

LOCAL_ROLE = "arn:aws:iam::123456789012:role/mail-manager-local"
DROP: Json = {"Drop": {}}
HOSTILE = "<script>alert(1)</script>"


def text(attribute: str, operator: str, *values: str) -> Json:
    asked = {"MimeHeaderAttribute": attribute} if attribute.startswith("X-") else {"Attribute": attribute}
    return {"StringExpression": {"Evaluate": asked, "Operator": operator, "Values": list(values)}}


def recipient(*values: str, operator: str = "EQUALS") -> Json:
    return text("RECIPIENT", operator, *values)


def certificate(attribute: str, operator: str, *values: str) -> Json:
    asked = {"ClientCertificateAttribute": attribute}
    return {"StringExpression": {"Evaluate": asked, "Operator": operator, "Values": list(values)}}


def size(operator: str, value: float) -> Json:
    return {
        "NumberExpression": {
            "Evaluate": {"Attribute": "MESSAGE_SIZE"},
            "Operator": operator,
            "Value": value,
        }
    }


def ip(*values: str, operator: str = "CIDR_MATCHES") -> Json:
    return {
        "IpExpression": {"Evaluate": {"Attribute": "SOURCE_IP"}, "Operator": operator, "Values": list(values)}
    }


def tls(operator: str = "IS_TRUE") -> Json:
    return {"BooleanExpression": {"Evaluate": {"Attribute": "TLS"}, "Operator": operator}}


def add_header(name: str = "X-Seen", value: str = "yes") -> Json:
    return {"AddHeader": {"HeaderName": name, "HeaderValue": value}}


def rewrite(*recipients: str) -> Json:
    return {"ReplaceRecipient": {"ReplaceWith": list(recipients)}}


def relay(to: str = "r-1", **more: str) -> Json:
    return {"Relay": {"Relay": to} | more}


def mailbox(name: str = "staff", **more: str) -> Json:
    return {"DeliverToMailbox": {"MailboxArn": name, "RoleArn": LOCAL_ROLE} | more}


def bucket(name: str = "mail", **more: str) -> Json:
    return {"WriteToS3": {"S3Bucket": name, "RoleArn": LOCAL_ROLE} | more}


def rule(*actions: Json, when: Any = (), unless: Any = (), name: str = "") -> Json:
    """`when`, `unless`: one condition or several."""
    document: Json = {"Name": name} if name else {}
    if when:
        document["Conditions"] = [when] if isinstance(when, dict) else list(when)
    if unless:
        document["Unless"] = [unless] if isinstance(unless, dict) else list(unless)
    return document | {"Actions": list(actions)}


def rules(*those: Json) -> Json:
    return {"Rules": list(those)}


def envelope(*forward_paths: str, **changed: Any) -> Envelope:
    values: Json = {
        "message_id": "0" * 40,
        "endpoint_id": "inp-1",
        "rule_set_id": "rs-1",
        "session_id": "s-1",
        "received_at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "peer_address": "192.0.2.7",
        "endpoint_address": "127.25.0.1",
        "helo": "client.example",
        "is_esmtp": True,
        "reverse_path": "ann@x.example",
        "forward_paths": forward_paths or ("bob@y.example",),
        "size_bytes": 1000,
        "tls_version": TlsVersion.TLS1_3,
    }
    return Envelope(**values | changed)


MAIL = (
    b"From: Ann <ann@x.example>\r\nTo: bob@y.example, Team <team@y.example>\r\nCc: cc@y.example\r\n"
    b"Sender: desk@x.example\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= from Ann\r\n"
    b"X-Spam: yes\r\nX-Spam: score 9\r\n\r\nHello\r\n"
)

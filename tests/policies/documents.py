"""Builders of policy documents, short enough for tables of cases."""

from typing import Any

Json = dict[str, Any]


def recipient(operator: str, *values: str) -> Json:
    return {
        "StringExpression": {
            "Evaluate": {"Attribute": "RECIPIENT"},
            "Operator": operator,
            "Values": list(values),
        }
    }


def ipv4(*values: str, operator: str = "CIDR_MATCHES") -> Json:
    return {
        "IpExpression": {"Evaluate": {"Attribute": "SENDER_IP"}, "Operator": operator, "Values": list(values)}
    }


def ipv6(*values: str, operator: str = "CIDR_MATCHES") -> Json:
    return {
        "Ipv6Expression": {
            "Evaluate": {"Attribute": "SENDER_IPV6"},
            "Operator": operator,
            "Values": list(values),
        }
    }


def not_ipv4(*values: str) -> Json:
    return ipv4(*values, operator="NOT_CIDR_MATCHES")


def not_ipv6(*values: str) -> Json:
    return ipv6(*values, operator="NOT_CIDR_MATCHES")


def tls(operator: str, value: str) -> Json:
    return {
        "TlsExpression": {"Evaluate": {"Attribute": "TLS_PROTOCOL"}, "Operator": operator, "Value": value}
    }


def in_list(named: str, *, attribute: str = "RECIPIENT", operator: str = "IS_TRUE") -> Json:
    """Of policies; rules have more attributes."""
    return {
        "BooleanExpression": {
            "Evaluate": {"IsInAddressList": {"Attribute": attribute, "AddressLists": [named]}},
            "Operator": operator,
        }
    }


def deny(*conditions: Json) -> Json:
    return {"Action": "DENY", "Conditions": list(conditions)}


def allow(*conditions: Json) -> Json:
    return {"Action": "ALLOW", "Conditions": list(conditions)}


def policy(default: str, *statements: Json, size: int | None = None) -> Json:
    document: Json = {"DefaultAction": default, "PolicyStatements": list(statements)}
    return document | ({"MaxMessageSizeBytes": size} if size is not None else {})

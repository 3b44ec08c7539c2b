"""What of the settings can be known to be wrong before anything starts (`manage.py check`)."""

import ipaddress
import logging
import os
import re
from collections.abc import Iterator, Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from endpoints.logic.pool import PoolError, read_pool

# RFC 1123 §2.1: letters, digits and hyphens, none at the ends; at least two labels.
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"(?={_LABEL}\.)({_LABEL}\.)+{_LABEL}")
# Before it stands "<12>.<5>.mail-manager-smtp."; a whole name has at most 253 characters (RFC 1035 §2.3.4).
_MAX_DOMAIN_CHARACTERS = 253 - len("123456789012.12345.mail-manager-smtp.")
_ACCOUNT_ID = re.compile(r"\d{12}")
_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d")
_MAX_SOCKET_PATH_BYTES = 107  # unix(7): sun_path is 108 bytes with its end


@register(Tags.compatibility)
def check_settings(**_arguments: Any) -> list[CheckMessage]:
    return [
        *_address_pool(),
        *_ports(),
        *_certificate(),
        *_names(),
        *_data_dir(),
        *_numbers(),
    ]


def _address_pool() -> Iterator[CheckMessage]:
    hint = "MAILMANAGER_ADDRESS_POOL is a comma-separated list of addresses, ranges and CIDRs: 127.25.0.0/24"
    if not settings.ADDRESS_POOL:
        yield Error("The address pool is empty.", hint=hint, id="mailmanager.E001")
        return
    try:
        read_pool(settings.ADDRESS_POOL)
    except PoolError as error:
        yield Error(f"The address pool can't be read: {error}.", hint=hint, id="mailmanager.E002")


def _ports() -> Iterator[CheckMessage]:
    for name in ("SMTP_PORT", "SUBMISSION_PORT"):
        port = getattr(settings, name)
        if not _is_port(port):
            yield Error(f"MAILMANAGER_{name} is {port}.", hint="A port is 1 to 65535.", id="mailmanager.E003")
    if settings.SMTP_PORT == settings.SUBMISSION_PORT:
        yield Error(
            "MAILMANAGER_SMTP_PORT and MAILMANAGER_SUBMISSION_PORT are the same.",
            hint="They stand for 25 and 587 on the same address.",
            id="mailmanager.E004",
        )
    addresses = [("MAILMANAGER_HTTP", settings.HTTP_ADDRESS, True)]
    addresses += [("MAILMANAGER_DNS", settings.DNS_ADDRESS, False)]
    if settings.METRICS_ADDRESS:
        addresses += [("MAILMANAGER_METRICS", settings.METRICS_ADDRESS, False)]
    if settings.RESOLVER:
        addresses += [("MAILMANAGER_RESOLVER", settings.RESOLVER, False)]
    for name, value, may_be_name in addresses:
        if not _is_address_and_port(
            value, may_be_name=may_be_name, needs_port=name != "MAILMANAGER_RESOLVER"
        ):
            yield Error(
                f"{name} is {value!r}.", hint="An address and a port: 127.0.0.1:8000", id="mailmanager.E005"
            )


def _is_port(port: int) -> bool:
    return 1 <= port <= 65535


def _is_address_and_port(value: str, *, may_be_name: bool, needs_port: bool) -> bool:
    host, separator, port = value.rpartition(":")
    if not separator or (value.count(":") > 1 and not host.startswith("[")):
        host, port = value, "" if needs_port else "53"
    if not (port.isdecimal() and _is_port(int(port))):
        return False
    try:
        ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return may_be_name and re.fullmatch(rf"({_LABEL}\.)*{_LABEL}", host) is not None
    return True


def _certificate() -> Iterator[CheckMessage]:
    files = {"MAILMANAGER_TLS_CERT": settings.TLS_CERT, "MAILMANAGER_TLS_KEY": settings.TLS_KEY}
    if any(files.values()) and not all(files.values()):
        yield Error(
            "Of MAILMANAGER_TLS_CERT and MAILMANAGER_TLS_KEY only one is set.",
            hint="Set both, or none: then the local CA makes a certificate.",
            id="mailmanager.E006",
        )
    for name, path in files.items():
        if path and not os.access(path, os.R_OK):
            yield Error(
                f"{name}: {path} can't be read.",
                hint="A PEM file that the user whom Mail Manager runs as may read.",
                id="mailmanager.E007",
            )


def _names() -> Iterator[CheckMessage]:
    domain = settings.MAIL_DOMAIN
    if not _DOMAIN.fullmatch(domain) or len(domain) > _MAX_DOMAIN_CHARACTERS:
        yield Error(
            f"MAILMANAGER_MAIL_DOMAIN is {domain!r}.",
            hint=f"At least two labels and at most {_MAX_DOMAIN_CHARACTERS} characters: example.com",
            id="mailmanager.E008",
        )
    if not _ACCOUNT_ID.fullmatch(settings.ACCOUNT_ID):
        yield Error(
            f"MAILMANAGER_ACCOUNT_ID is {settings.ACCOUNT_ID!r}.", hint="12 digits.", id="mailmanager.E009"
        )
    if not _REGION.fullmatch(settings.REGION):
        yield Error(
            f"MAILMANAGER_REGION is {settings.REGION!r}.", hint="As in us-east-1.", id="mailmanager.E010"
        )


def _data_dir() -> Iterator[CheckMessage]:
    if settings.REDIS_IS_EMBEDDED and len(os.fsencode(settings.REDIS_SOCKET)) > _MAX_SOCKET_PATH_BYTES:
        yield Error(
            f"The path of the embedded Redis's socket is too long: {settings.REDIS_SOCKET}",
            hint=f"At most {_MAX_SOCKET_PATH_BYTES} bytes: choose a shorter MAILMANAGER_DATA_DIR.",
            id="mailmanager.E011",
        )
    if settings.DATA_DIR.stat().st_mode & 0o077:
        yield Warning(
            f"Others may look into the data directory {settings.DATA_DIR}, which holds mail and keys.",
            hint=f"chmod 700 {settings.DATA_DIR}",
            id="mailmanager.W001",
        )


def _numbers() -> Iterator[CheckMessage]:
    if settings.LOG_LEVEL not in logging.getLevelNamesMapping():
        yield Error(
            f"MAILMANAGER_LOG_LEVEL is {settings.LOG_LEVEL!r}.",
            hint="DEBUG, INFO, WARNING or ERROR.",
            id="mailmanager.E012",
        )
    for name in _positive():
        if getattr(settings, name) < 1:
            yield Error(
                f"MAILMANAGER_{name} is {getattr(settings, name)}.", hint="1 or more.", id="mailmanager.E013"
            )


def _positive() -> Sequence[str]:
    limits = [
        name for name in dir(settings) if name.startswith("MAX_") and isinstance(getattr(settings, name), int)
    ]
    return ["WEB_PROCESSES", "WORKER_PROCESSES", "INGRESS_PROCESSES", *limits]

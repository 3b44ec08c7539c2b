"""`manage.py sendtest`: a first mail, with nothing installed but Mail Manager itself."""

import smtplib
from argparse import ArgumentParser
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, make_msgid
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

import endpoints.services
from core.errors import NotFound
from endpoints.models import IngressEndpoint
from mailmanager import sample

_TIMEOUT_SECONDS = 30


class Command(BaseCommand):
    help = "Sends a short message to an Open ingress endpoint, as another mail server would."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--endpoint", default=sample.NAME, help="its name or ID (default: %(default)s)")
        parser.add_argument("--to", default="you@example.com", help="recipient (default: %(default)s)")
        parser.add_argument("--from", default="me@example.org", help="sender (default: %(default)s)")
        parser.add_argument("--subject", default="A first mail", help="(default: %(default)s)")

    def handle(self, *_arguments: Any, **options: Any) -> None:
        endpoint = _find(options["endpoint"])
        host = _address_of(endpoint)
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = (
            options["from"],
            options["to"],
            options["subject"],
        )
        message["Date"], message["Message-ID"] = formatdate(), make_msgid(domain="example.org")
        message.set_content("Sent by manage.py sendtest.\n")
        try:
            reply = _send(host, options["from"], options["to"], message)
        except OSError as error:  # smtplib's own errors are OSErrors too
            raise CommandError(f"{host} port {settings.SMTP_PORT}: {error}") from None
        self.stdout.write(f"{host} port {settings.SMTP_PORT} answered: {reply}")


def _find(name_or_id: str) -> IngressEndpoint:
    named = IngressEndpoint.objects.filter(name=name_or_id).first()
    try:
        return named or endpoints.services.get(name_or_id)
    except NotFound as error:
        raise CommandError(str(error)) from None


def _address_of(endpoint: IngressEndpoint) -> str:
    if endpoint.status != IngressEndpoint.Status.ACTIVE:
        raise CommandError(
            f"{endpoint.name} is {endpoint.get_status_display()}; it takes mail once it is Active"
        )
    return str(endpoint.addresses.values_list("address", flat=True)[0])


def _send(host: str, reverse_path: str, forward_path: str, message: EmailMessage) -> str:
    """The reply that ended the transaction, whichever command it answers."""
    with smtplib.SMTP(host, settings.SMTP_PORT, timeout=_TIMEOUT_SECONDS) as client:
        client.ehlo_or_helo_if_needed()
        code, text = client.mail(reverse_path)
        if code < 400:
            code, text = client.rcpt(forward_path)
        if code < 400:
            code, text = client.data(message.as_bytes(policy=SMTP))
    return f"{code} {text.decode('utf-8', 'replace')}"

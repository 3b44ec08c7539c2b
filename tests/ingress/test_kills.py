"""kill -9 of the ingress under load: nothing that got its 250 is missing afterwards."""

import contextlib
import smtplib
import threading
import time

import pytest

from mailflow.models import SpoolContent
from tests.ingress.conftest import ADDRESSES

pytestmark = pytest.mark.django_db(transaction=True)

_KILLS = 3
_SENDERS = 8


def _send_until_it_dies(address: str, port: int, accepted: list[str], number: int) -> None:
    with (
        contextlib.suppress(OSError, smtplib.SMTPException),
        smtplib.SMTP(address, port, timeout=10) as client,
    ):
        client.ehlo("c.example")
        for count in range(100_000):
            text = f"Subject: {number}.{count}\r\n\r\n" + "x" * 70 + "\r\n"
            client.mail("a@x.example")
            client.rcpt("b@y.example")
            code, reply = client.data(text.encode())
            if code == 250:
                accepted.append(reply.decode().rpartition(" ")[2])


def test_what_got_its_250_survives_every_kill(make_endpoint, start):
    make_endpoint(ADDRESSES[0])
    accepted: list[str] = []
    port = None
    for _ in range(_KILLS):
        process, port = start(port=port)
        before = len(accepted)
        senders = [
            threading.Thread(target=_send_until_it_dies, args=(ADDRESSES[0], port, accepted, number))
            for number in range(_SENDERS)
        ]
        for sender in senders:
            sender.start()
        while len(accepted) < before + 100:
            time.sleep(0.01)
        process.kill()
        for sender in senders:
            sender.join()
    stored = set(SpoolContent.objects.values_list("pk", flat=True))
    assert len(set(accepted)) == len(accepted) >= _KILLS * 100
    assert set(accepted) <= stored
    # What is there beyond that was under way when the ingress died: at most one for each session.
    assert len(stored) - len(accepted) <= _KILLS * _SENDERS

"""The servers of the test ground do what tests rely on."""

import smtplib

import dns.message
import dns.query
import dns.rcode
import pytest
from django.conf import settings
from django.db import connections

from access.models import User
from core import reply

MESSAGE = b"Subject: hello\r\n\r\n.dot\r\n..two\r\n"


def test_smtp_peer_keeps_what_it_accepts(smtp_peer):
    with smtplib.SMTP(smtp_peer.host, smtp_peer.port) as client:
        client.sendmail("a@x.example", ["b@y.example", "c@y.example"], MESSAGE)
    (message,) = smtp_peer.wait_for(1)
    assert message.reverse_path == "a@x.example"
    assert message.forward_paths == ("b@y.example", "c@y.example")
    assert message.content == MESSAGE
    assert not message.is_tls


def test_smtp_peer_answers_as_told_and_recovers(smtp_peer, dial):
    smtp_peer.answers("MAIL", "451 4.3.0 Later", times=1)
    smtp_peer.refuses("b@y.example", "550 5.1.1 No such user")
    with dial(smtp_peer) as peer:
        assert peer.says("EHLO c.example", "MAIL FROM:<a@x.example>").code == 451
        assert peer.says("MAIL FROM:<a@x.example>").code == 250
        assert peer.says("RCPT TO:<b@y.example>").code == 550
        assert peer.says("RCPT TO:<c@y.example>").code == 250
        assert peer.heard(reply.RECIPIENT_OK)
        smtp_peer.recovers()
        assert peer.says("RCPT TO:<b@y.example>").code == 250


def test_smtp_peer_closes_as_told(smtp_peer, dial):
    smtp_peer.closes("content")
    with dial(smtp_peer) as peer:
        peer.says("EHLO c.example", "MAIL FROM:<>", "RCPT TO:<b@y.example>", "DATA")
        assert peer.heard(reply.Reply(354, "", "Go ahead"))
        assert not peer.sends_message(b"").lines
        assert peer.is_closed
    assert smtp_peer.messages == []


def test_smtp_peer_speaks_tls(make_smtp_peer, server_tls, client_tls):
    peer = make_smtp_peer(tls=server_tls)
    with smtplib.SMTP(peer.host, peer.port) as client:
        client.starttls(context=client_tls)
        client.sendmail("a@x.example", ["b@y.example"], MESSAGE)
    assert peer.wait_for(1)[0].is_tls


def test_lmtp_peer_answers_for_each_recipient(lmtp_peer, dial):
    lmtp_peer.refuses("b@y.example", "452 4.2.2 Full", after_content=True)
    with dial(lmtp_peer) as peer:
        peer.says("LHLO c.example", "MAIL FROM:<>", "RCPT TO:<b@y.example>", "RCPT TO:<c@y.example>", "DATA")
        assert peer.sends_message(MESSAGE).code == 452
        assert peer.hears().code == 250
    assert lmtp_peer.wait_for(1)[0].forward_paths == ("c@y.example",)


@pytest.mark.parametrize("ask", [dns.query.udp, dns.query.tcp])
def test_zone_answers_its_records_and_nxdomain_for_others(zone, ask):
    zone.add("example.com", "MX", "10 mx.example.com.")
    zone.add("alias.example.com", "CNAME", "mx.example.com.")
    zone.add("mx.example.com", "A", "127.0.0.9")

    def answer(name, kind):
        return ask(dns.message.make_query(name, kind), zone.host, port=zone.port, timeout=5)

    assert "10 mx.example.com." in answer("example.com", "MX").answer[0].to_text()
    assert "127.0.0.9" in answer("alias.example.com", "A").answer[1].to_text()
    assert answer("mx.example.com", "AAAA").rcode() == dns.rcode.NOERROR
    assert answer("other.example.com", "A").rcode() == dns.rcode.NXDOMAIN
    zone.fail("mx.example.com")
    assert answer("mx.example.com", "A").rcode() == dns.rcode.SERVFAIL


def test_large_answers_are_fetched_over_tcp(zone):
    zone.add("example.com", "TXT", *[f'"{number:0200d}"' for number in range(20)])
    query = dns.message.make_query("example.com", "TXT", use_edns=False)
    answer, was_tcp = dns.query.udp_with_fallback(query, zone.host, port=zone.port, timeout=5)
    assert was_tcp
    assert len(answer.answer[0]) == 20


@pytest.mark.django_db
def test_a_marked_test_has_every_database():
    for alias in connections:
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT 1")


def test_cast_is_signed_in(owner, colleague, stranger):
    assert {user.username: user.role for user in User.objects.all()} == {
        "owner": "administrator",
        "colleague": "viewer",
    }
    assert owner.session["_auth_user_id"] != colleague.session["_auth_user_id"]
    assert "_auth_user_id" not in stranger.session


@pytest.mark.django_db(transaction=True)
def test_worker_works_on_the_tests_database(worker, redis_server):
    assert redis_server.is_running
    assert " ready." in worker.output
    assert str(settings.DATA_DIR) in settings.REDIS_URL

"""Sessions with a started ingress over real sockets."""

import re
import smtplib
import socket
import ssl
from email.message import EmailMessage

from core import reply
from core.errors import MailError
from endpoints.logic.snapshot import EndpointType
from tests.ingress.machine import ENDPOINT_ID, HOST_NAME, served
from tests.policies.documents import deny, in_list, policy
from tests.servers.process import wait_until


def test_a_message_is_taken_and_its_reply_names_it(make_ingress, dial):
    ingress = make_ingress(served())
    with dial(ingress) as peer:
        assert peer.heard(reply.greeting(HOST_NAME))
        peer.says("EHLO c.example", "MAIL FROM:<a@x.example>", "RCPT TO:<b@y.example>", "DATA")
        assert peer.heard(reply.START_MAIL_INPUT)
        heard = peer.sends_message(b"Subject: hello\r\n\r\n.dot\r\n")
        assert peer.says("QUIT").code == 221
        assert peer.is_closed
    (envelope, content), *others = ingress.stored
    assert not others
    assert heard.lines == (f"250 2.0.0 Ok {envelope.message_id}",)
    assert envelope.reverse_path == "a@x.example"
    assert envelope.forward_paths == ("b@y.example",)
    assert envelope.endpoint_id == ENDPOINT_ID
    assert envelope.peer_address == envelope.endpoint_address == "127.0.0.1"
    assert content.endswith(b"\r\nSubject: hello\r\n\r\n.dot\r\n")
    assert content.startswith(
        b"Received: from c.example ([127.0.0.1])\r\n"
        b"\tby %s with ESMTP\r\n\tid %s\r\n\tfor <b@y.example>;\r\n\t"
        % (HOST_NAME.encode(), envelope.message_id.encode())
    )
    assert re.search(rb"\r\n\t\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d \+0000\r\nSubject", content)


def test_a_batch_of_commands_is_answered_in_order_in_one_piece(make_ingress, dial):
    ingress = make_ingress(served())
    with dial(ingress) as peer:
        peer.says("EHLO c.example")
        peer.sends(
            b"MAIL FROM:<a@x.example>\r\nRCPT TO:<b@y.example>\r\nRCPT TO:<blocked@y.example>\r\nDATA\r\n"
        )
        expected = [reply.SENDER_OK, reply.RECIPIENT_OK, reply.ACCESS_DENIED, reply.START_MAIL_INPUT]
        assert [str(peer.hears()) for _ in expected] == list(map(str, expected))
        peer.sends(b"one\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<c@y.example>\r\nDATA\r\ntwo\r\n.\r\nQUIT\r\n")
        assert [peer.hears().code for _ in range(6)] == [250, 250, 250, 354, 250, 221]
    assert [content.rpartition(b"\r\n\t")[2][33:] for _, content in ingress.stored] == [
        b"one\r\n",
        b"two\r\n",
    ]
    assert ingress.stored[1][0].reverse_path == ""


def test_smtplib_delivers_to_several_recipients(make_ingress):
    ingress = make_ingress(served())
    message = EmailMessage()
    message["Subject"] = "Grüße"
    message.set_content("Zeile\n.\n.." * 20_000)
    with smtplib.SMTP(ingress.host, ingress.port, timeout=10) as client:
        refused = client.send_message(
            message, "a@x.example", ["b@y.example", "blocked@y.example", "c@y.example"]
        )
    assert refused == {"blocked@y.example": (550, b"5.7.1 Recipient refused by policy")}
    envelope, content = ingress.stored[0]
    assert envelope.forward_paths == ("b@y.example", "c@y.example")
    assert b"for <" not in content.partition(b"Subject")[0]
    assert envelope.size_bytes == len(content.partition(b"+0000\r\n")[2])


def test_starttls_protects_the_rest_and_the_field_says_so(make_ingress, dial):
    ingress = make_ingress(served(is_tls_required=True))
    context = ssl.create_default_context(cafile=None)
    with dial(ingress) as peer:
        peer.says("EHLO c.example")
        assert peer.offers("STARTTLS")
        assert peer.says("MAIL FROM:<a@x.example>").code == 530
        assert peer.heard(reply.TLS_REQUIRED)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        peer.starts_tls(context, server_name=HOST_NAME)
        assert peer.says("MAIL FROM:<a@x.example>").lines == (str(reply.NEED_HELO),)
        peer.says("EHLO c.example")
        assert not peer.offers("STARTTLS")
        peer.says("MAIL FROM:<a@x.example>", "RCPT TO:<b@y.example>", "DATA")
        assert peer.sends_message(b"text\r\n").code == 250
        assert peer.says("STARTTLS").lines == (str(reply.TLS_ALREADY),)
        peer.says("QUIT")
    envelope, content = ingress.stored[0]
    assert envelope.tls_version == "TLS1_3"
    assert envelope.tls_cipher
    assert b"with ESMTPS\r\n\t(TLSv1.3, cipher TLS_" in content


def test_a_spool_that_fails_is_told_as_it_says(make_ingress, dial):
    ingress = make_ingress(served())
    ingress.spool.fault = MailError("disk is full of secrets", reply=reply.STORAGE_FULL)
    with dial(ingress) as peer:
        peer.says("EHLO c.example", "MAIL FROM:<a@x.example>", "RCPT TO:<b@y.example>", "DATA")
        peer.sends_message(b"text\r\n")
        assert peer.heard(reply.STORAGE_FULL)


def test_unforeseen_errors_are_temporary_and_tell_only_a_reference(make_ingress, dial):
    ingress = make_ingress(served())
    ingress.spool.fault = RuntimeError("inside words")
    with dial(ingress) as peer:
        peer.says("EHLO c.example", "MAIL FROM:<a@x.example>", "RCPT TO:<b@y.example>", "DATA")
        heard = peer.sends_message(b"text\r\n")
        assert re.fullmatch(r"451 4\.3\.0 Local error in processing, reference [0-9a-f]{12}", str(heard))
        assert peer.says("NOOP").code == 250


def test_refusals_are_recorded_with_what_the_policy_said(make_ingress, dial):
    ingress = make_ingress(served())
    with dial(ingress) as peer:
        peer.says("EHLO c.example", "MAIL FROM:<a@x.example>", "RCPT TO:<blocked@y.example>")
        assert peer.heard(reply.ACCESS_DENIED)
    (refusal,) = ingress.refusals.kept
    assert (refusal.recipient, refusal.reverse_path, refusal.helo) == (
        "blocked@y.example",
        "a@x.example",
        "c.example",
    )
    assert refusal.explanation["Verdict"] == "DENY"
    assert refusal.explanation["Statement"] == 0


def test_a_recipient_whose_address_list_can_not_be_read_may_try_again(make_ingress, dial):
    ingress = make_ingress(served(document=policy("ALLOW", deny(in_list("al-unreadable")))))
    with dial(ingress) as peer:
        peer.says("EHLO c.example", "MAIL FROM:<a@x.example>", "RCPT TO:<b@y.example>")
        assert peer.heard(reply.ACCESS_UNKNOWN)
    (refusal,) = ingress.refusals.kept
    assert refusal.explanation["Verdict"] == "UNKNOWN"


def test_a_closed_endpoint_answers_421_and_closes(make_ingress, dial):
    ingress = make_ingress(served(is_open_for_mail=False))
    with dial(ingress) as peer:
        assert peer.heard(reply.ENDPOINT_CLOSED)
        assert peer.is_closed


def test_an_endpoint_being_provisioned_greets_and_takes_no_mail(make_ingress, dial):
    ingress = make_ingress(served(is_open_for_mail=False, is_probed=True))
    with dial(ingress) as peer:
        assert peer.heard(220)
        peer.says("EHLO c.example", "MAIL FROM:<a@x.example>")
        assert peer.heard(reply.ENDPOINT_NOT_READY)


def test_a_session_whose_endpoint_closes_ends_after_its_transaction(make_ingress, dial):
    ingress = make_ingress(served())
    with dial(ingress) as busy, dial(ingress) as idle:
        busy.says("EHLO c.example", "MAIL FROM:<a@x.example>", "RCPT TO:<b@y.example>", "DATA")
        ingress.serve(served(is_open_for_mail=False))
        assert idle.hears().lines == (str(reply.ENDPOINT_CLOSED),)
        assert idle.is_closed
        assert busy.sends_message(b"text\r\n").code == 250
        assert busy.hears().lines == (str(reply.ENDPOINT_CLOSED),)
        assert busy.is_closed
    assert len(ingress.stored) == 1


def test_new_terms_hold_from_the_next_command_on(make_ingress, dial):
    ingress = make_ingress(served())
    with dial(ingress) as peer:
        peer.says("EHLO c.example", "MAIL FROM:<a@x.example>", "RCPT TO:<b@y.example>")
        assert peer.heard(reply.RECIPIENT_OK)
        ingress.serve(served(document=policy("DENY")))
        peer.says("RCPT TO:<c@y.example>")
        assert peer.heard(reply.ACCESS_DENIED)


def test_an_authenticated_endpoint_listens_for_submission_too(make_ingress, dial):
    ingress = make_ingress(served(type=EndpointType.AUTH, is_tls_required=True))
    assert len(ingress.ports) == 2
    for port in ingress.ports:
        with dial((ingress.host, port)) as peer:
            assert peer.heard(220)


def test_listeners_come_and_go_without_touching_others(make_ingress, dial):
    first, second = served(), served(id="inp-2", addresses=("127.0.0.2",), host_name="second.example")
    ingress = make_ingress(first)
    port = ingress.port
    with dial(ingress) as peer:
        ingress.serve(first, second)
        other = next(one for one in ingress.engine.listeners if one.address == "127.0.0.2")
        with dial((other.address, other.port)) as at_second:
            assert at_second.heard(reply.greeting("second.example"))
            ingress.serve(first)
            assert at_second.hears().code == 421
        assert peer.says("NOOP").code == 250
    assert ingress.port == port
    with dial(ingress) as peer:
        assert peer.heard(220)


def test_a_taken_port_is_retried_until_it_is_free(make_ingress, dial):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ingress = make_ingress(served(), smtp_port=port)
        assert not next(iter(ingress.engine.listeners)).is_listening
    wait_until(lambda: next(iter(ingress.engine.listeners)).is_listening, "the port is listened on")
    with dial(("127.0.0.1", port)) as peer:
        assert peer.heard(220)


def test_shutdown_finishes_what_is_under_way(make_ingress, dial):
    ingress = make_ingress(served())
    with dial(ingress) as busy, dial(ingress) as idle:
        busy.says("EHLO c.example", "MAIL FROM:<a@x.example>", "RCPT TO:<b@y.example>", "DATA")
        stopping = ingress.begins(ingress.engine.stop())
        assert idle.hears().lines == (str(reply.SHUTTING_DOWN),)
        assert busy.sends_message(b"text\r\n").code == 250
        assert busy.hears().lines == (str(reply.SHUTTING_DOWN),)
        idle.close()
        busy.close()
        stopping.result(10)
    assert len(ingress.stored) == 1


def test_shutdown_waits_no_longer_than_it_may(make_ingress, dial):
    ingress = make_ingress(served(), shutdown_seconds=0.2)
    with dial(ingress) as peer:
        peer.says("EHLO c.example", "MAIL FROM:<a@x.example>")
        ingress.stop()
        assert peer.hears().lines == (str(reply.SHUTTING_DOWN),)

"""Messages handed on to real servers: who gets which result, and how often a server is called."""

import asyncio
import socket
from functools import partial

import pytest

from mailflow import smtp_lines
from mailflow.actions.contract import Finish
from mailflow.smtp_client import Transaction, close_connections, deliver
from relays.conversation import Target, Timeouts, TlsUse
from tests.servers.process import wait_until

CONTENT = b"Subject: hello\r\n\r\n.dot\r\nbody\r\n..two\r\n"
DONE, TEMPORARY, PERMANENT = Finish.DONE, Finish.TEMPORARY, Finish.PERMANENT


def target(peer, **changes):
    return Target(**{"host": peer.host, "port": peer.port, "is_lmtp": peer.lmtp, **changes})


def transaction(*recipients, **changes):
    recipients = recipients or ("b@y.example",)
    return Transaction(
        **{"reverse_path": "a@x.example", "recipients": recipients, "content": CONTENT, **changes}
    )


def send(peer, *transactions, at_once=False, timeouts=None, **changes):
    """The results of each transaction, one after the other on one loop, as a batch is."""

    async def batch():
        wishes = [deliver(target(peer, **changes), wish, timeouts) for wish in transactions]
        try:
            if at_once:
                return await asyncio.gather(*wishes)
            return [await wish for wish in wishes]
        finally:
            await close_connections()

    return asyncio.run(batch())


def finishes(results):
    return [result.finish for result in results]


def test_a_message_arrives_byte_for_byte(smtp_peer):
    ((result,),) = send(smtp_peer, transaction())
    assert (result.recipient, result.finish, result.status) == ("b@y.example", DONE, "2.0.0")
    assert result.words == "127.0.0.1 said 250 2.0.0 Ok"
    assert result.remote == "127.0.0.1"
    (message,) = smtp_peer.wait_for(1)
    assert (message.reverse_path, message.content) == ("a@x.example", CONTENT)


@pytest.mark.parametrize(
    "content", [b"", b".\r\n", b"\r\n.\r\n", b"no end", b"..\r\n.", b"x" * 3_000_000 + b"\r\n"]
)
def test_every_content_ends_where_it_ends(smtp_peer, content):
    ((result,),) = send(smtp_peer, transaction(content=content))
    assert result.finish is DONE
    expected = content if content.endswith(b"\r\n") or not content else content + b"\r\n"
    assert smtp_peer.wait_for(1)[0].content == expected


def test_the_null_reverse_path_is_sent_as_it_is(smtp_peer):
    send(smtp_peer, transaction(reverse_path=""))
    assert "MAIL FROM:<>" in smtp_peer.commands


@pytest.mark.parametrize("extensions", [("PIPELINING", "ENHANCEDSTATUSCODES"), ()])
def test_each_recipient_has_its_own_reply(smtp_peer, extensions):
    smtp_peer.offers = extensions
    smtp_peer.refuses("b@y.example", "550 5.1.1 No such user")
    smtp_peer.refuses("c@y.example", "450 4.2.0 Busy")
    (results,) = send(smtp_peer, transaction("a@y.example", "b@y.example", "c@y.example", "d@y.example"))
    assert [(result.recipient, result.finish, result.status) for result in results] == [
        ("a@y.example", DONE, "2.0.0"),
        ("b@y.example", PERMANENT, "5.1.1"),
        ("c@y.example", TEMPORARY, "4.2.0"),
        ("d@y.example", DONE, "2.0.0"),
    ]
    assert results[1].words == "127.0.0.1 said 550 5.1.1 No such user"
    assert smtp_peer.wait_for(1)[0].forward_paths == ("a@y.example", "d@y.example")


@pytest.mark.parametrize("extensions", [("PIPELINING",), ()])
def test_a_connection_is_used_again_after_a_transaction_that_failed(smtp_peer, extensions):
    smtp_peer.offers = extensions
    smtp_peer.refuses("b@y.example", "550 5.1.1 No such user")
    refused, taken = send(smtp_peer, transaction("b@y.example"), transaction("c@y.example"))
    assert (finishes(refused), finishes(taken)) == ([PERMANENT], [DONE])
    assert smtp_peer.connections == 1


def test_a_server_that_takes_data_without_recipients_is_sent_nothing(smtp_peer):
    smtp_peer.takes_data_without_recipients = True
    smtp_peer.refuses("b@y.example", "550 5.1.1 No such user")
    refused, taken = send(smtp_peer, transaction("b@y.example"), transaction("c@y.example"))
    assert (finishes(refused), finishes(taken)) == ([PERMANENT], [DONE])
    assert [message.forward_paths for message in smtp_peer.wait_for(1)] == [("c@y.example",)]


@pytest.mark.parametrize("extensions", [("PIPELINING",), ()])
@pytest.mark.parametrize(
    ("stage", "reply", "expected"),
    [
        ("MAIL", "451 4.3.0 Later", (TEMPORARY, "4.3.0")),
        ("MAIL", "550 5.7.1 Not you", (PERMANENT, "5.7.1")),
        ("RCPT", "552 Too many recipients", (TEMPORARY, "4.5.3")),
        ("RCPT", "552 5.2.2 Full", (PERMANENT, "5.2.2")),
        ("DATA", "451 4.3.0 Later", (TEMPORARY, "4.3.0")),
        ("DATA", "554 5.5.1 No", (PERMANENT, "5.5.1")),
        ("content", "451 4.3.0 Later", (TEMPORARY, "4.3.0")),
        ("content", "554 5.6.0 No", (PERMANENT, "5.6.0")),
        # Before a transaction begins nothing is refused for good.
        ("connect", "554 5.3.2 No service", (TEMPORARY, "4.4.1")),
        ("connect", "421 4.3.2 Closed", (TEMPORARY, "4.4.1")),
        ("connect", "SSH-2.0-OpenSSH_9.2", (TEMPORARY, "4.4.1")),
        ("EHLO", "550 5.7.1 Not you", (TEMPORARY, "4.4.1")),
    ],
)
def test_replies_decide_at_every_stage(smtp_peer, extensions, stage, reply, expected):
    smtp_peer.offers = extensions
    smtp_peer.answers(stage, reply)
    (results,) = send(smtp_peer, transaction("b@y.example", "c@y.example"))
    assert [(result.finish, result.status) for result in results] == [expected, expected]
    assert reply[4:] in results[0].words
    assert smtp_peer.messages == []


@pytest.mark.parametrize(("stage", "reply"), [("DATA", "250 2.0.0 Ok"), ("content", "354 Go ahead")])
def test_a_reply_that_means_nothing_where_it_stands_is_temporary(smtp_peer, stage, reply):
    smtp_peer.answers(stage, reply)
    ((result,),) = send(smtp_peer, transaction())
    assert result.finish is TEMPORARY


@pytest.mark.parametrize("extensions", [("PIPELINING",), ()])
@pytest.mark.parametrize("stage", ["connect", "EHLO", "MAIL", "RCPT", "DATA", "content"])
def test_a_connection_that_breaks_is_temporary_at_every_stage(smtp_peer, extensions, stage):
    smtp_peer.offers = extensions
    smtp_peer.closes(stage)
    (results,) = send(smtp_peer, transaction("b@y.example", "c@y.example"))
    assert finishes(results) == [TEMPORARY, TEMPORARY]
    assert "closed the connection" in results[0].words or "reset" in results[0].words


def test_what_was_settled_before_a_connection_broke_stays_settled(smtp_peer):
    smtp_peer.refuses("b@y.example", "550 5.1.1 No such user")
    smtp_peer.closes("content")
    (results,) = send(smtp_peer, transaction("b@y.example", "c@y.example"))
    assert finishes(results) == [PERMANENT, TEMPORARY]


@pytest.mark.parametrize("stage", ["connect", "EHLO", "MAIL", "RCPT", "DATA", "content"])
def test_a_silent_server_is_temporary_at_every_stage(smtp_peer, stage):
    smtp_peer.waits(stage, 30)
    impatient = Timeouts(greeting=0.1, command=0.1, data=0.1, content=0.1, quit=0.1)
    ((result,),) = send(smtp_peer, transaction(), timeouts=impatient)
    assert result.finish is TEMPORARY
    assert "took too long" in result.words


def test_one_delivery_has_a_bound_in_all(smtp_peer, monkeypatch):
    monkeypatch.setattr(smtp_lines, "ATTEMPT_SECONDS", 0.2)
    smtp_peer.waits("MAIL", 30)
    ((result,),) = send(smtp_peer, transaction())
    assert result.finish is TEMPORARY
    assert "took too long" in result.words


def test_nobody_listening_is_temporary():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

        async def attempt():
            return await deliver(Target("127.0.0.1", port), transaction())

        (result,) = asyncio.run(attempt())
    assert (result.finish, result.status) == (TEMPORARY, "4.4.1")
    assert "refused" in result.words


def test_a_server_that_knows_only_helo_is_greeted_so(smtp_peer):
    smtp_peer.answers("EHLO", "502 5.5.1 Not implemented", times=1)
    ((result,),) = send(smtp_peer, transaction())
    assert result.finish is DONE
    assert any(command.startswith("HELO ") for command in smtp_peer.commands)


# --- connections ----------------------------------------------------------------------------------


def test_messages_of_a_batch_share_a_connection(smtp_peer):
    results = send(smtp_peer, *[transaction(f"b{number}@y.example") for number in range(20)])
    assert all(result.finish is DONE for (result,) in results)
    assert smtp_peer.connections == 1
    assert smtp_peer.commands[-1] == "QUIT"


def test_a_target_has_only_so_many_connections(smtp_peer, settings):
    settings.RELAY_CONNECTIONS = 3
    results = send(smtp_peer, *[transaction(f"b{number}@y.example") for number in range(30)], at_once=True)
    assert all(result.finish is DONE for (result,) in results)
    assert len(smtp_peer.wait_for(30)) == 30
    assert smtp_peer.connections == 3


@pytest.mark.parametrize("order", ["421", "close"])
def test_a_connection_that_died_while_idle_is_replaced(smtp_peer, order):
    async def batch():
        first = await deliver(target(smtp_peer), transaction())
        if order == "421":
            smtp_peer.answers("MAIL", "421 4.4.2 Idle for too long", times=1)
        else:
            smtp_peer.closes("MAIL", times=1)
        second = await deliver(target(smtp_peer), transaction())
        await close_connections()
        return first + second

    assert finishes(asyncio.run(batch())) == [DONE, DONE]
    assert smtp_peer.connections == 2
    assert len(smtp_peer.wait_for(2)) == 2


def test_idle_connections_are_closed_after_a_while(smtp_peer, monkeypatch):
    monkeypatch.setattr(smtp_lines, "IDLE_SECONDS", 0.1)

    async def batch():
        await deliver(target(smtp_peer), transaction())
        quitting = partial(wait_until, lambda: "QUIT" in smtp_peer.commands, "a QUIT")
        await asyncio.to_thread(quitting)

    asyncio.run(batch())


def test_connections_end_with_their_loop(smtp_peer):
    async def batch():
        return await deliver(target(smtp_peer), transaction())

    for _ in range(2):
        assert finishes(asyncio.run(batch())) == [DONE]
    assert smtp_peer.connections == 2


def test_who_waits_for_a_server_that_is_away_is_told_with_the_first(smtp_peer):
    smtp_peer.answers("connect", "421 4.3.2 Closed")
    results = send(smtp_peer, *[transaction() for _ in range(10)], at_once=True)
    assert all(result.finish is TEMPORARY for (result,) in results)
    assert smtp_peer.connections == 1
    smtp_peer.recovers()
    assert finishes(send(smtp_peer, transaction())[0]) == [DONE]


def test_recipients_beyond_a_servers_limit_go_in_further_transactions(smtp_peer):
    smtp_peer.answers("RCPT", "250 2.1.5 Ok", times=2)
    smtp_peer.answers("RCPT", "452 4.5.3 Too many recipients", times=2)
    (results,) = send(smtp_peer, transaction(*[f"b{number}@y.example" for number in range(4)]))
    assert finishes(results) == [DONE] * 4
    assert [message.forward_paths for message in smtp_peer.wait_for(2)] == [
        ("b0@y.example", "b1@y.example"),
        ("b2@y.example", "b3@y.example"),
    ]


# --- TLS ------------------------------------------------------------------------------------------


@pytest.fixture
def trusted(settings, ca, tmp_path):
    """The test CA is one that we trust."""
    file = tmp_path / "ca.pem"
    ca.cert_pem.write_to_path(str(file))
    settings.OUTBOUND_CA_FILE = str(file)


def test_tls_is_used_when_offered_whatever_the_certificate(make_smtp_peer, server_tls):
    peer = make_smtp_peer(tls=server_tls)
    assert finishes(send(peer, transaction())[0]) == [DONE]
    assert peer.wait_for(1)[0].is_tls


@pytest.mark.parametrize("trouble", ["refused", "handshake"])
def test_optional_tls_that_does_not_work_is_left_out(make_smtp_peer, server_tls, trouble):
    peer = make_smtp_peer(tls=server_tls)
    if trouble == "refused":
        peer.answers("STARTTLS", "454 4.7.0 Not now")
    else:
        peer.closes("STARTTLS")
    assert finishes(send(peer, transaction())[0]) == [DONE]
    assert not peer.wait_for(1)[0].is_tls


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.usefixtures("trusted")
def test_required_tls_checks_the_certificate_for_name_and_address(make_smtp_peer, server_tls, host):
    peer = make_smtp_peer(tls=server_tls)
    assert finishes(send(peer, transaction(), tls=TlsUse.REQUIRED, host=host)[0]) == [DONE]
    assert peer.wait_for(1)[0].is_tls


def test_required_tls_sends_nothing_to_a_certificate_that_is_not_trusted(make_smtp_peer, server_tls):
    peer = make_smtp_peer(tls=server_tls)
    ((result,),) = send(peer, transaction(), tls=TlsUse.REQUIRED)
    assert result.finish is TEMPORARY
    assert "certificate" in result.words
    assert not any(command.startswith("MAIL") for command in peer.commands)


@pytest.mark.usefixtures("trusted")
def test_required_tls_sends_nothing_in_the_clear(make_smtp_peer, server_tls):
    without, refusing = make_smtp_peer(), make_smtp_peer(tls=server_tls)
    refusing.answers("STARTTLS", "454 4.7.0 Not now")
    for peer in (without, refusing):
        ((result,),) = send(peer, transaction(), tls=TlsUse.REQUIRED)
        assert result.finish is TEMPORARY
        assert "TLS is required" in result.words
        assert peer.messages == []


def test_replies_smuggled_in_before_tls_end_the_connection(make_smtp_peer, server_tls):
    peer = make_smtp_peer(tls=server_tls)
    peer.answers("STARTTLS", "220 2.0.0 Go ahead\r\n250-peer.example\r\n250 SIZE 1", times=1)
    ((result,),) = send(peer, transaction(), tls=TlsUse.REQUIRED)
    assert result.finish is TEMPORARY
    assert "between STARTTLS and the handshake" in result.words


# --- extensions -----------------------------------------------------------------------------------


def test_size_and_8bit_content_are_announced(smtp_peer):
    smtp_peer.offers = ("SIZE 1000", "8BITMIME", "SMTPUTF8")
    content = "Subject: hello\r\n\r\nmünchen\r\n".encode()
    assert finishes(send(smtp_peer, transaction(content=content))[0]) == [DONE]
    assert smtp_peer.wait_for(1)[0].parameters == (f"SIZE={len(content)}", "BODY=8BITMIME")


def test_a_message_too_large_for_the_server_is_not_sent(smtp_peer):
    smtp_peer.offers = ("SIZE 10",)
    ((result,),) = send(smtp_peer, transaction())
    assert (result.finish, result.status) == (PERMANENT, "5.3.4")
    assert "takes at most 10" in result.words
    assert not any(command.startswith("MAIL") for command in smtp_peer.commands)


@pytest.mark.parametrize(
    "changes",
    [
        {"recipients": ("\u3042@y.example",)},
        {"reverse_path": "a@\u4f8b\u3048.example"},
        {"content": "Subject: \u3042\r\n\r\n".encode(), "is_smtputf8": True},
    ],
)
def test_letters_beyond_ascii_need_smtputf8(smtp_peer, changes):
    ((result,),) = send(smtp_peer, transaction(**changes))
    assert result.finish is DONE
    assert "SMTPUTF8" in smtp_peer.wait_for(1)[0].parameters
    smtp_peer.offers = ("PIPELINING",)
    ((result,),) = send(smtp_peer, transaction(**changes))
    assert (result.finish, result.status) == (PERMANENT, "5.6.7")
    assert "does not offer SMTPUTF8" in result.words


def test_a_message_announced_as_smtputf8_that_needs_it_not_goes_without(smtp_peer):
    smtp_peer.offers = ()
    assert finishes(send(smtp_peer, transaction(is_smtputf8=True))[0]) == [DONE]


def test_addresses_never_break_out_of_their_line(smtp_peer):
    (results,) = send(smtp_peer, transaction("b@y.example>\r\nRCPT TO:<c@y.example", "d@y.example"))
    assert finishes(results) == [PERMANENT, DONE]
    assert smtp_peer.wait_for(1)[0].forward_paths == ("d@y.example",)


# --- LMTP -----------------------------------------------------------------------------------------


def test_lmtp_answers_for_each_recipient_after_the_content(lmtp_peer):
    lmtp_peer.refuses("b@y.example", "452 4.2.2 Full", after_content=True)
    lmtp_peer.refuses("c@y.example", "550 5.1.1 No such user")
    lmtp_peer.refuses("d@y.example", "554 5.6.0 No", after_content=True)
    (results,) = send(lmtp_peer, transaction(*[f"{letter}@y.example" for letter in "abcde"]))
    assert finishes(results) == [DONE, TEMPORARY, PERMANENT, PERMANENT, DONE]
    assert lmtp_peer.wait_for(1)[0].forward_paths == ("a@y.example", "e@y.example")
    assert any(command.startswith("LHLO ") for command in lmtp_peer.commands)


def test_lmtp_that_breaks_between_replies_leaves_only_the_rest_open(lmtp_peer):
    lmtp_peer.answers("content", "250 2.0.0 Ok", times=1)
    lmtp_peer.closes("content")
    (results,) = send(lmtp_peer, transaction("a@y.example", "b@y.example"))
    assert finishes(results) == [DONE, TEMPORARY]

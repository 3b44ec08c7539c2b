"""Many messages to one server: each follows the last on the same connections, and none is lost between."""

import asyncio

import pytest

from mailflow import smtp_lines
from mailflow.actions.contract import Finish, NotNow
from mailflow.smtp_client import Transaction, close_connections, deliver
from relays.conversation import Target
from tests.servers.process import wait_until

DONE, TEMPORARY, PERMANENT = Finish.DONE, Finish.TEMPORARY, Finish.PERMANENT


def transactions(count):
    content = "Subject: {}\r\n\r\n.dot\r\n"
    return [
        Transaction("a@x.example", (f"b{number}@y.example",), content.format(number).encode())
        for number in range(count)
    ]


def send(peer, wishes):
    """What becomes of each, all given at once: its Finish, or what was raised."""

    async def batch():
        target = Target(peer.host, peer.port, is_lmtp=peer.lmtp)
        answers = await asyncio.gather(*(deliver(target, one) for one in wishes), return_exceptions=True)
        await close_connections()
        return [answer if isinstance(answer, BaseException) else answer[0].finish for answer in answers]

    return asyncio.run(batch())


@pytest.fixture
def one_connection(settings):
    settings.RELAY_CONNECTIONS = 1


@pytest.mark.usefixtures("one_connection")
@pytest.mark.parametrize("extensions", [("PIPELINING",), ()])
def test_messages_follow_each_other_in_order_on_one_connection(smtp_peer, extensions):
    smtp_peer.offers = extensions
    wishes = transactions(30)
    assert send(smtp_peer, wishes) == [DONE] * 30
    assert [message.content for message in smtp_peer.wait_for(30)] == [one.content for one in wishes]
    assert smtp_peer.connections == 1
    assert smtp_peer.commands[-1] == "QUIT"


@pytest.mark.usefixtures("one_connection")
@pytest.mark.parametrize("extensions", [("PIPELINING",), ()])
@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA", "content"])
def test_a_refusal_in_the_middle_concerns_one_message(smtp_peer, extensions, stage):
    smtp_peer.offers = extensions
    smtp_peer.answers(stage, "250 2.1.0 Ok" if stage != "DATA" else "354 Go ahead", times=5)
    smtp_peer.answers(stage, "550 5.7.1 Not this one", times=1)
    expected = [DONE] * 5 + [PERMANENT] + [DONE] * 14
    assert send(smtp_peer, transactions(20)) == expected
    assert len(smtp_peer.wait_for(19)) == 19


@pytest.mark.usefixtures("one_connection")
@pytest.mark.parametrize("extensions", [("PIPELINING",), ()])
def test_a_connection_that_breaks_in_mid_batch_costs_the_message_under_way(smtp_peer, extensions):
    smtp_peer.offers = extensions
    smtp_peer.answers("content", "250 2.0.0 Ok", times=5)
    smtp_peer.closes("content", times=1)
    assert send(smtp_peer, transactions(20)) == [DONE] * 5 + [TEMPORARY] + [DONE] * 14
    assert smtp_peer.connections == 2
    arrived = [message.forward_paths[0] for message in smtp_peer.wait_for(19)]
    assert arrived == [f"b{number}@y.example" for number in range(20) if number != 5]


@pytest.mark.usefixtures("one_connection")
@pytest.mark.parametrize("order", ["421", "close"])
def test_a_server_that_ends_the_connection_after_each_message_gets_them_all_once(smtp_peer, order):
    # Its MAIL was sent already, behind the content of the message before.
    for _ in range(4):
        smtp_peer.answers("MAIL", "250 2.1.0 Ok", times=1)
        if order == "421":
            smtp_peer.answers("MAIL", "421 4.7.0 One at a time", times=1)
        else:
            smtp_peer.closes("MAIL", times=1)
    assert send(smtp_peer, transactions(5)) == [DONE] * 5
    assert smtp_peer.connections == 5
    assert len(smtp_peer.wait_for(5)) == 5


def test_a_server_that_takes_few_connections_gets_all_on_those(smtp_peer):
    smtp_peer.answers("connect", "220 peer.example ESMTP", times=1)
    smtp_peer.answers("connect", "421 4.7.0 Too many connections")
    assert send(smtp_peer, transactions(40)) == [DONE] * 40
    assert {message.connection for message in smtp_peer.wait_for(40)} == {1}


def test_a_server_that_is_away_is_asked_once_for_all_that_wait(smtp_peer):
    smtp_peer.closes("connect")
    assert send(smtp_peer, transactions(40)) == [TEMPORARY] * 40
    assert smtp_peer.connections == 1


def test_what_waits_for_a_server_that_does_not_get_on_comes_back_untried(smtp_peer, settings, monkeypatch):
    settings.RELAY_CONNECTIONS = 2
    monkeypatch.setattr(smtp_lines, "STUCK_SECONDS", 0.3)
    smtp_peer.waits("content", 1.5)
    ended = send(smtp_peer, transactions(20))
    # Each connection has one message whose answer it waits for, and one that it began behind that.
    assert [one for one in ended if not isinstance(one, NotNow)] == [DONE] * 4
    assert len(smtp_peer.wait_for(4)) == 4


def test_a_slow_server_that_gets_on_is_waited_for(smtp_peer, settings, monkeypatch):
    settings.RELAY_CONNECTIONS = 1
    monkeypatch.setattr(smtp_lines, "STUCK_SECONDS", 3.0)
    smtp_peer.waits("content", 0.05)
    assert send(smtp_peer, transactions(20)) == [DONE] * 20


def test_who_has_gone_is_not_delivered_for(smtp_peer, settings):
    settings.RELAY_CONNECTIONS = 1
    smtp_peer.waits("content", 0.5, times=1)

    async def batch():
        target = Target(smtp_peer.host, smtp_peer.port)
        first, second, third = (asyncio.ensure_future(deliver(target, one)) for one in transactions(3))
        await asyncio.to_thread(wait_until, lambda: "DATA" in smtp_peer.commands, "the first under way")
        third.cancel()
        await asyncio.gather(first, second)
        await close_connections()

    asyncio.run(batch())
    assert [message.forward_paths[0] for message in smtp_peer.wait_for(2)] == ["b0@y.example", "b1@y.example"]


def test_a_message_that_can_not_be_said_harms_no_other(smtp_peer, settings):
    settings.RELAY_CONNECTIONS = 1
    wishes = transactions(10)
    wishes[4] = Transaction("a@x.example", ("\ud800@y.example",), b"Subject: 4\r\n\r\n")
    smtp_peer.offers = ("PIPELINING", "SMTPUTF8")
    ended = send(smtp_peer, wishes)
    assert isinstance(ended.pop(4), UnicodeEncodeError)
    assert ended == [DONE] * 9
    assert smtp_peer.connections == 1


def test_lmtp_messages_follow_each_other_too(lmtp_peer, settings):
    settings.RELAY_CONNECTIONS = 1
    lmtp_peer.refuses("b3@y.example", "452 4.2.2 Full", after_content=True)
    assert send(lmtp_peer, transactions(8)) == [DONE] * 3 + [TEMPORARY] + [DONE] * 4
    assert lmtp_peer.connections == 1

"""/metrics answers this machine, and whoever brings the token."""

import pytest
from django.test import Client

TOKEN = "a token of the test"


@pytest.fixture
def asked(db):
    """`asked(peer, **headers)`: the status."""

    def ask(peer, **headers):
        return Client().get("/metrics", REMOTE_ADDR=peer, headers=headers).status_code

    return ask


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
def test_this_machine_may_ask(asked, peer):
    assert asked(peer) == 200


@pytest.mark.parametrize("peer", ["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1", ""])
def test_others_may_not(asked, peer):
    assert asked(peer) == 403
    assert asked(peer, Authorization="Bearer ") == 403


def test_who_comes_through_a_proxy_is_not_this_machine(asked):
    assert asked("127.0.0.1", X_Forwarded_For="192.0.2.1") == 403
    assert asked("127.0.0.1", Forwarded="for=192.0.2.1") == 403


def test_the_token_opens_from_anywhere_and_a_wrong_one_from_nowhere(asked, settings):
    settings.METRICS_TOKEN = TOKEN
    assert asked("192.0.2.1", Authorization=f"Bearer {TOKEN}") == 200
    assert asked("192.0.2.1", Authorization=f"bearer {TOKEN}", X_Forwarded_For="192.0.2.9") == 200
    assert asked("127.0.0.1", Authorization="Bearer another") == 403
    assert asked("192.0.2.1", Authorization=f"Basic {TOKEN}") == 403
    assert asked("192.0.2.1", Authorization="Bearer tök") == 403
    assert asked("192.0.2.1") == 403
    assert asked("127.0.0.1") == 200


def test_nobody_changes_anything_there(db):
    assert Client().post("/metrics").status_code == 405

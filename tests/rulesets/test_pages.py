"""The pages of rule sets, by the cast, as a browser without JavaScript uses them."""

from html import unescape

import pytest
from django.urls import reverse

import endpoints.services
from destinations.services import create_bucket, create_mailbox, ensure_local_role
from policies.models import TrafficPolicy
from rulesets import services
from rulesets.models import RuleSet
from tests.rulesets.browsing import url
from tests.rulesets.documents import (
    DROP,
    HOSTILE,
    bucket,
    mailbox,
    relay,
    rule,
)

pytestmark = pytest.mark.django_db


def page(client, address, **data):
    response = client.get(address, data)
    assert response.status_code == 200
    return response.content.decode()


# --- the cast -------------------------------------------------------------------------------------

READ = ["list", "detail", "try"]
WRITE = ["create", "edit", "delete"]


def address(name, rule_set):
    return url(name) if name in ("list", "create") else url(name, rule_set.id)


@pytest.mark.parametrize("name", [*READ, *WRITE])
def test_an_owner_sees_every_page(owner, everything, name):
    assert owner.get(address(name, everything)).status_code == 200


@pytest.mark.parametrize("name", [*READ, *WRITE])
def test_a_colleague_only_reads(colleague, everything, name):
    assert colleague.get(address(name, everything)).status_code == (200 if name in READ else 403)


@pytest.mark.parametrize("name", [*READ, *WRITE])
def test_a_stranger_is_sent_to_sign_in(stranger, everything, name):
    response = stranger.get(address(name, everything))
    assert response.status_code == 302
    assert reverse("access:sign_in") in response["Location"]


@pytest.mark.parametrize("name", ["create", "edit", "delete", "restore", "check"])
def test_a_colleague_changes_nothing(colleague, everything, name):
    target = url(name) if name in ("create", "check") else url(name, everything.id)
    assert colleague.post(target, {"name": "x", "number": "1"}).status_code == 403
    assert RuleSet.objects.count() == 1


def test_a_colleague_is_offered_no_change(colleague, everything):
    html = page(colleague, url("detail", everything.id))
    assert url("edit", everything.id) not in html
    assert url("create") not in page(colleague, url("list"))


@pytest.mark.parametrize("name", ["detail", "edit", "try", "delete"])
def test_a_rule_set_that_is_not_there_is_not_found(owner, name):
    assert owner.get(url(name, "rs-nowhere")).status_code == 404


# --- list and summary -----------------------------------------------------------------------------


def test_an_empty_list_offers_what_ends_it(owner):
    html = page(owner, url("list"))
    assert "No rule sets" in html
    assert url("create") in html


def test_the_list_asks_as_often_for_many_as_for_one(owner, actor, django_assert_max_num_queries):
    for number in range(30):
        services.create(actor, name=f"set-{number:02}", rules=[rule(DROP)])
    with django_assert_max_num_queries(6):
        html = page(owner, url("list"))
    assert "set-00" in html
    assert "set-29" not in html


def test_the_summary_asks_as_often_for_many_rules_as_for_one(
    owner, actor, smarthost, django_assert_max_num_queries
):
    few = services.create(actor, name="few", rules=[rule(mailbox(), bucket(), relay(smarthost.id))])
    many = services.create(actor, name="many", rules=[rule(mailbox(), bucket(), relay(smarthost.id))] * 40)
    page(owner, url("detail", few.id))
    for rule_set in (few, many):
        with django_assert_max_num_queries(14):
            page(owner, url("detail", rule_set.id))


def test_the_summary_tells_rules_in_words_and_lets_nothing_out(owner, everything):
    html = page(owner, url("detail", everything.id))
    assert HOSTILE not in html
    told = unescape(html)
    for words in (
        everything.id,
        everything.arn,
        "Recipient address",
        "EXCEPT in the case of:",
        "192.0.2.0/24",
        "X-Spam",
        "25 MB",
        "smarthost",
        "Email recipients rewrite",
        "Do nothing more for these recipients",
        "aws mailmanager create-rule-set",
        "There is no mailbox staff",
        "There is no bucket mail",
        "Mail can reach the end",
    ):
        assert words in told


def test_what_is_there_is_not_warned_of(owner, actor):
    ensure_local_role()
    create_mailbox(actor, name="staff")
    create_bucket(actor, name="mail")
    made = services.create(actor, name="inbound", rules=[rule(mailbox(), bucket())])
    shown = page(owner, url("detail", made.id))
    assert "alert--warning" not in shown[shown.index("<main") : shown.index("</main>")]


def test_a_rule_that_has_no_words_is_shown_as_it_is(owner):
    odd = RuleSet.objects.create(name="odd", rules=[{"Actions": [{"Archive": {"TargetArchive": "a"}}]}])
    assert "TargetArchive" in unescape(page(owner, url("detail", odd.id)))
    assert "edit it as JSON" in page(owner, url("edit", odd.id), rule="1")
    assert "TargetArchive" in unescape(page(owner, url("edit", odd.id), **{"as": "json"}))
    assert owner.post(url("try", odd.id), TRIED).status_code == 200


# --- try it ---------------------------------------------------------------------------------------

TRIED = {
    "reverse_path": "ann@x.example",
    "recipients": "bob@y.example\ntrap@y.example",
    "peer": "198.51.100.1",
    "helo": "x.example",
    "tls": "",
    "message": f"From: <a@x.example>\nSubject: {HOSTILE}\nX-Spam: no\n\nHello",
}


def test_a_message_on_trial_is_told_step_by_step(colleague, everything):
    response = colleague.post(url("try", everything.id), TRIED)
    html = response.content.decode()
    assert HOSTILE not in html
    told = unescape(html)
    for words in ("Dropped", "trap@y.example", "Rule 1", "Passed by", "No rule delivers", "bob@y.example"):
        assert words in told
    everything.refresh_from_db()


def test_a_message_on_trial_that_is_no_message_is_tried_all_the_same(owner, everything):
    response = owner.post(url("try", everything.id), {**TRIED, "message": "no header"})
    assert "could not be read whole" in response.content.decode()


@pytest.mark.parametrize(
    "wrong",
    [
        {"recipients": ""},
        {"peer": "nowhere"},
        {"tls": "SSL3"},
        {"recipients": "a@b " * 0 + "\n".join(f"u{i}@y.example" for i in range(101))},
    ],
    ids=str,
)
def test_a_trial_that_makes_no_sense_is_refused(owner, everything, wrong):
    html = owner.post(url("try", everything.id), {**TRIED, **wrong}).content.decode()
    assert "alert--error" in html
    assert "How it came to that" not in html


# --- restore and delete ---------------------------------------------------------------------------


def test_a_version_is_restored(owner, everything, actor):
    services.update(actor, everything.id, rules=[])
    assert owner.post(url("restore", everything.id), {"number": "1"}).status_code == 302
    assert len(RuleSet.objects.get().rules) == 2


@pytest.mark.parametrize("number", ["", "x", "99", "1" * 50, "²"])
def test_a_version_that_is_not_there_is_not_found(owner, everything, number):
    assert owner.post(url("restore", everything.id), {"number": number}).status_code == 404


def test_a_rule_set_is_deleted_by_typing_its_name(owner, everything):
    assert owner.post(url("delete", everything.id), {"confirmation": "other"}).status_code == 200
    assert RuleSet.objects.exists()
    assert owner.post(url("delete", everything.id), {"confirmation": "inbound"}).status_code == 302
    assert not RuleSet.objects.exists()


def test_a_rule_set_in_use_names_its_users_and_stays(owner, actor, everything):
    policy = TrafficPolicy.objects.create(name="policy", default_action="ALLOW")
    endpoints.services.create(
        actor, name="reception", type="OPEN", traffic_policy_id=policy.id, rule_set_id=everything.id
    )
    assert "reception" in page(owner, url("delete", everything.id))
    owner.post(url("delete", everything.id), {"confirmation": "inbound"})
    assert RuleSet.objects.exists()


def test_the_list_leads_to_the_chosen_row(owner, everything):
    assert owner.get(url("edit_chosen"), {"selected": everything.id})["Location"] == url(
        "edit", everything.id
    )
    assert owner.get(url("delete_chosen"))["Location"] == url("list")

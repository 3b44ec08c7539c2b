"""The pages of rule sets, by the cast, as a browser without JavaScript uses them."""

import json
from html import unescape

import pytest
from django.urls import reverse

from destinations.services import create_bucket, create_mailbox, ensure_local_role
from endpoints.models import IngressEndpoint
from policies.models import TrafficPolicy
from relays import services as relay_services
from resources.services import tags_of
from rulesets import services
from rulesets.models import RuleSet
from tests.rulesets.browsing import visit
from tests.rulesets.documents import (
    DROP,
    LOCAL_ROLE,
    add_header,
    bucket,
    ip,
    mailbox,
    recipient,
    relay,
    rewrite,
    rule,
    size,
    text,
    tls,
)

pytestmark = pytest.mark.django_db

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def smarthost(actor):
    return relay_services.create(actor, name="smarthost", server_name="mx.example", server_port=25)


@pytest.fixture
def everything(actor, smarthost):
    """A rule set with every condition and action that there is."""
    return services.create(
        actor,
        name="inbound",
        rules=[
            rule(
                DROP,
                when=[recipient("trap@y.example", operator="EQUALS"), text("SUBJECT", "CONTAINS", HOSTILE)],
                unless=[ip("192.0.2.0/24"), tls()],
                name="trap",
            ),
            rule(
                add_header("X-A", HOSTILE),
                rewrite("a@y.example", "b@y.example"),
                relay(smarthost.id, MailFrom="PRESERVE", ActionFailurePolicy="DROP"),
                mailbox("staff", ActionFailurePolicy="CONTINUE"),
                bucket("mail", S3Prefix="in"),
                when=[
                    text("X-Spam", "EQUALS", " yes "),
                    size("GREATER_THAN", 25 * 1024 * 1024),
                    *(
                        text(name, "NOT_EQUALS", "a", "b")
                        for name in ("FROM", "TO", "CC", "SENDER", "MAIL_FROM", "HELO")
                    ),
                ],
            ),
        ],
    )


def url(name, *args):
    return reverse(f"rulesets:{name}", args=args)


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
    assert "alert--warning" not in page(owner, url("detail", made.id))


def test_a_rule_that_has_no_words_is_shown_as_it_is(owner):
    odd = RuleSet.objects.create(name="odd", rules=[{"Actions": [{"Archive": {"TargetArchive": "a"}}]}])
    assert "TargetArchive" in unescape(page(owner, url("detail", odd.id)))
    assert "edit it as JSON" in page(owner, url("edit", odd.id), rule="1")
    assert "TargetArchive" in unescape(page(owner, url("edit", odd.id), **{"as": "json"}))
    assert owner.post(url("try", odd.id), TRIED).status_code == 200


# --- create ---------------------------------------------------------------------------------------


def test_a_rule_set_is_made_button_by_button(owner, actor, smarthost):
    form = visit(owner, url("create"))
    form["name"] = "inbound"
    form = form.press("rules:add")
    form["rule-name"] = "spam"
    form = form.press("conditions:add").press("conditions:add")
    form["conditions-0-property"] = "MIME_HEADER"
    form["conditions-1-values"] = "a@y.example\r\nb@y.example"
    form = form.press("conditions:refresh")
    form["conditions-0-header"] = "X-Spam"
    form["conditions-0-values"] = "yes"
    form = form.press("exceptions:add")
    form["exceptions-0-property"] = "TLS"
    form = form.press("exceptions:refresh")
    form["actions-0-kind"] = "AddHeader"
    form = form.press("actions:refresh")
    form["actions-0-HeaderName"] = "X-Seen"
    form["actions-0-HeaderValue"] = "yes"
    form = form.press("actions:add")
    form["actions-1-kind"] = "Relay"
    form = form.press("actions:refresh")
    form["actions-1-Relay"] = smarthost.id
    form["actions-1-ActionFailurePolicy"] = "DROP"
    form = form.press("actions:up:1").press("actions:down:0")
    form = form.press("rules:add")  # closes the first
    form["actions-0-MailboxArn"] = "staff"
    form = form.press("rules:up:1").press("rules:close")
    assert form["name"] == "inbound"
    saved = form.save()
    made = RuleSet.objects.get()
    assert saved.went_to == url("detail", made.id)
    assert made.rules == [
        rule(mailbox("staff")),
        rule(
            add_header("X-Seen", "yes"),
            relay(smarthost.id, ActionFailurePolicy="DROP"),
            when=[text("X-Spam", "EQUALS", "yes"), recipient("a@y.example", "b@y.example")],
            unless=tls(),
            name="spam",
        ),
    ]


def test_an_open_rule_is_saved_without_being_closed(owner):
    form = visit(owner, url("create"))
    form["name"] = "inbound"
    form = form.press("rules:add")
    form["actions-0-kind"] = "Drop"
    form["rule-name"] = "all"
    assert form.save().went_to
    assert RuleSet.objects.get().rules == [rule(DROP, name="all")]


def test_tags_are_saved_with_it(owner):
    form = visit(owner, url("create"))
    form["name"] = "inbound"
    form["tags_key"], form["tags_value"] = "team", "mail"
    form.save()
    assert tags_of(RuleSet.objects.get().arn) == {"team": "mail"}


def test_the_way_leads_back_to_where_a_rule_set_was_needed(owner):
    form = visit(owner, url("create") + "?next=/ingress-endpoints/")
    form["name"] = "inbound"
    assert form.save().went_to == "/ingress-endpoints/"
    form = visit(owner, url("create") + "?next=https://evil.example/")
    form["name"] = "other"
    assert form.save().went_to == url("detail", RuleSet.objects.get(name="other").id)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"name": ""}, "This field is required"),
        ({"name": "two words"}, "A name has 1 to 100 characters"),
        ({"name": "taken"}, "already"),
        ({"rule-name": "two words"}, "at most 32 characters"),
        ({"actions-0-MailboxArn": ""}, "This is needed."),
        ({"actions-0-MailboxArn": "no such name"}, "must match"),
        ({"conditions-0-values": ""}, "at least one value"),
        ({"conditions-0-values": "a@b.example, c@d.example"}, "more than one address"),
    ],
    ids=repr,
)
def test_what_is_wrong_is_said_and_what_was_typed_is_kept(owner, actor, change, complaint):
    services.create(actor, name="taken")
    form = visit(owner, url("create")).press("rules:add").press("conditions:add")
    form["name"], form["actions-0-MailboxArn"] = "inbound", "staff"
    form["conditions-0-values"] = "@y.example"
    for name, value in change.items():
        form[name] = value
    refused = form.save()
    assert refused.response.status_code == 200
    assert complaint in refused.text
    assert RuleSet.objects.count() == 1
    if "name" not in change:
        for name, value in change.items():
            assert refused[name] == value
        assert refused["open"] == "0"


def test_a_rule_with_a_fault_stays_open_when_another_is_asked_for(owner, everything):
    form = visit(owner, url("edit", everything.id) + "?rule=1")
    form["conditions-0-values"] = ""
    refused = form.press("rules:open:1")
    assert refused["open"] == "0"
    assert "at least one value" in refused.text
    assert refused.press("rules:down:0")["open"] == "1"
    assert "open" in refused.press("rules:remove:0").fields


def test_a_rule_without_an_action_is_refused(owner):
    form = visit(owner, url("create")).press("rules:add").press("actions:remove:0")
    form["name"] = "inbound"
    assert "at least one action" in form.save().text
    assert not RuleSet.objects.exists()


# --- edit -----------------------------------------------------------------------------------------


def test_what_is_opened_and_closed_stays_as_it_was(owner, everything):
    before = everything.rules
    form = visit(owner, url("edit", everything.id))
    for number in (0, 1):
        form = form.press(f"rules:open:{number}")
    assert form.press("rules:close").save().went_to
    everything.refresh_from_db()
    assert everything.rules == before
    assert services.newest_version(everything) == 1


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}], ids=["plain", "htmx"])
def test_a_button_answers_with_the_page_as_it_was_typed(owner, everything, headers):
    form = visit(owner, url("edit", everything.id) + "?rule=2")
    form["name"] = "renamed"
    form["actions-0-HeaderValue"] = "typed"
    again = form.press("conditions:add", **headers)
    assert (again["name"], again["actions-0-HeaderValue"]) == ("renamed", "typed")
    assert again["conditions-8-property"] == "RECIPIENT"
    everything.refresh_from_db()
    assert everything.name == "inbound"


def test_rules_are_moved_and_removed(owner, everything):
    first, second = everything.rules
    form = visit(owner, url("edit", everything.id)).press("rules:down:0")
    form.save()
    everything.refresh_from_db()
    assert everything.rules == [second, first]
    visit(owner, url("edit", everything.id)).press("rules:remove:0").save()
    everything.refresh_from_db()
    assert everything.rules == [first]


def test_a_new_rule_is_open_at_once(owner, everything):
    form = visit(owner, url("edit", everything.id) + "?rule=new")
    assert form["open"] == "2"
    assert form["actions-0-kind"] == "DeliverToMailbox"
    assert form["actions-0-RoleArn"] == LOCAL_ROLE


def test_a_relay_that_is_gone_is_said_beside_its_action(owner, everything, actor):
    form = visit(owner, url("edit", everything.id) + "?rule=2")
    services.update(actor, everything.id, rules=[])
    relay_services.delete(actor, everything.rules[1]["Actions"][2]["Relay"]["Relay"])
    form["based_on"] = str(services.newest_version(everything))
    refused = form.save()
    assert "There is no SMTP relay" in refused.text
    assert refused["open"] == "1"


def test_what_somebody_else_saved_is_not_lost_unasked(owner, everything, actor):
    form = visit(owner, url("edit", everything.id)).press("rules:remove:0")
    services.update(actor, everything.id, rules=[rule(DROP)])
    refused = form.save()
    assert "saved version 2 in the meantime" in refused.text
    assert RuleSet.objects.get().rules == [rule(DROP)]
    assert refused.save().went_to
    assert RuleSet.objects.get().rules == everything.rules[1:]


@pytest.mark.parametrize("button", ["", "rules:open:0", "rules:down:0", "rules:up:99999", "document:json"])
def test_a_draft_that_nobody_typed_is_refused(owner, everything, button):
    before = everything.rules
    for draft in ("", "not JSON", "7", "[NaN]", "[7]", "[{}]", '[{"Actions": 7}]', "[" * 10_000):
        sent = {
            "as": "form",
            "name": "inbound",
            "rules": draft,
            "open": "0",
            "based_on": "0",
            "editor": button,
        }
        assert owner.post(url("edit", everything.id), sent).status_code == 200
    everything.refresh_from_db()
    assert everything.rules == before


# --- JSON -----------------------------------------------------------------------------------------


def test_form_and_json_hand_over_what_was_typed(owner, everything):
    form = visit(owner, url("edit", everything.id) + "?rule=1")
    form["rule-name"] = "renamed"
    typed = form.press("document:json")
    document = json.loads(typed["document"])
    assert document["Rules"][0]["Name"] == "renamed"
    assert document["Rules"][1] == everything.rules[1]
    document["Rules"].append(rule(DROP))
    typed["document"] = json.dumps(document)
    form = typed.press("document:form")
    assert "Unnamed rule" in form.text
    assert form.save().went_to
    everything.refresh_from_db()
    assert everything.rules == document["Rules"]


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ("{", "Line 1"),
        ("[]", "an object with Rules"),
        ("{}", "an object with Rules"),
        ('{"Rules": [], "Name": "a"}', "not known here"),
        (
            '{\n"Rules": [\n{"Actions": [{"Archive": {"TargetArchive": "a"}}]}]}',
            "Line 3 · Rules[0].Actions[0].Archive",
        ),
        ('{"Rules": [{"Actions": [{"Relay": {"Relay": "r-no"}}]}]}', "There is no SMTP relay r-no"),
    ],
)
def test_json_that_is_wrong_is_said_by_line_and_path(owner, everything, document, complaint):
    form = visit(owner, url("edit", everything.id) + "?as=json")
    form["document"] = document
    refused = form.save()
    assert complaint in refused.text
    assert refused["document"] == document
    checked = owner.post(url("check"), {"document": document})
    assert complaint.split(" · ")[-1] in unescape(checked.content.decode()).replace("<code>", "").replace(
        "</code>", ""
    )


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


def test_a_rule_set_in_use_names_its_users_and_stays(owner, everything):
    policy = TrafficPolicy.objects.create(name="policy", default_action="ALLOW")
    IngressEndpoint.objects.create(
        name="reception", type="OPEN", tls_policy="OPTIONAL", traffic_policy=policy, rule_set=everything
    )
    assert "reception" in page(owner, url("delete", everything.id))
    owner.post(url("delete", everything.id), {"confirmation": "inbound"})
    assert RuleSet.objects.exists()


def test_the_list_leads_to_the_chosen_row(owner, everything):
    assert owner.get(url("edit_chosen"), {"selected": everything.id})["Location"] == url(
        "edit", everything.id
    )
    assert owner.get(url("delete_chosen"))["Location"] == url("list")

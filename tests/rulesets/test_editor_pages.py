"""Making and editing a rule set, as a browser without JavaScript does it, and as JSON."""

import json
from html import unescape

import pytest

from relays import services as relay_services
from resources.services import tags_of
from resources.versions import newest_version
from rulesets import services
from rulesets.models import RuleSet
from tests.rulesets.browsing import url, visit
from tests.rulesets.documents import (
    DROP,
    LOCAL_ROLE,
    add_header,
    mailbox,
    recipient,
    relay,
    rule,
    text,
    tls,
)

pytestmark = pytest.mark.django_db


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


def test_the_editor_warns_of_what_is_not_meant(owner):
    form = visit(owner, url("create"))
    assert "There is no rule yet" in form.text
    form = form.press("rules:add").press("conditions:add")
    form["conditions-0-values"], form["actions-0-MailboxArn"] = "@y.example", "staff"
    form = form.press("rules:close")
    assert "Mail can reach the end" in form.text
    assert "There is no mailbox staff" in form.text


# --- edit -----------------------------------------------------------------------------------------


def test_what_is_opened_and_closed_stays_as_it_was(owner, everything):
    before = everything.rules
    form = visit(owner, url("edit", everything.id))
    for number in (0, 1):
        form = form.press(f"rules:open:{number}")
    assert form.press("rules:close").save().went_to
    everything.refresh_from_db()
    assert everything.rules == before
    assert newest_version(everything) == 1


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
    form["based_on"] = str(newest_version(everything))
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

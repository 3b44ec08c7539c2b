"""What stands below every resource: tags, users, versions, its API representation."""

import pytest
from django.template.loader import render_to_string
from django.test import RequestFactory

from access.models import AuditEntry, User
from policies.models import TrafficPolicy
from resources import services

HOSTILE = """"><script>alert('1')</script>"""


@pytest.fixture
def policy(db, actor) -> TrafficPolicy:
    policy = TrafficPolicy.objects.create(name="marketing", default_action="DENY")
    services.set_tags(policy.arn, {"stage": HOSTILE})
    services.set_references("arn:x", HOSTILE, [policy.arn])
    services.save_version(actor, policy.arn, {"DefaultAction": "ALLOW", "PolicyStatements": []})
    services.save_version(
        actor, policy.arn, {"DefaultAction": "DENY", "PolicyStatements": [{"Action": HOSTILE}]}
    )
    return policy


def panels(policy, role: str = "operator", **context) -> str:
    request = RequestFactory().get("/")
    request.user = User(username="x", role=role)
    context = {"resource": policy, "document": {"a": HOSTILE}, "cli": f"aws {HOSTILE}", **context}
    return render_to_string("resources/_panels.html", context, request)


def test_panels_show_what_is_known_as_text(policy):
    page = panels(policy, restore_url="/restore")
    assert "<script>" not in page
    for words in (
        "Tags",
        "Used by",
        "Versions",
        "API representation (JSON)",
        "Equivalent AWS CLI command",
        "stage",
    ):
        assert words in page
    assert '"a"</span>' in page.replace("&quot;", '"')
    assert 'form="restore-version" name="number" value="1"' in page


def test_panels_offer_no_change_to_who_may_only_look(policy):
    page = panels(policy, role="viewer", restore_url="/restore")
    assert "Restore version" not in page
    assert "/resources/tags/" not in page
    assert "Compare" in page


def test_panels_take_a_fixed_number_of_queries(policy, django_assert_num_queries):
    with django_assert_num_queries(3):
        panels(policy)


def test_versions_are_compared_line_by_line(colleague, policy):
    page = colleague.get(f"/resources/versions/{policy.arn}?former=1&later=2").content.decode()
    assert "Version 1 → 2" in page
    assert 'diff__line--removed">  &quot;DefaultAction&quot;: &quot;ALLOW&quot;' in page
    assert 'diff__line--added">  &quot;DefaultAction&quot;: &quot;DENY&quot;' in page
    assert "<script>alert" not in page


@pytest.mark.parametrize(
    "query", ["", "former=1", "former=1&later=9", "former=x&later=1", "former=1&later=99999999999"]
)
def test_version_that_is_not_there_is_not_found(colleague, policy, query):
    assert colleague.get(f"/resources/versions/{policy.arn}?{query}").status_code == 404


def test_tags_are_edited_and_audited(operator, policy):
    page = operator.get(
        f"/resources/tags/{policy.arn}", headers={"referer": "http://testserver/traffic-policies/"}
    )
    assert 'name="next" value="http://testserver/traffic-policies/"' in page.content.decode()
    response = operator.post(
        f"/resources/tags/{policy.arn}",
        {"tags_key": ["stage", "", "team"], "tags_value": ["test", "", "x"], "next": "/traffic-policies/"},
    )
    assert response["Location"] == "/traffic-policies/"
    assert services.tags_of(policy.arn) == {"stage": "test", "team": "x"}
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.resource_arn, entry.detail) == (
        "resources.change_tags",
        policy.arn,
        {"keys": ["stage", "team"]},
    )


@pytest.mark.parametrize(
    ("keys", "values", "said"),
    [(["a", "a"], ["1", "2"], "is there twice"), ([""], ["x"], "a key"), (["k" * 129], ["x"], "1 to 128")],
)
def test_wrong_tags_are_said_and_kept(operator, policy, keys, values, said):
    page = operator.post(
        f"/resources/tags/{policy.arn}", {"tags_key": keys, "tags_value": values}
    ).content.decode()
    assert said in page
    assert f'value="{values[0]}"' in page
    assert services.tags_of(policy.arn) == {"stage": HOSTILE}


def test_tags_never_lead_to_another_site(operator, policy):
    response = operator.post(f"/resources/tags/{policy.arn}", {"next": "https://evil.example/"})
    assert response["Location"] == "/"


def test_cast_at_the_tags(colleague, stranger, policy):
    assert colleague.get(f"/resources/tags/{policy.arn}").status_code == 403
    assert stranger.get(f"/resources/tags/{policy.arn}").status_code == 302
    assert stranger.get(f"/resources/versions/{policy.arn}?former=1&later=2").status_code == 302

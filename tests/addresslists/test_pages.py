"""The pages of address lists, by the cast, as a browser without JavaScript uses them."""

import re
from html import unescape

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from addresslists import importing
from addresslists.models import AddressList, ImportJob, Member
from addresslists.reading import get
from addresslists.services import imports, lists, members
from policies import services as policies
from policies.models import TrafficPolicy
from resources.services import tags_of
from rulesets import services as rulesets
from tests.policies.documents import allow, deny, in_list
from tests.rulesets.documents import DROP, rule

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_directory(settings, tmp_path):
    settings.DATA_DIR = tmp_path


@pytest.fixture
def blocked(actor):
    return lists.create(
        actor, name="blocked", members=["ann@example.com", "bob@example.com", "*.example.org"]
    )


@pytest.fixture
def job(actor, blocked):
    made = imports.create(actor, blocked.id, name="may.csv", kind="CSV")
    imports.store(made.id, [b"address\ncarl@example.com\nnobody\n=1+1\n"])
    return imports.start(actor, made.id)


def url(name, *args):
    return reverse(f"addresslists:{name}", args=args)


def page(response):
    assert response.status_code == 200
    return unescape(response.content.decode())


def test_everybody_signed_in_reads_and_only_some_may_write(owner, operator, colleague, stranger, job):
    blocked, member = job.list, Member.objects.first()
    assert member is not None
    reading = [
        url("list"),
        url("detail", blocked.id),
        url("import", blocked.id, job.id),
        url("refused", blocked.id, job.id),
    ]
    writing = [
        url("create"),
        url("delete", blocked.id),
        url("remove", blocked.id) + f"?selected={member.pk}",
    ]
    for address in reading + writing:
        assert owner.get(address).status_code == 200
        assert operator.get(address).status_code == 200
        assert stranger.get(address).status_code == 302
        assert colleague.get(address).status_code == (200 if address in reading else 403)
    posting = [url("add", blocked.id), url("upload", blocked.id), url("stop_import", blocked.id, job.id)]
    for address in [*writing, *posting]:
        assert colleague.post(address, {"name": "x", "selected": member.pk}).status_code == 403
        assert stranger.post(address).status_code == 302
    assert Member.objects.count() == 3
    assert imports.get(job.id).status == "PROCESSING"


def test_who_may_only_read_sees_no_buttons_that_write(colleague, blocked):
    assert url("create") not in page(colleague.get(url("list")))
    told = page(colleague.get(url("detail", blocked.id)))
    for name in ("add", "upload", "remove", "delete"):
        assert url(name, blocked.id) not in told


@pytest.mark.parametrize("name", ["detail", "delete", "remove"])
def test_an_unknown_list_is_a_page_that_says_so(owner, name):
    response = owner.get(url(name, "al-none"))
    assert response.status_code == 404
    assert "al-none" in response.content.decode()


def test_an_empty_list_of_lists_leads_on(owner):
    told = page(owner.get(url("list")))
    assert "No address lists" in told
    assert url("create") in told
    assert 'href="/address-lists/"' in told  # the navigation


def test_pages_take_a_constant_number_of_queries(owner, actor, blocked, django_assert_max_num_queries):
    for number in range(30):
        lists.create(actor, name=f"list-{number}")
    members.import_members(actor, blocked.id, (f"user{number}@example.com" for number in range(200)))
    with django_assert_max_num_queries(8):
        assert "list-0" in page(owner.get(url("list")))
    with django_assert_max_num_queries(12):
        assert "ann@example.com" in page(owner.get(url("detail", blocked.id)))


def test_a_list_is_made_by_hand_with_its_tags(owner):
    typed = {
        "name": "vip",
        "members": "Ann@Example.com\n\n *.example.org \n",
        "tags_key": ["team"],
        "tags_value": ["mail"],
    }
    response = owner.post(url("create"), typed)
    made = AddressList.objects.get()
    assert response.headers["Location"] == url("detail", made.id)
    assert sorted(Member.objects.values_list("address", flat=True)) == ["*.example.org", "ann@example.com"]
    assert tags_of(made.arn) == {"team": "mail"}


def test_a_list_is_made_by_a_file(owner):
    file = SimpleUploadedFile("Our people (may).json", b'{"items":[{"address":"a@example.com"}]}')
    response = owner.post(url("create"), {"name": "vip", "file": file}, follow=True)
    assert "Address list vip was created." in page(response)
    job = ImportJob.objects.get()
    assert (job.name, job.kind, job.status) == ("Our_people__may_.json", "JSON", "PROCESSING")
    importing.run(job.id)
    assert get(job.list_id).member_count == 1


def test_what_is_wrong_stands_beside_its_field_and_what_was_typed_stays(owner, blocked):
    told = page(owner.post(url("create"), {"name": "two words", "members": "a@example.com\nnobody"}))
    assert "A name has 1 to 255 characters" in told
    assert "“nobody” must be an address like user@example.com" in told
    assert 'value="two words"' in told
    assert "a@example.com\nnobody" in told
    assert "There is an address list named blocked already." in page(
        owner.post(url("create"), {"name": "blocked"})
    )
    hostile = owner.post(url("create"), {"name": "x", "members": "<script>alert(1)</script>"})
    assert b"<script>alert" not in hostile.content
    assert AddressList.objects.count() == 1


def test_members_are_shown_page_by_page_and_by_their_beginning(owner, actor, blocked):
    members.import_members(actor, blocked.id, (f"user{number:03}@example.com" for number in range(60)))
    told = page(owner.get(url("detail", blocked.id)))
    assert "user000@example.com" in told
    assert "user059@example.com" not in told
    assert "after=" in told
    told = page(owner.get(url("detail", blocked.id) + "?begins=USER05"))
    assert "user059@example.com" in told
    assert "ann@example.com" not in told
    assert "No matches" in page(owner.get(url("detail", blocked.id) + "?begins=zzz"))


def test_an_address_can_be_tried(owner, blocked):
    told = page(owner.get(url("detail", blocked.id) + "?address=someone@mail.example.org"))
    assert "It is in the list." in told
    assert "It is not in the list." in page(owner.get(url("detail", blocked.id) + "?address=eve@example.com"))


def test_addresses_are_added_and_removed(owner, blocked):
    response = owner.post(
        url("add", blocked.id), {"addresses": "eve@example.com\nann@example.com"}, follow=True
    )
    assert "1 address was added." in page(response)
    told = page(owner.post(url("add", blocked.id), {"addresses": "x@example.com\nnobody"}))
    assert "“nobody” must be" in told
    eve = Member.objects.get(address="eve@example.com")
    assert "eve@example.com" in page(owner.get(url("remove", blocked.id) + f"?selected={eve.pk}"))
    response = owner.post(url("remove", blocked.id), {"selected": eve.pk}, follow=True)
    assert "eve@example.com was removed." in page(response)
    assert owner.post(url("remove", blocked.id), {"selected": eve.pk}).status_code == 404
    assert "Choose a row first." in page(owner.get(url("remove", blocked.id), follow=True))
    assert get(blocked.id).member_count == 3


def test_an_import_is_followed_to_its_end(owner, blocked, job):
    address = url("import", blocked.id, job.id)
    assert address in page(owner.get(url("detail", blocked.id)))
    told = page(owner.get(address))
    assert "every 2s" in told
    assert "Processing" in told
    part = page(owner.get(address, headers={"HX-Request": "true"}))
    assert "<html" not in part
    importing.run(job.id)
    told = page(owner.get(address, headers={"HX-Request": "true"}))
    assert "every 2s" not in told
    assert "Completed" in told
    assert "nobody" in told
    lines = b"".join(owner.get(url("refused", blocked.id, job.id)).streaming_content).decode().splitlines()
    assert lines[0] == "number,text,reason"
    assert lines[1].startswith("3,nobody,")
    assert lines[2].startswith("4,'=1+1,")


def test_an_import_is_started_and_stopped(owner, blocked):
    file = SimpleUploadedFile("may.csv", b"address\ncarl@example.com\n")
    response = owner.post(url("upload", blocked.id), {"file": file})
    job = ImportJob.objects.get()
    assert response.headers["Location"] == url("import", blocked.id, job.id)
    response = owner.post(url("stop_import", blocked.id, job.id), follow=True)
    assert "The import was stopped." in page(response)
    assert "Choose a file first." in page(owner.post(url("upload", blocked.id), follow=True))


def test_an_import_is_found_under_its_list_only(owner, actor, blocked, job):
    other = lists.create(actor, name="other")
    assert owner.get(url("import", other.id, job.id)).status_code == 404


def test_a_list_in_use_says_by_whom(owner, actor, blocked):
    policies.create(actor, name="inbound", default_action="ALLOW", statements=[deny(in_list(blocked.arn))])
    told = page(owner.get(url("delete", blocked.id)))
    assert "inbound" in told
    assert "It is in use" in told


def test_tags_are_edited(owner, blocked):
    told = page(owner.get(url("detail", blocked.id)))
    (address,) = set(re.findall(r'href="(/resources/[^"]*tags[^"]*)"', told))
    assert owner.get(address).status_code == 200
    owner.post(address, {"tags_key": ["team"], "tags_value": ["mail"]})
    assert tags_of(blocked.arn) == {"team": "mail"}


def test_a_list_is_found_by_the_search_of_all_pages(owner, blocked):
    assert url("detail", blocked.id) in page(owner.get(reverse("search"), {"q": "block"}))


def test_a_list_is_deleted_by_its_name(owner, blocked):
    assert "Its addresses (3), imports and tags" in page(owner.get(url("delete", blocked.id)))
    response = owner.post(url("delete", blocked.id), {"confirmation": "blocked"})
    assert response.headers["Location"] == url("list")
    assert not AddressList.objects.exists()


# --- conditions -----------------------------------------------------------------------------------


def test_a_policy_asks_for_a_list_by_form_and_tells_it_by_name(owner, blocked):
    address = reverse("policies:create")
    typed = {
        "name": "inbound",
        "default_action": "DENY",
        "statements-0-action": "ALLOW",
        "statements-0-conditions-0-property": "RECIPIENT_LIST",
    }
    told = page(owner.post(address, {**typed, "editor": "statements-0-conditions:refresh"}))
    assert f'<option value="{blocked.arn}"' in told
    assert "is not in address list" in told
    wrong = {"statements-0-conditions-0-operator": "IS_TRUE", "statements-0-conditions-0-values": "al-none"}
    assert "Choose an address list." in page(owner.post(address, {**typed, **wrong}))
    right = {**wrong, "statements-0-conditions-0-values": blocked.arn}
    assert owner.post(address, {**typed, **right}).status_code == 302
    policy = TrafficPolicy.objects.get()
    assert policy.statements == [allow(in_list(blocked.arn))]
    tried = page(
        owner.get(
            reverse("policies:detail", args=[policy.id]),
            {"recipient": "ann@example.com", "peer": "192.0.2.7", "tls": "", "size": ""},
        )
    )
    assert "is in address list" in tried
    assert "<code>blocked</code>" in tried
    assert "Statement 1 holds." in tried
    edited = page(owner.get(reverse("policies:edit", args=[policy.id])))
    assert f'<option value="{blocked.arn}" selected' in edited


def test_without_a_list_the_editor_says_so(owner):
    typed = {"statements-0-action": "ALLOW", "statements-0-conditions-0-property": "RECIPIENT_LIST"}
    told = page(
        owner.post(reverse("policies:create"), {**typed, "editor": "statements-0-conditions:refresh"})
    )
    assert "There is none yet" in told


def test_rules_ask_for_lists_and_tell_them_by_name(owner, actor, blocked):
    asked = in_list(blocked.id, attribute="FROM", operator="IS_FALSE")
    rule_set = rulesets.create(actor, name="sorted", rules=[rule(DROP, when=asked)])
    told = page(owner.get(reverse("rulesets:detail", args=[rule_set.id])))
    assert "is not in address list" in told
    assert "<code>blocked</code>" in told
    tried = {"recipients": "x@y.example", "reverse_path": "", "peer": "192.0.2.7", "helo": "c", "tls": ""}
    mail = {"message": "From: Ann <ANN@example.com>\r\n\r\nHello\r\n"}
    walked = page(owner.post(reverse("rulesets:try", args=[rule_set.id]), {**tried, **mail}))
    assert f"From address is not in address list “{blocked.id}”" in walked
    mail = {"message": "From: eve@example.com\r\n\r\nHello\r\n"}
    assert "Dropped" in page(owner.post(reverse("rulesets:try", args=[rule_set.id]), {**tried, **mail}))

"""The pages of mailboxes, buckets and roles, by the cast, as a browser without JavaScript uses them."""

import re
from html import unescape

import pytest
from django.urls import reverse

from destinations import services
from destinations.models import Bucket, Mailbox
from resources.services import tags_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def data_dir(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    return tmp_path


@pytest.fixture
def alice(actor):
    return services.create_mailbox(actor, name="alice@example.com")


@pytest.fixture
def kept(actor):
    return services.create_bucket(actor, name="kept")


def put(directory, name="1.M1.mailmanager"):
    directory.mkdir(parents=True, exist_ok=True)
    (directory / name).write_bytes(b"x" * 2048)


def url(name, *args):
    return reverse(f"destinations:{name}", args=args)


def page(response):
    assert response.status_code == 200
    return unescape(response.content.decode())


def words(response):
    """The page without its tags."""
    return unescape(re.sub(r"<[^>]*>", "", response.content.decode()))


@pytest.fixture
def cast(owner, operator, colleague, stranger):
    return owner, operator, colleague, stranger


def test_everybody_signed_in_reads_and_only_some_may_write(cast, alice, kept):
    owner, operator, colleague, stranger = cast
    reading = [
        url("mailboxes"),
        url("mailbox", alice.id),
        url("buckets"),
        url("bucket", kept.name),
        url("roles"),
    ]
    writing = [
        url("create_mailbox"),
        url("edit_mailbox", alice.id),
        url("delete_mailbox", alice.id),
        url("create_bucket"),
        url("delete_bucket", kept.name),
    ]
    for address in reading + writing:
        assert owner.get(address).status_code == 200
        assert operator.get(address).status_code == 200
        assert stranger.get(address).status_code == 302
        assert colleague.get(address).status_code == (200 if address in reading else 403)
    for address in writing:
        assert colleague.post(address, {"name": "other", "kind": "MAILDIR"}).status_code == 403
        assert stranger.post(address, {"name": "other", "kind": "MAILDIR"}).status_code == 302
    assert (Mailbox.objects.count(), Bucket.objects.count()) == (1, 1)


def test_who_may_only_read_sees_no_buttons_that_write(colleague, alice, kept):
    for address in (url("mailboxes"), url("buckets"), url("mailbox", alice.id), url("bucket", kept.name)):
        told = page(colleague.get(address))
        assert "/create-" not in told.replace("/create-secret", "")
        assert f"{address}/delete" not in told


@pytest.mark.parametrize(
    ("name", "key"), [("mailbox", "mb-none"), ("delete_mailbox", "mb-none"), ("bucket", "none")]
)
def test_what_is_unknown_is_a_page_that_says_so(owner, name, key):
    response = owner.get(url(name, key))
    assert response.status_code == 404
    assert key in response.content.decode()


def test_empty_lists_lead_on(owner):
    assert url("create_mailbox") in page(owner.get(url("mailboxes")))
    assert url("create_bucket") in page(owner.get(url("buckets")))


def test_a_mailbox_is_made_with_its_tags(owner):
    fields = {"name": "bob", "kind": "MAILDIR", "tags_key": ["team"], "tags_value": ["mail"]}
    response = owner.post(url("create_mailbox"), fields)
    mailbox = Mailbox.objects.get()
    assert response.headers["Location"] == url("mailbox", mailbox.id)
    assert tags_of(mailbox.arn) == {"team": "mail"}


def test_an_lmtp_mailbox_is_made_and_its_server_edited(owner):
    fields = {"name": "team", "kind": "LMTP", "lmtp_host": "imap.example.com", "lmtp_port": "24"}
    owner.post(url("create_mailbox"), fields)
    mailbox = Mailbox.objects.get()
    assert "imap.example.com:24" in page(owner.get(url("mailbox", mailbox.id)))
    owner.post(url("edit_mailbox", mailbox.id), {"lmtp_host": "::1", "lmtp_port": "2424"})
    assert "[::1]:2424" in page(owner.get(url("mailbox", mailbox.id)))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": "../etc", "kind": "MAILDIR"}, "A name has 1 to 100 characters"),
        (
            {"name": "alice@example.com", "kind": "MAILDIR"},
            "There is a mailbox named alice@example.com already",
        ),
        ({"name": "bob", "kind": "MBOX"}, "valid choice"),
        ({"name": "bob", "kind": "LMTP", "lmtp_port": "24"}, "Write a host name"),
        (
            {"name": "bob", "kind": "LMTP", "lmtp_host": "a.example", "lmtp_port": "25"},
            "never spoken on port 25",
        ),
        ({"name": "bob", "kind": "MAILDIR", "lmtp_host": "a.example"}, "A Maildir has no LMTP server"),
    ],
)
def test_what_is_wrong_with_a_mailbox_stands_beside_its_field(owner, alice, fields, said):
    assert said in page(owner.post(url("create_mailbox"), fields))
    assert Mailbox.objects.count() == 1


def test_hostile_names_are_shown_as_words(owner):
    for name in ("create_mailbox", "create_bucket"):
        response = owner.post(url(name), {"name": "<script>alert(1)</script>", "kind": "MAILDIR"})
        assert b"<script>alert" not in response.content


def test_a_mailbox_tells_how_much_is_in_it_and_nothing_of_what(owner, alice, data_dir):
    put(data_dir / "mailboxes" / alice.name / "new")
    put(data_dir / "mailboxes" / alice.name / "cur", "Secret subject")
    told = page(owner.get(url("mailbox", alice.id)))
    assert "2 (4 KB)" in told
    assert "Secret subject" not in told
    assert '"MailboxArn": "alice@example.com"' in words(owner.get(url("mailbox", alice.id)))


@pytest.mark.django_db(transaction=True)
def test_a_mailbox_with_mail_goes_only_with_an_explicit_word(owner, alice, data_dir):
    put(data_dir / "mailboxes" / alice.name / "new")
    address = url("delete_mailbox", alice.id)
    assert "Delete the 1 message in it too" in page(owner.get(address))
    assert "holds 1 messages" in page(owner.post(address, {"confirmation": alice.name}))
    page(owner.post(address, {"confirmation": "other", "with_contents": "on"}))
    assert Mailbox.objects.exists()
    response = owner.post(address, {"confirmation": alice.name, "with_contents": "on"})
    assert response.headers["Location"] == url("mailboxes")
    assert not Mailbox.objects.exists()
    assert list((data_dir / "mailboxes").iterdir()) == []


def test_an_empty_mailbox_goes_when_its_name_is_typed(owner, alice):
    assert "in it too" not in page(owner.get(url("delete_mailbox", alice.id)))
    owner.post(url("delete_mailbox", alice.id), {"confirmation": alice.name})
    assert not Mailbox.objects.exists()


@pytest.mark.parametrize("name", ["mail", "create", "delete-bucket"])
def test_a_bucket_is_made_shown_and_deleted_whatever_its_name(owner, name):
    response = owner.post(url("create_bucket"), {"name": name})
    assert response.headers["Location"] == url("bucket", name)
    assert f'"S3Bucket": "{name}"' in words(owner.get(url("bucket", name)))
    owner.post(url("delete_bucket", name), {"confirmation": name})
    assert not Bucket.objects.exists()


def test_a_buckets_taken_or_wrong_name_is_refused_beside_the_field(owner, kept):
    assert "There is a bucket named kept already" in page(owner.post(url("create_bucket"), {"name": "kept"}))
    assert "A name has 3 to 62 characters" in page(owner.post(url("create_bucket"), {"name": "No"}))
    assert Bucket.objects.count() == 1


def test_a_bucket_with_objects_goes_only_with_an_explicit_word(owner, kept, data_dir):
    put(data_dir / "buckets" / "kept" / "mail")
    assert "1 (2 KB)" in page(owner.get(url("bucket", "kept")))
    assert "holds 1 objects" in page(owner.post(url("delete_bucket", "kept"), {"confirmation": "kept"}))
    owner.post(url("delete_bucket", "kept"), {"confirmation": "kept", "with_contents": "on"})
    assert not Bucket.objects.exists()


@pytest.mark.parametrize("target", ["/rule-sets/create", "https://evil.example/"])
def test_who_came_for_want_of_one_is_led_back_to_our_pages_only(owner, target):
    for name in ("create_mailbox", "create_bucket"):
        response = owner.post(f"{url(name)}?next={target}", {"name": "mail", "kind": "MAILDIR"})
        assert (response.headers["Location"] == target) == target.startswith("/")


def test_lists_take_a_constant_number_of_queries(owner, actor, django_assert_max_num_queries):
    for number in range(30):
        services.create_mailbox(actor, name=f"box-{number}")
        services.create_bucket(actor, name=f"bucket-{number}")
    for name in ("mailboxes", "buckets"):
        with django_assert_max_num_queries(8):
            page(owner.get(url(name)))


def test_the_local_role_is_listed(owner):
    services.ensure_local_role()
    assert "role/mail-manager-local" in page(owner.get(url("roles")))


def test_the_admin_shows_and_changes_nothing(client, alice, kept, django_user_model):
    client.force_login(django_user_model.objects.create_superuser("root", password="x", role="administrator"))
    services.ensure_local_role()
    for name, key in (("mailbox", alice.id), ("bucket", kept.name), ("role", "mail-manager-local")):
        page(client.get(reverse(f"admin:destinations_{name}_changelist")))
        page(client.get(reverse(f"admin:destinations_{name}_change", args=[key])))
        assert client.post(reverse(f"admin:destinations_{name}_delete", args=[key])).status_code == 403
        assert client.get(reverse(f"admin:destinations_{name}_add")).status_code == 403

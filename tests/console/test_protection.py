"""What keeps pages safe: the policy for content, forms, and pages for what went wrong."""

import re

import pytest
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import include, path

from access.actor import Permission
from access.doors import page
from core.errors import Conflict, Forbidden, Invalid, NotFound, Problem, QuotaExceeded

pytestmark = pytest.mark.django_db
HOSTILE = "<script>alert(1)</script>"
ERRORS = {
    "invalid": Invalid([Problem("name", HOSTILE), Problem("", "two")]),
    "not-found": NotFound(HOSTILE),
    "conflict": Conflict(HOSTILE),
    "quota": QuotaExceeded(HOSTILE),
    "forbidden": Forbidden(HOSTILE),
}


@page()
def refuse(request: HttpRequest, which: str) -> HttpResponse:
    raise ERRORS[which]


@page(Permission.WRITE)
def write(request: HttpRequest) -> HttpResponse:
    return HttpResponse("written")


def fail(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("inside words")


def suspect(request: HttpRequest) -> HttpResponse:
    raise SuspiciousOperation("inside words")


urlpatterns = [
    path("refuse/<str:which>", refuse),
    path("write", write),
    path("fail", fail),
    path("suspect", suspect),
    path("", include("mailmanager.urls")),
]
for number in (400, 403, 404, 500):
    names = {400: "bad_request", 403: "forbidden", 404: "not_found", 500: "server_error"}
    globals()[f"handler{number}"] = f"console.views.{names[number]}"


@pytest.fixture(autouse=True)
def urls(settings) -> None:
    settings.ROOT_URLCONF = __name__


@pytest.mark.parametrize("address", ["/", "/access/sign-in", "/access/audit", "/nowhere", "/fail"])
def test_every_page_forbids_inline_scripts_and_styles_and_has_none(owner, address):
    owner.raise_request_exception = False
    response = owner.get(address)
    policy = response["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    source = response.content.decode()
    assert not re.search(r"<script(?![^>]*\ssrc=)", source)
    assert not re.search(r"<style|\sstyle=|\son\w+=|hx-on|javascript:", source)


@pytest.mark.parametrize(
    ("which", "status"),
    [("invalid", 400), ("not-found", 404), ("conflict", 409), ("quota", 409), ("forbidden", 403)],
)
def test_refusal_of_a_service_is_a_page_with_its_clear_line(colleague, which, status):
    response = colleague.get(f"/refuse/{which}")
    source = response.content.decode()
    assert response.status_code == status
    assert "&lt;script&gt;alert(1)" in source
    assert HOSTILE not in source
    assert "HX-Request" in response["Vary"]


def test_refusal_for_htmx_is_a_flash_message(colleague):
    response = colleague.get("/refuse/conflict", headers={"hx-request": "true"})
    assert response.status_code == 200
    assert response["HX-Retarget"] == "#flash"
    assert "<html" not in response.content.decode()
    assert 'role="alert"' in response.content.decode()


def test_cast_at_a_page_that_changes_things(owner, operator, colleague, stranger):
    assert owner.get("/write").content == b"written"
    assert operator.get("/write").content == b"written"
    refused = colleague.get("/write")
    assert refused.status_code == 403
    assert "ask an administrator" in refused.content.decode()
    assert stranger.get("/write")["Location"] == "/access/sign-in?next=/write"


def test_stranger_by_htmx_is_led_to_sign_in_as_a_whole_page(stranger):
    response = stranger.get("/write", headers={"hx-request": "true"})
    assert response["HX-Redirect"] == "/access/sign-in"


@pytest.mark.parametrize(
    ("address", "status", "said"),
    [
        ("/nowhere", 404, "Not found"),
        ("/suspect", 400, "could not be read"),
        ("/fail", 500, "Something went wrong"),
    ],
)
def test_error_pages_say_what_to_do_and_nothing_of_the_inside(owner, address, status, said):
    owner.raise_request_exception = False
    response = owner.get(address)
    assert response.status_code == status
    assert said in response.content.decode()
    assert "inside words" not in response.content.decode()


def test_form_without_its_token_is_explained(db):
    client = Client(enforce_csrf_checks=True)
    response = client.post("/access/sign-in", {"username": "x", "password": "y"})
    assert response.status_code == 403
    assert "The form is too old" in response.content.decode()


def test_stranger_sees_error_pages_without_navigation(stranger):
    page_source = stranger.get("/nowhere").content.decode()
    assert "Not found" in page_source
    assert "side-navigation" not in page_source

"""Every piece on one page, for tests and eyes: URLs of the product with `gallery/` beside them."""

from datetime import timedelta
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template import engines
from django.urls import include, path
from django.utils import timezone
from django_cotton.compiler_regex import CottonCompiler

from access.doors import page
from access.models import User
from console.deletion import delete_view
from console.forms import ConsoleForm, SizeField, TagsField
from console.json_editor import check_response
from console.listing import Column, Listing, go_to_selected
from console.status import Look, Tone
from console.wizard import Step, WizardView
from core.errors import Conflict, Problem
from mailmanager import urls as product

LOOKS = [
    Look("Provisioning", "pending", Tone.PENDING),
    Look("Active", "success", Tone.SUCCESS),
    Look("Updating", "pending", Tone.PENDING),
    Look("Closed", "stopped", Tone.STOPPED),
    Look("Failed", "error", Tone.ERROR),
    Look("Warning", "warning", Tone.WARNING),
    Look("Note", "info", Tone.INFO),
]

GALLERY = """
{% extends "base.html" %}{% load i18n %}
{% block title %}Gallery{% endblock %}
{% block content %}
<c-page-header title="marketing-inbound" description="An ingress endpoint that takes mail of everybody." :resource_id="id">
  <c-slot name="actions"><c-button href="#">Refresh</c-button><c-button href="#" variant="danger">Delete</c-button><c-button href="#" variant="primary">Create ingress endpoint</c-button></c-slot>
</c-page-header>
<c-alert tone="success" dismiss>The endpoint was created.</c-alert>
<c-alert tone="info" title="Set up your environment">Add the MX record below.</c-alert>
<c-alert tone="warning">No action takes mail that reaches the end of this rule set.</c-alert>
<c-alert tone="error" title="Not saved">10.0.0.0/33 is no range of addresses.</c-alert>
<c-container title="General details"><c-slot name="actions"><c-button href="#">Edit</c-button></c-slot>
  <c-key-values>
    {% for look in looks %}<c-key-value label="Status"><c-status :look="look" /></c-key-value>{% endfor %}
    <c-key-value label="ARecord" value="abcdefghijkl.mnopq.mail-manager-smtp.mailmanager.test" copy />
    <c-key-value label="Created"><c-time :at="at" /></c-key-value>
    <c-key-value label="Nothing" value="" />
  </c-key-values>
</c-container>
<c-container title="Set up your environment">
  <c-code language="dns" title="MX record" copy>marketing.example.com. IN MX 10 abcdefghijkl.mnopq.mail-manager-smtp.mailmanager.test.</c-code>
  <c-code language="smtp" copy>S: 220 abcdefghijkl.mnopq.mail-manager-smtp.mailmanager.test ESMTP
C: EHLO client.example.com
S: 250-AUTH LOGIN PLAIN
C: AUTH LOGIN
S: 334 VXNlcm5hbWU6</c-code>
  <c-code language="terminal" copy>$ aws mailmanager get-ingress-point --ingress-point-id inp-1abc2de3fghi4jkl5mnop6qr</c-code>
  <c-code language="json" :value="json" copy />
  <c-progress :value="340" :max="1000" label="Importing" note="34 lines a second, 20 seconds left" />
  <c-tags :tags="tags" />
  <c-used-by :references="users" />
</c-container>
<c-form :form="form" cancel_url="/">
  <c-container title="Create new ingress endpoint">
    <c-field :field="form.name" constraint="3 to 63 letters, digits, _ and -" />
    <c-tiles :field="form.kind" />
    <c-field :field="form.policy" />
    <c-field :field="form.size" />
    <c-field :field="form.secret" />
    <c-field :field="form.agrees" />
    <c-json-editor :field="form.document" check_url="/gallery/check"><c-slot name="inserts"><button class="button button--normal" type="button" data-insert='{"Action": "ALLOW", "Conditions": []}' data-insert-into="PolicyStatements">Insert statement</button></c-slot></c-json-editor>
    <c-tags-editor :form="form" />
  </c-container>
</c-form>
{% endblock %}
"""

LIST = """
{% extends "base.html" %}{% load i18n %}
{% block title %}List{% endblock %}
{% block content %}
<c-page-header title="Ingress endpoints" description="An ingress endpoint receives mail and hands it to a rule set." />
<c-table :listing="listing" title="Ingress endpoints"><c-slot name="actions"><c-button href="#" variant="primary">Create ingress endpoint</c-button></c-slot></c-table>
{% endblock %}
"""


class GalleryForm(ConsoleForm):
    name = forms.CharField(label="Name", min_length=3, help_text="A unique name.")
    kind = forms.ChoiceField(
        label="Type", choices=[("OPEN", "Open"), ("AUTH", "Authenticated")], widget=forms.RadioSelect
    )
    policy = forms.ChoiceField(
        label="Traffic policy", choices=[("", "Choose a traffic policy"), ("tp-1", "default")]
    )
    size = SizeField(label="Maximum message size", required=False)
    secret = forms.CharField(label="SMTP password", widget=forms.PasswordInput, required=False)
    agrees = forms.BooleanField(
        label="Closed at first", required=False, help_text="It answers 421 until you open it."
    )
    document = forms.CharField(label="Policy statements", widget=forms.Textarea, required=False)
    tags = TagsField()

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["kind"].widget.descriptions = {
            "OPEN": "Any mail server may deliver. For public mail that comes through MX.",
            "AUTH": "Clients sign in with a password. For your own applications.",
        }


def show(request: HttpRequest, source: str, context: dict[str, Any]) -> HttpResponse:
    template = engines["django"].from_string(CottonCompiler().process(source))
    return HttpResponse(template.render(context, request))


@page()
def gallery(request: HttpRequest) -> HttpResponse:
    initial = {
        "document": '{\n  "DefaultAction": "DENY",\n  "PolicyStatements": []\n}',
        "tags": {"stage": "production"},
    }
    form = GalleryForm(request.POST or None, initial=initial)
    context = {
        "id": "inp-1abc2de3fghi4jkl5mnop6qr",
        "looks": LOOKS,
        "at": timezone.now() - timedelta(minutes=3),
        "json": '{\n  "IngressPointName": "marketing",\n  "Status": "ACTIVE",\n  "Size": 12\n}',
        "tags": {"stage": "production", "team": "marketing"},
        "users": [("marketing-inbound", "/x")],
        "form": form,
        "breadcrumbs": [("Ingress endpoints", "/x"), ("inp-1abc2de3fghi4jkl5mnop6qr", "")],
        "nav": "dashboard",
    }
    return show(request, GALLERY, context)


def listing_of(request: HttpRequest, **options: Any) -> Listing:
    columns = [
        Column("name", "Name", lambda user: user.username, sort="username"),
        Column("id", "ID", lambda user: f"inp-{user.pk:024}"),
        Column("role", "Type", lambda user: user.get_role_display(), sort="role"),
        Column("email", "ARecord", lambda user: user.email),
        Column("first", "Traffic policy", lambda user: user.first_name, default=False),
    ]
    defaults: dict[str, Any] = {
        "columns": columns,
        "search": ["username", "email"],
        "radio": True,
        "row_url": lambda user: f"/gallery/{user.pk}",
        "empty_title": "No ingress endpoints",
        "empty_action": ("Create ingress endpoint", "/create"),
        "actions": [("Delete", "/gallery/selected")],
    }
    return Listing(request, User.objects.all(), **{**defaults, **options})


@page()
def list_page(request: HttpRequest) -> HttpResponse:
    return show(
        request, LIST, {"listing": listing_of(request), "nav": "dashboard", "breadcrumbs": [("List", "")]}
    )


@page()
def keyset_page(request: HttpRequest) -> HttpResponse:
    return show(request, LIST, {"listing": listing_of(request, keyset="-id", page_sizes=(10, 25))})


@page()
def check(request: HttpRequest) -> HttpResponse:
    def problems_in(document: Any) -> list[Problem]:
        wrong = isinstance(document, dict) and document.get("DefaultAction") not in ("ALLOW", "DENY")
        return [Problem("DefaultAction", "must be one of ALLOW, DENY")] if wrong else []

    return check_response(request, problems_in, field="document")


@page()
def selected(request: HttpRequest) -> HttpResponse:
    return go_to_selected(request, "gallery-delete", "gallery-list")


@page()
def delete(request: HttpRequest, key: str = "") -> HttpResponse:
    def refuse() -> None:
        raise Conflict("It is on its way; wait until it rests.")

    users = [("marketing-inbound", "/x")] if "used" in request.GET else []
    does = refuse if "refuses" in request.GET else lambda: None
    return delete_view(
        request, name='<b>"x"</b>', kind="traffic policy", delete=does, list_url="/", users=users
    )


class NameForm(ConsoleForm):
    name = forms.CharField(label="Secret name")
    tags = TagsField()


class ValueForm(ConsoleForm):
    kind = forms.ChoiceField(label="Secret type", choices=[("A", "Other type of secret"), ("B", "B")])
    password = forms.CharField(label="Password", widget=forms.PasswordInput(render_value=True))


class GalleryWizard(WizardView):
    key = "gallery"
    title = "Store a new secret"
    finish_label = "Store"
    cancel_url = "/gallery/list"
    steps = (Step("value", "Choose secret type", ValueForm), Step("name", "Configure secret", NameForm))

    def finish(self, cleaned: Any) -> HttpResponse:
        if cleaned["name"]["name"] == "taken":
            raise Conflict("The name is taken.", path="name")
        if cleaned["name"]["name"] == "full":
            raise Conflict("There is no room.")
        return redirect(f"/gallery/list?q={cleaned['name']['name']}-{cleaned['value']['password']}")


handler400, handler403, handler404, handler500 = (
    getattr(product, f"handler{code}") for code in (400, 403, 404, 500)
)
urlpatterns = [
    path("gallery/", gallery),
    path("gallery/list", list_page, name="gallery-list"),
    path("gallery/selected", selected),
    path("gallery/<str:key>/delete", delete, name="gallery-delete"),
    path("gallery/keyset", keyset_page),
    path("gallery/check", check),
    path("gallery/delete", delete),
    path("gallery/wizard", page()(GalleryWizard.as_view())),
    path("", include("mailmanager.urls")),
]

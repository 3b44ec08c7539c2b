"""Every component, with hostile values: nothing gets out of its place."""

from collections.abc import Mapping
from typing import Any

import pytest
from django import forms
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.db import SessionStore
from django.template import engines
from django.test import RequestFactory
from django_cotton.compiler_regex import CottonCompiler

from console.forms import ConsoleForm, SizeField, TagsField
from console.status import Look, Tone

HOSTILE = """"><script>alert('1')</script>' onclick=x"""
QUOTED = '"x" onmouseover="alert(1)"'


def render(source: str, context: Mapping[str, Any] | None = None) -> str:
    """A page's source as its template would be: compiled by cotton, with the context processors."""
    template = engines["django"].from_string(CottonCompiler().process(source))
    request = RequestFactory().get("/")
    request.user = AnonymousUser()
    request.session = SessionStore()
    return str(template.render({"hostile": HOSTILE, "quoted": QUOTED, **(context or {})}, request))


class ExampleForm(ConsoleForm):
    name = forms.CharField(label=HOSTILE, help_text="x < y")
    size = SizeField(required=False)
    kind = forms.ChoiceField(choices=[("A", HOSTILE), ("B", "b")], widget=forms.RadioSelect)
    document = forms.CharField(widget=forms.Textarea, required=False)
    tags = TagsField()


COMPONENTS = [
    '<c-page-header title="{{ hostile }}" :description="hostile" :resource_id="hostile"><c-slot name="actions">{{ hostile }}</c-slot></c-page-header>',
    '<c-button :href="hostile" :title="quoted">{{ hostile }}</c-button>',
    '<c-button name="{{ hostile }}" :value="quoted" hx-post="/x">x</c-button>',
    '<c-container :title="hostile" :count="hostile" :description="hostile" :id="quoted">x</c-container>',
    '<c-key-values><c-key-value :label="hostile" :value="hostile" copy /></c-key-values>',
    '<c-status :look="look" />',
    '<c-alert tone="error" :title="hostile" dismiss>{{ hostile }}</c-alert>',
    '<c-code language="json" :value="hostile" :title="hostile" copy />',
    '<c-code language="dns">{{ hostile }}</c-code>',
    '<c-copy :value="quoted" />',
    '<c-progress :value="3" :max="10" :label="hostile" :note="hostile" />',
    '<c-form-errors :form="form" />',
    '<c-field :field="form.name" :constraint="hostile" />',
    '<c-field :field="form.size" />',
    '<c-tiles :field="form.kind" />',
    '<c-tags :tags="tags" />',
    '<c-tags-editor :form="form" />',
    '<c-used-by :references="references" />',
    '<c-json-editor :field="form.document" check_url="/check"><c-slot name="inserts">x</c-slot></c-json-editor>',
    '<c-empty :title="hostile" :text="hostile" />',
    '<c-form :form="form" :submit="hostile" :cancel_url="hostile">x</c-form>',
]


@pytest.mark.parametrize("source", COMPONENTS)
def test_hostile_values_stay_text(source):
    form = ExampleForm(
        {
            "name": "",
            "size": HOSTILE,
            "kind": HOSTILE,
            "document": HOSTILE,
            "tags_key": [HOSTILE],
            "tags_value": [QUOTED],
        }
    )
    form.add_error(None, HOSTILE) if form.errors else None
    html = render(
        source,
        {
            "form": form,
            "look": Look(HOSTILE, HOSTILE, Tone.ERROR),
            "tags": {HOSTILE: QUOTED},
            "references": [(HOSTILE, HOSTILE)],
        },
    )
    assert "<script>alert" not in html
    assert 'onmouseover="' not in html
    assert "__COTTON" not in html

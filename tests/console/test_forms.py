"""Forms in front of services: what a service refuses stands beside the right field."""

import pytest
from django import forms
from django.http import QueryDict

from console.forms import ConsoleForm, SizeField, TagsField
from console.templatetags.console import control
from core.errors import Conflict, Invalid, NotFound, Problem


class ExampleForm(ConsoleForm):
    name = forms.CharField(help_text="x")
    document = forms.CharField(required=False)
    size = SizeField(required=False)
    tags = TagsField()


def bound(**typed: str) -> ExampleForm:
    data = QueryDict(mutable=True)
    data.update({"name": "x", **typed})
    form = ExampleForm(data)
    form.full_clean()
    return form


FIELDS = {"Rules": "document", "ServerName": "name"}


@pytest.mark.parametrize(
    ("path", "field", "message"),
    [
        ("name", "name", "wrong"),
        ("ServerName", "name", "wrong"),
        ("Rules", "document", "wrong"),
        ("Rules[2].Actions[0].Relay", "document", "Rules[2].Actions[0].Relay: wrong"),
        ("name.part", "name", "name.part: wrong"),
        ("", "__all__", "wrong"),
        ("elsewhere", "__all__", "elsewhere: wrong"),
        ("RulesAndMore", "__all__", "RulesAndMore: wrong"),
    ],
)
def test_problem_stands_beside_the_field_that_its_path_names(path, field, message):
    form = bound()
    form.add_service_error(Invalid.at(path, "wrong"), FIELDS)
    assert form.errors == {field: [message]}


def test_conflict_names_the_field_to_blame_or_none():
    form = bound()
    form.add_service_error(Conflict("taken", path="name"))
    form.add_service_error(Conflict("moving"))
    form.add_service_error(NotFound("gone"))
    assert form.errors == {"name": ["taken"], "__all__": ["moving", "gone"]}


def test_all_problems_are_said_at_once():
    form = bound()
    form.add_service_error(Invalid([Problem("name", "one"), Problem("size", "two")]))
    assert set(form.errors) == {"name", "size"}


@pytest.mark.parametrize(("typed", "size_bytes"), [("25 MB", 26214400), ("", None), ("512", 512)])
def test_sizes_are_read_as_people_write_them(typed, size_bytes):
    assert bound(size=typed).cleaned_data["size"] == size_bytes


def test_size_that_is_none_says_what_would_be():
    assert "like 25 MB" in str(bound(size="big").errors["size"])


def test_size_is_shown_again_as_people_write_it():
    assert 'value="25 MB"' in str(ExampleForm(initial={"size": 26214400})["size"])


def test_first_wrong_field_has_the_focus_and_names_its_errors():
    form = bound(name="", size="big")
    assert "autofocus" in control(form["name"])
    assert "autofocus" not in control(form["size"])
    assert 'aria-invalid="true"' in control(form["size"])
    assert 'aria-describedby="id_name-errors id_name-description"' in control(form["name"])


def test_right_field_is_tied_to_its_description_only():
    assert 'aria-describedby="id_name-description"' in control(ExampleForm()["name"])
    assert "aria-describedby" not in control(ExampleForm()["document"])

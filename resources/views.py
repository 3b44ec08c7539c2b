"""Tags of any resource, and two versions of its document side by side."""

import difflib
import json
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from access.actor import Permission
from access.doors import page
from access.services import actor_of
from console.forms import ConsoleForm, TagsField
from core.errors import Invalid
from core.identifiers import resource_name
from resources import services
from resources.models import DocumentVersion


class TagsForm(ConsoleForm):
    tags = TagsField()


@page(Permission.WRITE)
def tags(request: HttpRequest, arn: str) -> HttpResponse:
    back = _way_back(request)
    form = TagsForm(request.POST or None, initial={"tags": services.tags_of(arn)})
    if request.method == "POST" and form.is_valid():
        try:
            services.change_tags(actor_of(request), arn, form.cleaned_data["tags"])
        except Invalid as error:
            form.add_service_error(error, {"Tags": "tags"})
        else:
            messages.success(request, _("The tags were saved."))
            return redirect(back)
    context = {
        "form": form,
        "arn": arn,
        "back": back,
        "breadcrumbs": [(resource_name(arn), back), (_("Tags"), "")],
    }
    return render(request, "resources/tags.html", context)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the comparison. `kind`: same, added or removed."""

    kind: str
    text: str


@page()
def compare(request: HttpRequest, arn: str) -> HttpResponse:
    former, later = (_version(arn, request.GET.get(name, "")) for name in ("former", "later"))
    back = _way_back(request)
    context = {
        "arn": arn,
        "former": former,
        "later": later,
        "lines": comparison(former.document, later.document),
        "back": back,
        "breadcrumbs": [(resource_name(arn), back), (_("Compare versions"), "")],
    }
    return render(request, "resources/compare.html", context)


def comparison(former: Any, later: Any) -> list[Line]:
    """Every line of both documents, in order, as what it is to the later one."""
    kinds = {" ": "same", "+": "added", "-": "removed"}
    lines = difflib.ndiff(_written(former), _written(later))
    return [Line(kinds[line[0]], line[2:]) for line in lines if line[0] in kinds]


def _written(document: Any) -> list[str]:
    return json.dumps(document, indent=2, ensure_ascii=False).splitlines()


def _version(arn: str, number: str) -> DocumentVersion:
    version = None
    if number.isascii() and number.isdigit() and len(number) < 10:
        version = DocumentVersion.objects.filter(resource_arn=arn, number=int(number)).first()
    if version is None:
        raise Http404
    return version


def _way_back(request: HttpRequest) -> str:
    """The page that led here: the resource's own, which only its room knows."""
    for target in (request.POST.get("next"), request.GET.get("next"), request.META.get("HTTP_REFERER")):
        if target and url_has_allowed_host_and_scheme(target, {request.get_host()}, request.is_secure()):
            return target
    return "/"

"""A secret's value: key/value pairs, or JSON as plain text. What was typed is never rendered again."""

import json
from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from console.forms import ConsoleForm
from secrets_store.logic.uses import NEEDS, Use
from secrets_store.services.values import MAX_VALUE_BYTES

PAIRS, TEXT = "PAIRS", "TEXT"
OTHER = "OTHER"
MAX_PAIRS = 50
KEPT = "••••••••"  # stands for a value that was typed before

USES = [
    (Use.ENDPOINT.value, gettext_lazy("Ingress endpoint")),
    (Use.RELAY.value, gettext_lazy("SMTP relay")),
    (OTHER, gettext_lazy("Something else")),
]
USE_SENTENCES = {
    Use.ENDPOINT.value: gettext_lazy("Clients log in to the endpoint with it. Its only key is “password”."),
    Use.RELAY.value: gettext_lazy("The relay logs in with it. Its keys are “username” and “password”."),
    OTHER: gettext_lazy("Any keys, or any text."),
}


class PairsWidget(forms.Widget):
    """Rows of key and value. `name_key`, `name_value`, once for each row."""

    template_name = "secrets_store/widgets/pairs.html"
    spare_rows = 1

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[tuple[str, str]]:
        keys, values = data.getlist(f"{name}_key"), data.getlist(f"{name}_value")
        return list(zip(keys, [*values, *[""] * (len(keys) - len(values))], strict=False))

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return f"{name}_key" not in data

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context = super().get_context(name, None, attrs)
        pairs = [pair for pair in value or [] if any(pair)]
        rows = [(key, KEPT if text else "") for key, text in pairs]
        context["widget"]["rows"] = rows + [("", "")] * self.spare_rows
        return context


class PairsField(forms.Field):
    """Pairs to a dict."""

    widget = PairsWidget

    def clean(self, value: Any) -> dict[str, str]:
        pairs: dict[str, str] = {}
        for key, text in value or []:
            name = key.strip()
            if not name and not text:
                continue
            if not name:
                raise forms.ValidationError(_("Give each value a key."))
            if name in pairs:
                raise forms.ValidationError(_("The key “%(key)s” is there twice.") % {"key": name})
            pairs[name] = text
        if len(pairs) > MAX_PAIRS:
            raise forms.ValidationError(_("At most %(most)d pairs.") % {"most": MAX_PAIRS})
        return pairs


class SecretText(forms.Textarea):
    """A text area that never shows what it holds."""

    def format_value(self, value: Any) -> Any:
        return ""


class ValueForm(ConsoleForm):
    """`cleaned_data["value"]`: the text to store."""

    use = forms.ChoiceField(
        label=gettext_lazy("What is the secret for?"), choices=USES, widget=forms.RadioSelect
    )
    mode = forms.ChoiceField(
        label=gettext_lazy("Enter the value as"),
        choices=[(PAIRS, gettext_lazy("Key/value pairs")), (TEXT, gettext_lazy("Plain text JSON"))],
        initial=PAIRS,
        widget=forms.RadioSelect,
    )
    pairs = PairsField(label=gettext_lazy("Key/value pairs"), required=False)
    text = forms.CharField(
        label=gettext_lazy("Plain text"),
        required=False,
        strip=False,
        widget=SecretText(attrs={"rows": 5, "spellcheck": "false", "autocomplete": "off"}),
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        widget: Any = self.fields["use"].widget
        widget.descriptions = USE_SENTENCES
        if not self.is_bound:
            wanted = (
                NEEDS[Use(self.initial["use"])].value_keys if self.initial.get("use") in list(Use) else ()
            )
            self.initial.setdefault("pairs", [(key, "") for key in wanted])

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        field = "pairs" if cleaned["mode"] == PAIRS else "text"
        if field == "pairs":
            members: Mapping[str, Any] | None = cleaned["pairs"]
            cleaned["value"] = json.dumps(members, ensure_ascii=False)
            if not members:
                self.add_error(field, _("Enter at least one key and its value."))
        else:
            members = self._members(cleaned["text"])
            cleaned["value"] = cleaned["text"]
        if not self.errors:
            self._check_use(field, cleaned["use"], members)
        if len(cleaned["value"].encode()) > MAX_VALUE_BYTES:
            self.add_error(field, _("A value has at most 65,536 bytes."))
        return cleaned

    def _members(self, text: str) -> Mapping[str, Any] | None:
        if not text:
            self.add_error("text", _("Enter the value."))
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return None
        return value if isinstance(value, dict) else None

    def _check_use(self, field: str, use: str, members: Mapping[str, Any] | None) -> None:
        """Point out what would make authentication fail, where it is typed."""
        if use == OTHER:
            return
        wanted = NEEDS[Use(use)].value_keys
        names = ", ".join(f"“{name}”" for name in wanted)
        if members is None:
            self.add_error(field, _("Must be a JSON object with the keys %(wanted)s.") % {"wanted": names})
            return
        for name in members:
            if name not in wanted:
                self.add_error(
                    field,
                    _(
                        "The key “%(key)s” must not be there: with keys other than %(wanted)s authentication"
                        " would fail."
                    )
                    % {"key": name, "wanted": names},
                )
        for name in wanted:
            if not isinstance(members.get(name), str) or not members[name]:
                self.add_error(field, _("The key “%(key)s” needs a value.") % {"key": name})

"""The fields of the pages of an ingress endpoint."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.db.models import Model
from django.utils.translation import gettext_lazy as _

from console.forms import ConsoleForm, TagsField
from console.sealed import seal, unseal
from endpoints.logic.life import Status
from endpoints.models import IngressEndpoint
from endpoints.passwords import generate_password, is_allowed
from policies.models import TrafficPolicy
from rulesets.models import RuleSet
from secrets_store.forms.choice import SecretChoiceField

_NO_HELP = {"autocomplete": "off", "spellcheck": "false"}
_PURPOSE = "endpoints.typed_password"
_KEPT_SECONDS = 3600  # as long as a form may lie open between two of its answers

Type = IngressEndpoint.Type
TlsPolicy = IngressEndpoint.TlsPolicy


class Tiles(forms.RadioSelect):
    """`descriptions`: value → its sentence."""

    def __init__(self, descriptions: dict[str, Any]) -> None:
        super().__init__()
        self.descriptions = descriptions


class Way:
    KEEP = "KEEP"
    GENERATE = "GENERATE"
    TYPE = "TYPE"
    SECRET = "SECRET"  # noqa: S105 — a way, not one


def _name_field() -> forms.CharField:
    return forms.CharField(label=_("Name"), widget=forms.TextInput(attrs=_NO_HELP))


def _choice(model: type[Model], label: Any, help_text: Any) -> forms.ChoiceField:
    field = forms.ChoiceField(label=label, help_text=help_text)
    field.choices = lambda: [("", _("Choose")), *model._default_manager.values_list("id", "name")]
    return field


def policy_field() -> forms.ChoiceField:
    return _choice(TrafficPolicy, _("Traffic policy"), _("Says which mail is refused."))


def rule_set_field() -> forms.ChoiceField:
    return _choice(RuleSet, _("Rule set"), _("Says what becomes of mail that was accepted."))


_WAYS = [
    (Way.GENERATE, _("SMTP password, generated")),
    (Way.TYPE, _("SMTP password, entered")),
    (Way.SECRET, _("Secret")),
]
_WAY_DESCRIPTIONS = {
    Way.KEEP: _("Nothing changes for clients."),
    Way.GENERATE: _("32 characters. It is shown once, on the next page."),
    Way.TYPE: _("Of your own; share it with those who may send."),
    Way.SECRET: _("The value of a secret, with the key password. It can rotate by itself."),
}


class CredentialFields(ConsoleForm):
    """An SMTP password, typed or generated, or a secret. A password that was typed survives a form that
    comes back, sealed: it is never written into a page again."""

    way = forms.ChoiceField(
        label=_("Authentication"), choices=_WAYS, initial=Way.GENERATE, widget=Tiles(_WAY_DESCRIPTIONS)
    )
    password = forms.CharField(
        label=_("SMTP password"),
        strip=False,
        max_length=1000,  # what may be in it, and how much, the service says
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    kept_password = forms.CharField(required=False, max_length=4000, widget=forms.HiddenInput)
    secret_arn = SecretChoiceField(help_text=_("With the key “password”, and no other."))

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        way = self.data.get("way", Way.TYPE) if self.data.get("type", Type.AUTH) == Type.AUTH else None
        self.fields["password"].required = way == Way.TYPE and not self.data.get("kept_password")
        self.fields["secret_arn"].required = way == Way.SECRET or not self.is_bound

    @property
    def sealed_password(self) -> str:
        """What the form carries for the password that was typed into it; "" without one."""
        typed = self.data.get("password", "")
        return seal(typed, _PURPOSE) if is_allowed(typed) else str(self.data.get("kept_password", ""))

    def credential(self) -> dict[str, str]:
        """`password` or `secret_arn` for the service; {} where it stays as it is. After validation."""
        cleaned = self.cleaned_data
        match cleaned.get("way"):
            case Way.GENERATE:
                return {"password": generate_password()}
            case Way.TYPE:
                kept = unseal(cleaned["kept_password"], _PURPOSE, max_age_seconds=_KEPT_SECONDS)
                return {"password": cleaned["password"] or kept or ""}
            case Way.SECRET:
                return {"secret_arn": cleaned["secret_arn"]}
        return {}

    @property
    def was_generated(self) -> bool:
        return self.cleaned_data.get("way") == Way.GENERATE


def _pem(label: Any, help_text: Any, *, beginning: str, required: bool) -> forms.CharField:
    """What may be in it, and how much, the service says."""
    attributes = {**_NO_HELP, "rows": 10, "class": "pem", "placeholder": f"-----BEGIN {beginning}-----"}
    return forms.CharField(
        label=label, help_text=help_text, required=required, widget=forms.Textarea(attrs=attributes)
    )


class TrustFields(ConsoleForm):
    """The trust store of an mTLS endpoint."""

    ca_content = _pem(
        _("CA certificates"),
        _("In PEM, one or more. Who has a certificate of one of them may send."),
        beginning="CERTIFICATE",
        required=True,
    )
    crl_content = _pem(
        _("Certificate revocation lists"),
        _("In PEM, one for each CA. Once a list has expired, all clients of its CA are refused."),
        beginning="X509 CRL",
        required=False,
    )

    def trust(self) -> dict[str, str]:
        """What the services take. After validation."""
        names = ("ca_content", "crl_content")
        return {name: self.cleaned_data[name].replace("\r\n", "\n") for name in names}


class NewEndpointForm(CredentialFields, TrustFields):
    DEFAULT_TLS = "DEFAULT"

    name = _name_field()
    type = forms.ChoiceField(
        label=_("Type"),
        choices=Type.choices,
        initial=Type.OPEN.value,
        widget=Tiles(
            {
                Type.OPEN: _("Takes mail from any server on port 25, as a domain's MX does."),
                Type.AUTH: _("Takes mail from those who know its password, on ports 25 and 587."),
                Type.MTLS: _(
                    "Takes mail from those with a client certificate of a CA you trust, on port 25."
                ),
            }
        ),
    )
    tls_policy = forms.ChoiceField(
        label=_("TLS policy"),
        initial=DEFAULT_TLS,
        choices=[(DEFAULT_TLS, _("Default of the type")), *TlsPolicy.choices],
        widget=Tiles(
            {
                DEFAULT_TLS: _("Optional for Open, Required for Authenticated."),
                TlsPolicy.REQUIRED: _("Mail is taken only after STARTTLS."),
                TlsPolicy.OPTIONAL: _("STARTTLS is offered, and mail in the clear is taken too."),
            }
        ),
    )
    traffic_policy_id = policy_field()
    rule_set_id = rule_set_field()
    tags = TagsField()

    field_order = ["name", "type", "tls_policy", "way", "password", "secret_arn", "ca_content", "crl_content"]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["ca_content"].required = self.data.get("type", Type.MTLS) == Type.MTLS

    def wishes(self) -> dict[str, Any]:
        """What `services.create` takes. After validation."""
        cleaned = self.cleaned_data
        wishes = {
            name: cleaned[name] for name in ("name", "type", "traffic_policy_id", "rule_set_id", "tags")
        }
        # What the chosen type does not show is not meant, whatever stands in it.
        match cleaned["type"]:
            case Type.AUTH:
                wishes |= self.credential()
            case Type.MTLS:
                return {**wishes, **self.trust()}
        tls_policy = None if cleaned["tls_policy"] == self.DEFAULT_TLS else cleaned["tls_policy"]
        return {**wishes, "tls_policy": tls_policy}


class EditEndpointForm(CredentialFields):
    name = _name_field()
    status = forms.ChoiceField(
        label=_("Active status"),
        choices=[(Status.ACTIVE.value, _("Active")), (Status.CLOSED.value, _("Closed"))],
        widget=Tiles(
            {
                Status.ACTIVE.value: _("Takes mail."),
                Status.CLOSED.value: _("Answers every connection with 421: senders try again later."),
            }
        ),
    )
    tls_policy = forms.ChoiceField(
        label=_("TLS policy"),
        choices=TlsPolicy.choices,
        widget=Tiles(dict(NewEndpointForm.base_fields["tls_policy"].widget.descriptions)),
    )

    field_order = ["name", "status", "tls_policy", "way", "password", "secret_arn"]

    def __init__(self, endpoint: IngressEndpoint, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._endpoint = endpoint
        for name, value in (
            ("name", endpoint.name),
            ("status", endpoint.wished_status),
            ("tls_policy", endpoint.tls_policy),
            ("way", Way.KEEP),
            ("secret_arn", endpoint.secret_arn),
        ):
            self.fields[name].initial = value
        way = self.fields["way"]
        assert isinstance(way, forms.ChoiceField), "declared so above"
        way.choices = [(Way.KEEP, _("As it is")), *_WAYS]
        if endpoint.type != Type.AUTH:
            self._drop("way", "password", "kept_password", "secret_arn")
        if endpoint.type == Type.MTLS:
            self._drop("tls_policy")  # it is always required
        if endpoint.status == Status.FAILED:
            self._drop("status")  # it never was active; only a retry leads on

    def _drop(self, *names: str) -> None:
        for name in names:
            del self.fields[name]

    def wishes(self) -> dict[str, Any]:
        """What `services.update` takes. After validation."""
        names: Iterable[str] = ("name", "status", "tls_policy")
        wishes = {name: self.cleaned_data[name] for name in names if name in self.cleaned_data}
        return {**wishes, **self.credential()}


class PolicyChoiceForm(ConsoleForm):
    traffic_policy_id = policy_field()


class RuleSetChoiceForm(ConsoleForm):
    rule_set_id = rule_set_field()


class TrustStoreForm(TrustFields):
    """Of an endpoint that has one already."""


class DomainForm(ConsoleForm):
    """Whose MX is looked up."""

    domain = forms.CharField(
        label=_("Domain"),
        max_length=255,
        widget=forms.TextInput(attrs={**_NO_HELP, "placeholder": "example.com", "inputmode": "url"}),
    )

"""Django admin has a page for every model of ours that stands for itself."""

from django.apps import apps
from django.contrib import admin

from mailmanager.settings import INSTALLED_APPS

# Shown inside their parents' pages.
SHOWN_ELSEWHERE = {"RecipientTrace", "TraceEvent", "SpoolDelivery", "SpoolContent"}


def test_every_model_has_its_page():
    ours = [name for name in INSTALLED_APPS if apps.is_installed(name) and "." not in name]
    models = [
        model
        for name in ours
        if name not in {"axes", "csp"}
        for model in apps.get_app_config(name).get_models()
    ]
    missing = {model.__name__ for model in models if not admin.site.is_registered(model)} - SHOWN_ELSEWHERE
    assert missing == set()

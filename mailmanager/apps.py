"""The project as an app: its commands and the checks of its settings."""

from django.apps import AppConfig


class MailManagerConfig(AppConfig):
    name = "mailmanager"

    def ready(self) -> None:
        from mailmanager import checks  # noqa: F401, PLC0415  registers them

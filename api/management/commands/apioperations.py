"""manage.py apioperations: the table of operations that docs/api.md has."""

from typing import Any

from botocore import xform_name
from django.core.management.base import BaseCommand

from api.operations.table import OPERATIONS
from core.service_model import service_model


def operations_table() -> str:
    """Markdown. What the model has and is not built is named below each table."""
    parts = []
    for service, built in OPERATIONS.items():
        model = service_model(service)
        rows = [
            f"| {name} | `{xform_name(name)}` | `aws {service} {xform_name(name, '-')}` |"
            for name in model.operation_names
            if name in built
        ]
        parts.append(
            "\n".join((f"### {service}", "", "| operation | boto3 | AWS CLI |", "|---|---|---|", *rows))
        )
        if missing := [name for name in model.operation_names if name not in built]:
            parts.append(f"Not built: {', '.join(missing)}.")
    return "\n\n".join(parts) + "\n"


class Command(BaseCommand):
    help = "Print the table of the API's operations, as docs/api.md has it."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(operations_table(), ending="")

"""An address list told: its API representation, its CLI command, and how imports look."""

import shlex
from typing import Any

from django.utils.formats import localize
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from addresslists.models import AddressList, ImportJob
from console.status import Look, Tone
from core.units import format_size

IMPORT_LOOKS: dict[str, Look] = {
    ImportJob.Status.CREATED.value: Look(gettext_lazy("Created"), "pending", Tone.STOPPED),
    ImportJob.Status.PROCESSING.value: Look(gettext_lazy("Processing"), "pending", Tone.PENDING),
    ImportJob.Status.COMPLETED.value: Look(gettext_lazy("Completed"), "success", Tone.SUCCESS),
    ImportJob.Status.FAILED.value: Look(gettext_lazy("Failed"), "error", Tone.ERROR),
    ImportJob.Status.STOPPED.value: Look(gettext_lazy("Stopped"), "stopped", Tone.STOPPED),
}


def api_representation(address_list: AddressList) -> dict[str, Any]:
    """As GetAddressList answers."""
    return {
        "AddressListId": address_list.id,
        "AddressListArn": address_list.arn,
        "AddressListName": address_list.name,
        "CreatedTimestamp": address_list.created_at.isoformat(),
        "LastUpdatedTimestamp": address_list.updated_at.isoformat(),
    }


def cli_command(address_list: AddressList) -> str:
    """The AWS CLI's command that makes such a list, empty as the service makes them."""
    return f"aws mailmanager create-address-list \\\n  --address-list-name {shlex.quote(address_list.name)}"


def progress_note(job: ImportJob, seconds: float) -> str:
    """Rate and time left of an import that has been under way for so long; "" before there is a rate."""
    if seconds <= 0 or not job.position or not job.number:
        return ""
    left_seconds = round((job.size_bytes - job.position) * seconds / job.position)
    return _("%(rate)s a second, %(size)s left, about %(seconds)s s") % {
        "rate": localize(round(job.number / seconds)),
        "size": format_size(max(job.size_bytes - job.position, 0)),
        "seconds": localize(left_seconds),
    }

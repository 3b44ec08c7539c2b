"""The spool, which is the truth about mail under way, and the trace, which tells its story."""

from django.db import models
from django.db.models import F
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _


class SpoolMessage(models.Model):
    """A message that got its 250 and is not yet done with. Lives in the spool's database.

    The row goes when its last delivery ends. Who claims it moves `next_attempt_at` to the end of the
    lease, so that one index says what is due: new mail, retries, and what a dead worker left.
    """

    id = models.CharField(primary_key=True, max_length=40)  # the message ID: sorts by time
    envelope = models.JSONField()  # core.envelope.Envelope
    size_bytes = models.PositiveBigIntegerField()
    # None until the rule set was walked; from then on deliveries say what is left.
    planned_at = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)  # to plan it, before planned_at
    next_attempt_at = models.DateTimeField(db_index=True)
    lease_owner = models.CharField(max_length=64, blank=True, default="")
    leased_until = models.DateTimeField(null=True)
    # Why nothing more is tried before a person says so; "" where it is not held.
    hold_reason = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        verbose_name = _("message in the spool")
        verbose_name_plural = _("messages in the spool")
        ordering = ["id"]

    def __str__(self) -> str:
        return self.id


class SpoolContent(models.Model):
    """The bytes of a message: as received, with our Received: field, CRLF.

    Apart from SpoolMessage: SQLite writes a row anew, whole, at each change of it.
    """

    message = models.OneToOneField(
        SpoolMessage, primary_key=True, on_delete=models.CASCADE, related_name="body"
    )
    content = models.BinaryField()

    class Meta:
        verbose_name = _("content in the spool")
        verbose_name_plural = _("contents in the spool")

    def __str__(self) -> str:
        return self.message_id


class SpoolDelivery(models.Model):
    """One action of the plan for the recipients that share it. Lives in the spool's database."""

    class State(models.TextChoices):
        PENDING = "PENDING", _("Pending")
        DONE = "DONE", _("Done")
        FAILED = "FAILED", _("Failed")
        CANCELLED = "CANCELLED", _("Cancelled")

    # The constraint's index begins with it: one less to keep.
    message = models.ForeignKey(
        SpoolMessage, on_delete=models.CASCADE, related_name="deliveries", db_index=False
    )
    position = models.PositiveIntegerField()  # in the plan
    # rulesets.logic.delivery.Delivery as a document, or the like for a bounce (mailflow.bounce)
    step = models.JSONField()
    remaining = models.JSONField()  # recipients that are not finished: [mailbox, …]
    # What became of the others: {mailbox: mailflow.logic.progress.Ending as a document}
    endings = models.JSONField(default=dict)
    state = models.CharField(max_length=9, choices=State.choices, default=State.PENDING)
    attempts = models.PositiveIntegerField(default=0)
    first_attempt_at = models.DateTimeField(null=True)
    next_attempt_at = models.DateTimeField()
    last_result = models.TextField(blank=True, default="")  # the far side's words, shortened

    class Meta:
        verbose_name = _("delivery in the spool")
        verbose_name_plural = _("deliveries in the spool")
        ordering = ["message_id", "position"]
        constraints = [
            models.UniqueConstraint(fields=["message", "position"], name="delivery_position_once"),
        ]

    def __str__(self) -> str:
        return f"{self.message_id}#{self.position}"


class Outcome(models.TextChoices):
    """What became of a message or of one recipient of it."""

    UNDER_WAY = "UNDER_WAY", _("Under way")
    DELIVERED = "DELIVERED", _("Delivered")
    DROPPED = "DROPPED", _("Dropped")
    BOUNCED = "BOUNCED", _("Bounced")
    FAILED = "FAILED", _("Failed")
    HELD = "HELD", _("Held")
    UNHANDLED = "UNHANDLED", _("No action took it")
    REFUSED = "REFUSED", _("Refused")


class MessageTrace(models.Model):
    """The story of one message, or of a transaction in which every recipient was refused."""

    id = models.CharField(primary_key=True, max_length=40)  # the message ID, or one made for the refusal
    endpoint_id = models.CharField(_("ingress endpoint"), max_length=64)
    endpoint_name = models.CharField(max_length=100)
    session_id = models.CharField(max_length=40, db_index=True)
    received_at = models.DateTimeField(_("received"))
    peer_address = models.GenericIPAddressField(_("client"))
    helo = models.CharField(max_length=255, blank=True)
    tls_version = models.CharField(max_length=8, blank=True)
    client_certificate = models.CharField(max_length=255, blank=True, db_default="")  # its subject; of mTLS
    reverse_path = models.CharField(_("sender"), max_length=320, blank=True)
    subject = models.CharField(_("subject"), max_length=255, blank=True)
    size_bytes = models.PositiveBigIntegerField(_("size"), default=0)
    outcome = models.CharField(_("outcome"), max_length=9, choices=Outcome.choices)

    class Meta:
        verbose_name = _("message trace")
        verbose_name_plural = _("message traces")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["endpoint_id", "-id"], name="trace_by_endpoint"),
            # Addresses are kept as they came, and looked for without regard to case.
            models.Index(Lower("reverse_path"), F("id").desc(), name="trace_by_sender"),
            models.Index(fields=["outcome", "-id"], name="trace_by_outcome"),
            models.Index(fields=["received_at"], name="trace_by_time"),
        ]

    def __str__(self) -> str:
        return self.id


class RecipientTrace(models.Model):
    # The constraint's index begins with it.
    trace = models.ForeignKey(
        MessageTrace, on_delete=models.CASCADE, related_name="recipients", db_index=False
    )
    mailbox = models.CharField(_("recipient"), max_length=320)
    outcome = models.CharField(_("outcome"), max_length=9, choices=Outcome.choices)

    class Meta:
        verbose_name = _("recipient")
        verbose_name_plural = _("recipients")
        ordering = ["id"]
        indexes = [models.Index(Lower("mailbox"), F("trace_id").desc(), name="trace_by_recipient")]
        constraints = [
            models.UniqueConstraint(fields=["trace", "mailbox"], name="recipient_trace_once"),
        ]

    def __str__(self) -> str:
        return self.mailbox


class TraceEvent(models.Model):
    """One decision or action. `key` is the same when a retry writes it again: it is kept once."""

    # The constraint's index begins with it.
    trace = models.ForeignKey(MessageTrace, on_delete=models.CASCADE, related_name="events", db_index=False)
    key = models.CharField(max_length=64)  # `rule.2`, `delivery.3.attempt.1`
    at = models.DateTimeField(_("time"))
    kind = models.CharField(_("kind"), max_length=32)  # mailflow.logic.story names them
    recipient = models.CharField(_("recipient"), max_length=320, blank=True)
    detail = models.JSONField(_("detail"), default=dict, blank=True)

    class Meta:
        verbose_name = _("trace event")
        verbose_name_plural = _("trace events")
        ordering = ["at", "id"]
        constraints = [models.UniqueConstraint(fields=["trace", "key"], name="trace_event_once")]

    def __str__(self) -> str:
        return f"{self.trace_id} {self.kind}"

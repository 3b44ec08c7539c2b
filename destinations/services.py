"""Every change to mailboxes, buckets and roles: console, API, admin and commands all call here."""

import re
from collections.abc import Mapping, Sequence
from functools import partial

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from access.actor import Actor, Permission
from access.services import audit, require
from core.errors import Conflict, Invalid, NotFound, Problem
from core.host import parse_host
from core.identifiers import parse_arn, resource_name
from core.unset import UNSET, Unset
from destinations import files
from destinations.files import Fill
from destinations.models import Bucket, Mailbox, Role
from resources.services import bump_configuration, forget, set_tags

MAX_PORT = 65535
_SMTP_PORT = 25
_MAILDIR_FOLDERS = frozenset({"new", "cur"})

# Of NameOrArn's characters those that are safe in a file name; no dot in front.
_MAILBOX_NAME = re.compile(r"[A-Za-z0-9_+=,@#-][A-Za-z0-9_+=,@.#-]{0,99}", re.ASCII)
# S3's rules for bucket names, within S3Bucket's 62 characters.
_BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,60}[a-z0-9]", re.ASCII)


# --- mailboxes ------------------------------------------------------------------------------------


def find_mailbox(name_or_arn: str) -> Mailbox:
    """NotFound where there is none; an ARN has to be the mailbox's own in every part."""
    if parse_arn(name_or_arn) is None:
        mailbox = Mailbox.objects.filter(name=name_or_arn).first()
    else:
        mailbox = Mailbox.objects.filter(pk=resource_name(name_or_arn)).first()
        mailbox = mailbox if mailbox and mailbox.arn == name_or_arn else None
    if mailbox is None:
        raise _no_mailbox(name_or_arn)
    return mailbox


def get_mailbox(id_or_arn: str) -> Mailbox:
    """For the console and the API: NotFound where there is none."""
    mailbox = Mailbox.objects.filter(pk=resource_name(id_or_arn)).first()
    if mailbox is None:
        raise _no_mailbox(id_or_arn)
    return mailbox


def create_mailbox(
    actor: Actor,
    *,
    name: str,
    kind: str = Mailbox.Kind.MAILDIR,
    lmtp_host: str = "",
    lmtp_port: int | None = None,
    tags: Mapping[str, str] | None = None,
) -> Mailbox:
    """Paths of problems: the parameters. The name stays for good: rules and the Maildir carry it."""
    require(actor, Permission.WRITE)
    mailbox = Mailbox(name=name, kind=kind, lmtp_host=lmtp_host, lmtp_port=lmtp_port)
    _validate_mailbox(mailbox)
    # Without regard to case: the two would share a Maildir where the file system has none.
    if Mailbox.objects.filter(name__iexact=name).exists():
        raise _mailbox_taken(name)
    _refuse_left_over(mailbox.parts)
    with transaction.atomic():
        try:
            with transaction.atomic():
                mailbox.save(force_insert=True)
        except IntegrityError as error:
            raise _mailbox_taken(name) from error
        set_tags(mailbox.arn, tags or {})
        audit(actor, "destinations.create_mailbox", mailbox.arn, name=name, kind=str(mailbox.kind))
        bump_configuration()
    return mailbox


def update_mailbox(
    actor: Actor,
    mailbox_id: str,
    *,
    lmtp_host: str | Unset = UNSET,
    lmtp_port: int | Unset | None = UNSET,
    tags: Mapping[str, str] | Unset = UNSET,
) -> Mailbox:
    """Problems as with `create_mailbox`. Name and kind stay."""
    require(actor, Permission.WRITE)
    with transaction.atomic():
        mailbox = _locked_mailbox(mailbox_id)
        wishes = {"lmtp_host": lmtp_host, "lmtp_port": lmtp_port}
        changed = [
            field
            for field, value in wishes.items()
            if value is not UNSET and value != getattr(mailbox, field)
        ]
        for field in changed:
            setattr(mailbox, field, wishes[field])
        _validate_mailbox(mailbox)
        if changed:
            mailbox.save(update_fields=[*changed, "updated_at"])
            bump_configuration()
        if tags is not UNSET:
            set_tags(mailbox.arn, tags)
            changed.append("tags")
        if changed:
            audit(actor, "destinations.update_mailbox", mailbox.arn, name=mailbox.name, changed=changed)
    return mailbox


def delete_mailbox(actor: Actor, mailbox_id: str, *, with_messages: bool = False) -> None:
    """Conflict while there are messages in it, unless they shall go too."""
    require(actor, Permission.WRITE)
    mailbox = get_mailbox(mailbox_id)
    if not with_messages and (fill := fill_of_mailbox(mailbox)).count:
        raise Conflict(
            _("%(name)s holds %(count)d messages; confirm that they are deleted too.")
            % {"name": mailbox.name, "count": fill.count}
        )
    with transaction.atomic():
        mailbox = _locked_mailbox(mailbox_id)
        arn = mailbox.arn
        mailbox.delete()
        forget(arn)
        audit(
            actor,
            "destinations.delete_mailbox",
            arn,
            name=mailbox.name,
            with_messages=with_messages,
        )
        bump_configuration()
        if mailbox.kind == Mailbox.Kind.MAILDIR:
            transaction.on_commit(partial(files.remove_tree, mailbox.parts), robust=True)


def fill_of_mailbox(mailbox: Mailbox) -> Fill:
    """Messages in the Maildir; nothing where an LMTP server keeps them."""
    if mailbox.kind == Mailbox.Kind.LMTP:
        return Fill(0, 0, is_complete=True)
    return files.fill_of(mailbox.parts, below=_MAILDIR_FOLDERS)


def _validate_mailbox(mailbox: Mailbox) -> None:
    """Invalid, or the server's name in the form that is kept."""
    problems = []
    if not _MAILBOX_NAME.fullmatch(mailbox.name) or ".." in mailbox.name:
        problems.append(
            Problem(
                "name",
                _("A name has 1 to 100 characters of A-Z, a-z, 0-9 and _+=,@.#-, no dot in front, no “..”."),
            )
        )
    if mailbox.kind not in Mailbox.Kind.values:
        problems.append(Problem("kind", _("A mailbox is a MAILDIR or an LMTP server.")))
    elif mailbox.kind == Mailbox.Kind.LMTP:
        try:
            mailbox.lmtp_host = parse_host(mailbox.lmtp_host)
        except ValueError:
            problems.append(
                Problem("lmtp_host", _("Write a host name like mail.example.com, or an IP address."))
            )
        if mailbox.lmtp_port is None or not 1 <= mailbox.lmtp_port <= MAX_PORT:
            problems.append(Problem("lmtp_port", _("A port is a number from 1 to 65535.")))
        elif mailbox.lmtp_port == _SMTP_PORT:  # RFC 2033 §5
            problems.append(Problem("lmtp_port", _("LMTP is never spoken on port 25; 24 is usual.")))
    elif mailbox.lmtp_host or mailbox.lmtp_port is not None:
        problems.append(Problem("lmtp_host", _("A Maildir has no LMTP server.")))
    if problems:
        raise Invalid(problems)


def _locked_mailbox(mailbox_id: str) -> Mailbox:
    mailbox = Mailbox.objects.select_for_update().filter(pk=resource_name(mailbox_id)).first()
    if mailbox is None:
        raise _no_mailbox(mailbox_id)
    return mailbox


def _no_mailbox(name: str) -> NotFound:
    return NotFound(_("There is no mailbox %(name)s.") % {"name": name})


def _mailbox_taken(name: str) -> Conflict:
    return Conflict(_("There is a mailbox named %(name)s already.") % {"name": name}, path="name")


def _refuse_left_over(parts: Sequence[str]) -> None:
    """Conflict where files lie in the new resource's directory: they were somebody else's."""
    if files.fill_of(parts).count:
        raise Conflict(
            _("A directory of that name with files in it is still in the data directory; move it away."),
            path="name",
        )


# --- buckets --------------------------------------------------------------------------------------


def find_bucket(name: str) -> Bucket:
    """NotFound where there is none."""
    bucket = Bucket.objects.filter(pk=name).first()
    if bucket is None:
        raise NotFound(_("There is no bucket %(name)s.") % {"name": name})
    return bucket


def create_bucket(actor: Actor, *, name: str, tags: Mapping[str, str] | None = None) -> Bucket:
    """Paths of problems: the parameters."""
    require(actor, Permission.WRITE)
    if not _BUCKET_NAME.fullmatch(name) or ".." in name:
        raise Invalid.at(
            "name",
            _("A name has 3 to 62 characters of a-z, 0-9, “.” and “-”, a letter or digit at its ends."),
        )
    if Bucket.objects.filter(pk=name).exists():
        raise _bucket_taken(name)
    bucket = Bucket(name=name)
    _refuse_left_over(bucket.parts)
    with transaction.atomic():
        try:
            with transaction.atomic():
                bucket.save(force_insert=True)
        except IntegrityError as error:
            raise _bucket_taken(name) from error
        set_tags(bucket.arn, tags or {})
        audit(actor, "destinations.create_bucket", bucket.arn, name=name)
        bump_configuration()
    return bucket


def delete_bucket(actor: Actor, name: str, *, with_objects: bool = False) -> None:
    """Conflict while there are objects in it, unless they shall go too."""
    require(actor, Permission.WRITE)
    bucket = find_bucket(name)
    if not with_objects and (fill := fill_of_bucket(bucket)).count:
        raise Conflict(
            _("%(name)s holds %(count)d objects; confirm that they are deleted too.")
            % {"name": name, "count": fill.count}
        )
    arn, parts = bucket.arn, bucket.parts
    with transaction.atomic():
        bucket.delete()
        forget(arn)
        audit(actor, "destinations.delete_bucket", arn, name=name, with_objects=with_objects)
        bump_configuration()
        transaction.on_commit(partial(files.remove_tree, parts), robust=True)


def fill_of_bucket(bucket: Bucket) -> Fill:
    return files.fill_of(bucket.parts)


def _bucket_taken(name: str) -> Conflict:
    return Conflict(_("There is a bucket named %(name)s already.") % {"name": name}, path="name")


# --- roles ----------------------------------------------------------------------------------------


def find_role(arn: str) -> Role:
    """NotFound where there is none; the ARN has to be the role's own in every part."""
    role = Role.objects.filter(pk=resource_name(arn)).first()
    if role is None or role.arn != arn:
        raise NotFound(_("There is no role %(arn)s.") % {"arn": arn})
    return role


def ensure_local_role() -> Role:
    """The role of local destinations, made at the first start."""
    role, _was_made = Role.objects.get_or_create(
        name=Role.LOCAL_NAME,
        defaults={"description": "Reaches the buckets and mailboxes of this installation."},
    )
    return role

"""The console speaks Japanese: each string has its translation, and the compiled catalogue is today's."""

import ast
import gettext
import io
import re
import shutil
import struct
from dataclasses import dataclass

import pytest
from django.core.management import call_command

from tests.servers.worker import REPOSITORY

_FOLDER = REPOSITORY / "locale" / "ja" / "LC_MESSAGES"
_NO_SOURCES = {"locale", "tests", "var"}  # and hidden ones
_SOURCE_SUFFIXES = {".html", ".py", ".txt"}  # what makemessages reads

_EXTRACT = "python manage.py makemessages -l ja --no-location --no-wrap --ignore=var"
_COMPILE = "python manage.py compilemessages -l ja"
_MEND = (
    f"\nRun `{_EXTRACT}`, translate what is empty or fuzzy in locale/ja/LC_MESSAGES/django.po,"
    f"\nthen run `{_COMPILE}` and commit both files (docs/contributing-translation.md)."
)

_STRING = re.compile(r'^(?:(msgctxt|msgid|msgid_plural|msgstr)(?:\[\d\])? )?(".*")$')
_PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|%%|%[ds]|\{\w*\}|</?(?:a|br|code|em|strong)\b[^>]*>")


@dataclass(frozen=True, slots=True)
class _Entry:
    msgctxt: str
    msgid: str
    msgid_plural: str
    msgstr: str
    is_fuzzy: bool

    @property
    def key(self):
        return self.msgctxt, self.msgid


def _read(path):
    """The entries of a .po file, without its header. Obsolete ones (`#~`) are comments."""
    entries = []
    for paragraph in path.read_text().split("\n\n"):
        texts = dict.fromkeys(("msgctxt", "msgid", "msgid_plural", "msgstr"), "")
        keyword = ""
        for line in paragraph.splitlines():
            if found := _STRING.match(line):
                keyword = found[1] or keyword
                texts[keyword] += ast.literal_eval(found[2])
        is_fuzzy = re.search(r"^#, .*fuzzy", paragraph, re.MULTILINE) is not None
        if texts["msgid"]:
            entries.append(_Entry(**texts, is_fuzzy=is_fuzzy))
    return entries


def _listed(entries):
    return "".join(f"\n  {entry.msgid!r}" for entry in entries)


def _source_files():
    for folder in REPOSITORY.iterdir():
        if folder.is_dir() and folder.name not in _NO_SOURCES and not folder.name.startswith("."):
            yield from (path for path in folder.rglob("*") if path.suffix in _SOURCE_SUFFIXES)


@pytest.fixture(scope="module")
def entries():
    found = _read(_FOLDER / "django.po")
    assert len(found) > 900
    return found


@pytest.fixture
def sources(tmp_path):
    """A copy of the sources: makemessages writes beside the templates that it reads."""
    for path in _source_files():
        copy = tmp_path / path.relative_to(REPOSITORY)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    (tmp_path / "locale").mkdir()
    return tmp_path


def test_no_string_ends_at_an_apostrophe(entries):
    """makemessages ends `{% translate 'can\\'t' %}` at the apostrophe; the page looks for the whole."""
    cut = [entry for entry in entries if entry.msgid.endswith("\\")]
    assert not cut, (
        f"cut off at an apostrophe:{_listed(cut)}\nIn the template write a typographic one (U+2019)."
    )


def test_translating_functions_have_names_that_makemessages_knows():
    unknown = []
    for path in _source_files():
        if path.suffix != ".py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module == "django.utils.translation":
                unknown += [f"{path}: {name.asname}" for name in node.names if name.asname not in (None, "_")]
    assert not unknown, f"makemessages would not find their strings: {unknown}"


@pytest.mark.needs("gettext")
def test_every_string_of_the_sources_is_in_the_catalogue(entries, sources, settings, monkeypatch):
    settings.LOCALE_PATHS = []
    monkeypatch.chdir(sources)
    call_command("makemessages", locale=["ja"], no_location=True, no_wrap=True, stdout=io.StringIO())
    extracted = _read(sources / "locale" / "ja" / "LC_MESSAGES" / "django.po")
    known = {entry.key for entry in entries}
    missing = [entry for entry in extracted if entry.key not in known]
    assert len(extracted) > 900
    assert not missing, f"not in the catalogue:{_listed(missing)}{_MEND}"


def test_every_string_is_translated_and_none_is_a_guess(entries):
    unfinished = [entry for entry in entries if entry.is_fuzzy or not entry.msgstr]
    assert not unfinished, f"empty or fuzzy:{_listed(unfinished)}{_MEND}"


def test_translations_have_the_placeholders_and_tags_of_their_strings(entries):
    wrong = [
        entry
        for entry in entries
        if set(_PLACEHOLDER.findall(entry.msgid_plural or entry.msgid))
        != set(_PLACEHOLDER.findall(entry.msgstr))
    ]
    assert not wrong, f"other placeholders than in English:{_listed(wrong)}\nCorrect them in the .po."


def test_no_translation_ends_the_attribute_that_it_stands_in(entries):
    wrong = [entry for entry in entries if '"' in entry.msgstr and '"' not in entry.msgid]
    assert not wrong, f"a straight double quote ends an HTML attribute:{_listed(wrong)}\nUse 「」."


def test_compiled_catalogue_is_what_the_source_compiles_to(entries):
    compiled = (_FOLDER / "django.mo").read_bytes()
    (count,) = struct.unpack_from("<I", compiled, 8)
    catalogue = gettext.GNUTranslations(io.BytesIO(compiled))
    differing = [entry for entry in entries if _look_up(catalogue, entry) != entry.msgstr]
    mend = f"\nRun `{_COMPILE}` and commit django.mo with django.po."
    assert not differing, f"otherwise in django.mo:{_listed(differing)}{mend}"
    assert count == len(entries) + 1, f"django.mo has strings that django.po has not.{mend}"  # + the header


def _look_up(catalogue, entry):
    if not entry.msgid_plural:
        return (
            catalogue.pgettext(entry.msgctxt, entry.msgid)
            if entry.msgctxt
            else catalogue.gettext(entry.msgid)
        )
    if entry.msgctxt:
        return catalogue.npgettext(entry.msgctxt, entry.msgid, entry.msgid_plural, 2)
    return catalogue.ngettext(entry.msgid, entry.msgid_plural, 2)

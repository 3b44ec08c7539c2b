"""Code blocks with a little colour: what a person types, what the far side answers, remarks, keys."""

import re
from collections.abc import Iterator
from typing import Any

from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe

# Each language: one regex whose group names are the classes (static/css/components/code.css). They
# run over escaped text, so a quote is &quot;.
_LANGUAGES: dict[str, re.Pattern[str]] = {
    "json": re.compile(
        r"(?P<key>&quot;(?:(?!&quot;)[^\\\n]|\\.)*&quot;)(?=\s*:)"
        r"|(?P<text>&quot;(?:(?!&quot;)[^\\\n]|\\.)*&quot;)|(?P<word>\b(?:true|false|null|-?\d[\d.eE+-]*)\b)"
    ),
    "terminal": re.compile(r"(?m)(?P<remark>^#.*$)|(?P<prompt>^\$ )|(?P<word>(?<=\s)--?[a-z][\w-]*)"),
    "dns": re.compile(
        r"(?m)(?P<remark>;.*$)|(?P<word>\b(?:IN|MX|A|AAAA|TXT|CNAME|NS)\b)|(?P<number>\b\d+\b)"
    ),
    "smtp": re.compile(r"(?m)(?P<answer>^(?:S: )?\d{3}[ -].*$)|(?P<prompt>^[CS]: )|(?P<remark>^#.*$)"),
}


def colour(language: str, text: Any) -> SafeString:
    """`text` (escaped here, unless it is safe already) with spans for what its language marks."""
    escaped = str(conditional_escape(text)).strip("\n")
    pattern = _LANGUAGES.get(language)
    return mark_safe("".join(_pieces(pattern, escaped)) if pattern else escaped)  # noqa: S308 - escaped above


def _pieces(pattern: re.Pattern[str], escaped: str) -> Iterator[str]:
    position = 0
    for match in pattern.finditer(escaped):
        yield escaped[position : match.start()]
        # The matched text is escaped already; the class is one of the group names above.
        yield format_html('<span class="code__{}">{}</span>', match.lastgroup, mark_safe(match.group()))  # noqa: S308
        position = match.end()
    yield escaped[position:]

"""Lists: filtering, sorting, paging and columns, all in the URL, in a constant number of queries."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Page, Paginator
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.utils.functional import Promise
from django.utils.translation import gettext as _

Text = str | Promise

OWN_PARAMETERS = ("q", "sort", "page", "size", "columns", "after", "before", "selected")
MAX_FILTER_LENGTH = 200
SELECTED = "selected"


@dataclass(frozen=True, slots=True)
class Column:
    """`sort`: the model's field to order by. `cell(object)`: text, escaped unless it is a SafeString.
    `default`: shown until the reader chooses columns."""

    key: str
    label: Text
    cell: Callable[[Any], Any]
    sort: str | None = None
    default: bool = True
    is_number: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    column: Column
    value: Any
    url: str  # where the row's first cell leads


@dataclass(frozen=True, slots=True)
class Row:
    key: str
    label: str
    cells: list[Cell]


@dataclass(frozen=True, slots=True)
class Header:
    column: Column
    url: str
    direction: str  # "ascending", "descending" or "none", as aria-sort says


@dataclass
class Listing:
    """A page of `queryset` as the URL asks for it. Two queries, whatever it holds (keyset: one).

    `search`: fields in which each word of `?q=` is looked for. `keyset`: a unique indexed field
    (`-id`) for tables without end: pages follow each other by it, nothing is counted and nothing
    is sorted otherwise. Other parameters of the URL (a page's own filters) stay in every link.
    `actions`: (label, url) of buttons for the chosen row; the url gets `?selected=<pk>`.
    """

    request: HttpRequest
    queryset: QuerySet[Any]
    columns: Sequence[Column]
    search: Sequence[str] = ()
    page_sizes: Sequence[int] = (25, 50, 100)
    radio: bool = False
    empty_title: Text = ""
    empty_text: Text = ""
    empty_action: tuple[Text, str] | None = None
    row_url: Callable[[Any], str] | None = None
    keyset: str | None = None
    actions: Sequence[tuple[Text, str]] = field(default=())
    id: str = "listing"
    search_label: Text = ""

    # --- what the URL says ------------------------------------------------------------------------

    @cached_property
    def query(self) -> str:
        return self.request.GET.get("q", "")[:MAX_FILTER_LENGTH].strip().replace("\0", "")

    @cached_property
    def is_filtered(self) -> bool:
        others = (value for key, value in self.request.GET.items() if key not in OWN_PARAMETERS)
        return bool(self.query) or any(others)

    @cached_property
    def _remembered(self) -> dict[str, Any]:
        """Page size and columns, kept for the session once chosen."""
        session, key = self.request.session, f"listing:{self.request.path}"
        remembered: dict[str, Any] = dict(session.get(key, {}))
        size = self.request.GET.get("size", "")
        if size.isascii() and size.isdigit() and int(size) in self.page_sizes:
            remembered["size"] = int(size)
        known = {column.key for column in self.columns}
        if chosen := [name for name in self.request.GET.getlist("columns") if name in known]:
            remembered["columns"] = chosen
        if remembered != session.get(key, {}):
            session[key] = remembered
        return remembered

    @cached_property
    def size(self) -> int:
        size: int = self._remembered.get("size", self.page_sizes[0])
        return size if size in self.page_sizes else self.page_sizes[0]

    @cached_property
    def shown_columns(self) -> list[Column]:
        chosen = self._remembered.get("columns", [])
        return [
            column
            for index, column in enumerate(self.columns)
            if index == 0 or (column.key in chosen if chosen else column.default)
        ]

    @cached_property
    def _sort(self) -> tuple[Column, bool] | None:
        """The column to order by, and whether downwards."""
        asked = self.request.GET.get("sort", "")
        for column in self.columns:
            if column.sort and not self.keyset and asked.removeprefix("-") == column.key:
                return column, asked.startswith("-")
        return None

    # --- rows -------------------------------------------------------------------------------------

    @cached_property
    def _matching(self) -> QuerySet[Any]:
        matching = self.queryset
        for word in self.query.split():
            alternatives = Q()
            for name in self.search:
                alternatives |= Q(**{f"{name}__icontains": word})
            matching = matching.filter(alternatives)
        if self._sort:
            column, is_downwards = self._sort
            sign = "-" if is_downwards else ""
            matching = matching.order_by(f"{sign}{column.sort}", "pk")
        return matching

    @cached_property
    def _page(self) -> Page[Any]:
        ordered = self._matching if self._matching.ordered else self._matching.order_by("pk")
        return Paginator(ordered, self.size).get_page(self.request.GET.get("page"))

    @cached_property
    def _objects(self) -> list[Any]:
        return self._keyset_objects[0] if self.keyset else list(self._page.object_list)

    @cached_property
    def _keyset_objects(self) -> tuple[list[Any], str, str]:
        """Objects of the page, and the keys that its neighbours begin at ("" without one)."""
        assert self.keyset
        name = self.keyset.removeprefix("-")
        downwards = self.keyset.startswith("-")
        after, before = self.request.GET.get("after", ""), self.request.GET.get("before", "")
        is_back = bool(before) and not after
        bound = before if is_back else after
        matching = self._matching
        if bound:
            try:
                key = self.queryset.model._meta.get_field(name).to_python(bound)
            except ValidationError:  # a key that nobody was given: begin at the beginning
                bound, is_back = "", False
            else:
                matching = matching.filter(**{f"{name}__{'lt' if downwards != is_back else 'gt'}": key})
        sign = "-" if downwards != is_back else ""
        found = list(matching.order_by(f"{sign}{name}")[: self.size + 1])
        has_more = len(found) > self.size
        found = found[: self.size]
        if is_back:
            found.reverse()
        if not found:
            return [], "", ""
        first, last = (str(getattr(found[index], name)) for index in (0, -1))
        previous = first if (has_more if is_back else bool(bound)) else ""
        following = last if (is_back or has_more) else ""
        return found, previous, following

    @cached_property
    def rows(self) -> list[Row]:
        return [self._row(item) for item in self._objects]

    def _row(self, item: Model) -> Row:
        url = self.row_url(item) if self.row_url else ""
        cells = [
            Cell(column, column.cell(item), url if index == 0 else "")
            for index, column in enumerate(self.shown_columns)
        ]
        return Row(key=str(item.pk), label=str(item), cells=cells)

    @cached_property
    def total(self) -> int | None:
        """How many match; None in a keyset listing, which doesn't count."""
        return None if self.keyset else self._page.paginator.count

    @property
    def is_empty(self) -> bool:
        return not self.rows

    @property
    def form_id(self) -> str:
        return f"{self.id}-choice"

    # --- links ------------------------------------------------------------------------------------

    def url(self, **changes: str) -> str:
        """This page's URL with parameters changed; "" removes one."""
        parameters = self.request.GET.copy()
        parameters.pop(SELECTED, None)
        for key, value in changes.items():
            if value:
                parameters[key] = value
            else:
                parameters.pop(key, None)
        return f"?{parameters.urlencode()}"

    def hidden(self, *without: str) -> list[tuple[str, str]]:
        """Parameters that a form on this page carries along."""
        parameters: QueryDict = self.request.GET
        dropped = {*without, "page", "after", "before", SELECTED}
        return [(key, value) for key, values in parameters.lists() if key not in dropped for value in values]

    @property
    def hidden_for_filter(self) -> list[tuple[str, str]]:
        return self.hidden("q")

    @property
    def hidden_for_preferences(self) -> list[tuple[str, str]]:
        return self.hidden("size", "columns")

    @property
    def own_parameters(self) -> tuple[str, ...]:
        return OWN_PARAMETERS

    @property
    def clear_url(self) -> str:
        return self.request.path

    @cached_property
    def headers(self) -> list[Header]:
        return [self._header(column) for column in self.shown_columns]

    def _header(self, column: Column) -> Header:
        if not column.sort or self.keyset:
            return Header(column, "", "none")
        is_current = bool(self._sort and self._sort[0].key == column.key)
        is_downwards = bool(self._sort and self._sort[1])
        asked = f"-{column.key}" if is_current and not is_downwards else column.key
        direction = ("descending" if is_downwards else "ascending") if is_current else "none"
        return Header(column, self.url(sort=asked, page=""), direction)

    @property
    def previous_url(self) -> str:
        if self.keyset:
            key = self._keyset_objects[1]
            return self.url(before=key, after="") if key else ""
        return self.url(page=str(self._page.previous_page_number())) if self._page.has_previous() else ""

    @property
    def next_url(self) -> str:
        if self.keyset:
            key = self._keyset_objects[2]
            return self.url(after=key, before="") if key else ""
        return self.url(page=str(self._page.next_page_number())) if self._page.has_next() else ""

    @property
    def pages(self) -> list[tuple[str, str, bool]]:
        """(number, url, is current) of the page links; "…" with no url where some are left out."""
        if self.keyset:
            return []
        return [
            (
                str(number),
                self.url(page=str(number)) if isinstance(number, int) else "",
                number == self._page.number,
            )
            for number in self._page.paginator.get_elided_page_range(
                self._page.number, on_each_side=1, on_ends=1
            )
        ]

    @property
    def has_pages(self) -> bool:
        return bool(self.previous_url or self.next_url)


def go_to_selected(request: HttpRequest, url_name: str, list_url_name: str) -> HttpResponse:
    """To the page `url_name` of the row that was chosen in a list; back with a word where none was."""
    selected = request.GET.get(SELECTED, "")
    if not selected:
        messages.warning(request, _("Choose a row first."))
        return redirect(list_url_name)
    return redirect(url_name, selected)

"""The attribute editor: rows from documents and back, buttons, problems beside their rows."""

import json

import pytest
from django.http import QueryDict
from django.template import Context, Template
from django.utils.html import escape
from django_cotton.compiler_regex import CottonCompiler

from console.attribute_editor import AttributeEditor, Command, command_of
from console.conditions import (
    BOOLEAN_OPERATORS,
    IP_OPERATORS,
    NUMBER_OPERATORS,
    STRING_OPERATORS,
    Property,
    ValueKind,
    in_words,
)
from core.errors import Problem

PROPERTIES = (
    Property("RECIPIENT", "Recipient address", "StringExpression", STRING_OPERATORS, ValueKind.TEXTS),
    Property("SUBJECT", "Subject", "StringExpression", STRING_OPERATORS, ValueKind.TEXTS, keeps_spaces=True),
    Property("SOURCE_IP", "IP range", "IpExpression", IP_OPERATORS, ValueKind.CIDRS, example="192.0.2.0/24"),
    Property("TLS", "TLS", "BooleanExpression", BOOLEAN_OPERATORS, ValueKind.NOTHING),
    Property("MESSAGE_SIZE", "Message size", "NumberExpression", NUMBER_OPERATORS, ValueKind.SIZE),
    Property("PROTOCOL", "TLS version", "TlsExpression", {"IS": "is"}, ValueKind.CHOICE, choices={"TLS1_3": "TLS 1.3"}),
    Property("X", "X- header", "StringExpression", STRING_OPERATORS, ValueKind.HEADER, asks="MimeHeaderAttribute"),
)  # fmt: skip


def expression(member, attribute, operator, **value):
    return {member: {"Evaluate": {"Attribute": attribute}, "Operator": operator, **value}}


DOCUMENTS = [
    expression("StringExpression", "RECIPIENT", "ENDS_WITH", Values=["@a.example", "<b>@b.example"]),
    expression("StringExpression", "SUBJECT", "CONTAINS", Values=[" sale "]),
    expression("IpExpression", "SOURCE_IP", "NOT_CIDR_MATCHES", Values=["10.0.0.0/8"]),
    expression("BooleanExpression", "TLS", "IS_FALSE"),
    expression("NumberExpression", "MESSAGE_SIZE", "GREATER_THAN", Value=26214400),
    expression("TlsExpression", "PROTOCOL", "IS", Value="TLS1_3"),
    {
        "StringExpression": {
            "Evaluate": {"MimeHeaderAttribute": "X-Spam"},
            "Operator": "EQUALS",
            "Values": ["yes"],
        }
    },
    {"VerdictExpression": {"Evaluate": {"Attribute": "SPF"}, "Operator": "EQUALS", "Values": ["PASS"]}},
]


def editor(**options):
    return AttributeEditor("conditions", PROPERTIES, **options)


def shown(*documents):
    made = editor()
    made.show(documents)
    return made


def fields(made):
    """What a browser sends of the rows."""
    post = {}
    for row in made.rows:
        if row.asked is None:
            post[f"{row.prefix}-raw"] = row.raw
            continue
        post |= {f"{row.prefix}-property": row.asked.key, f"{row.prefix}-operator": row.operator}
        post |= {f"{row.prefix}-values": row.values, f"{row.prefix}-header": row.header}
    return post


def read(post, **options):
    made = editor(**options)
    made.read(post)
    return made


def render_source(source, **context):
    return Template(CottonCompiler().process(source)).render(Context(context))


def render(made):
    return render_source('<c-attribute-editor :editor="editor" />', editor=made)


def test_documents_come_back_as_they_were_shown():
    made = read(fields(shown(*DOCUMENTS)))
    assert made.documents() == DOCUMENTS
    assert made.is_valid


def test_lines_and_blanks_between_values_are_no_values():
    post = {
        "conditions-7-property": "RECIPIENT",
        "conditions-7-operator": "EQUALS",
        "conditions-7-values": " a@b \r\n\r\n\tc@d\n",
    }
    assert read(post).documents() == [
        expression("StringExpression", "RECIPIENT", "EQUALS", Values=["a@b", "c@d"])
    ]


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ({"property": "RECIPIENT", "operator": "EQUALS", "values": " \n"}, "Enter at least one value."),
        ({"property": "RECIPIENT", "operator": "IS_TRUE", "values": "a"}, "Choose an operator."),
        ({"property": "NONE", "operator": "EQUALS", "values": "a"}, "Choose a property."),
        (
            {"property": "MESSAGE_SIZE", "operator": "EQUALS", "values": "much"},
            "Write a size like 25 MB, 512 KB or 26214400.",
        ),
        ({"property": "PROTOCOL", "operator": "IS", "values": ""}, "Choose a value."),
        (
            {"property": "X", "operator": "EQUALS", "values": "yes"},
            "Write the header's name, like X-Spam-Flag.",
        ),
        ({"raw": "{"}, "Choose a property."),
        ({"raw": "[" * 100_000}, "Choose a property."),
    ],
)
def test_row_that_makes_no_condition_says_why_and_keeps_what_was_typed(typed, problem):
    post = {f"conditions-1-{part}": text for part, text in typed.items()} | fields(shown(DOCUMENTS[3]))
    made = read(post)
    assert made.documents() == [DOCUMENTS[3]]
    assert not made.is_valid
    assert made.rows[1].problems == [problem]
    html = render(made)
    assert escape(problem) in html
    assert escape(typed.get("values", "").strip()) in html


# --- buttons --------------------------------------------------------------------------------------


def test_buttons_are_told_from_the_forms_own_submit():
    assert command_of({"editor": "conditions:remove:3"}) == Command("conditions", "remove", 3)
    assert command_of({"editor": "conditions:add"}) == Command("conditions", "add")
    for other in ({}, {"editor": ""}, {"editor": "<b>"}, {"editor": "conditions:remove:" + "9" * 99}):
        assert command_of(other) is None


def test_add_opens_a_row_up_to_the_limit():
    made = editor(max_rows=2)
    for expected in (1, 2, 2):
        made.apply(Command("conditions", "add"))
        assert len(made.rows) == expected
    html = render(made)
    assert "conditions:add" not in html
    assert "You can add up to 0 more." in html
    assert "autofocus" in html


def test_remove_takes_the_row_and_numbers_the_rest_anew():
    made = shown(*DOCUMENTS)
    made.apply(Command("conditions", "remove", 1))
    assert made.documents() == [DOCUMENTS[0], *DOCUMENTS[2:]]
    assert [row.prefix for row in made.rows] == [f"conditions-{n}" for n in range(7)]


def test_commands_for_others_and_unknown_ones_change_nothing():
    made = shown(*DOCUMENTS)
    for command in (
        Command("exceptions", "remove", 1),
        Command("conditions", "burn", 1),
        Command("conditions", "remove", 99),
    ):
        made.apply(command)
    assert made.documents() == DOCUMENTS


def test_other_property_brings_its_operators_and_keeps_the_values():
    post = fields(shown(DOCUMENTS[0])) | {"conditions-0-property": "SOURCE_IP"}
    html = render(read(post))
    assert "NOT_CIDR_MATCHES" in html
    assert "@a.example" in html


# --- problems -------------------------------------------------------------------------------------


def test_problems_of_the_service_stand_beside_their_rows():
    made = read(
        {"conditions-0-property": "RECIPIENT"}
        | {f"conditions-1{k[12:]}": v for k, v in fields(shown(DOCUMENTS[2])).items()}
    )
    made.documents()  # row 0 makes none, so the document's entry 0 is row 1
    rest = made.place(
        [
            Problem("Rules[0].Conditions[0].IpExpression.Values[0]", "is wrong"),
            Problem("Rules[0].Conditions", "must have at most 0"),
            Problem("Rules[0].ConditionsX", "elsewhere"),
            Problem("Rules[0].Conditions[9].Operator", "of no row"),
        ],
        "Rules[0].Conditions",
    )
    assert made.rows[1].problems == ["“10.0.0.0/8” is wrong"]
    assert made.problems == ["must have at most 0"]
    assert [problem.message for problem in rest] == ["elsewhere", "of no row"]
    assert not made.is_valid


def test_thousands_of_problems_are_not_all_shown():
    made = shown(expression("IpExpression", "SOURCE_IP", "CIDR_MATCHES", Values=["x"] * 10_000))
    made.documents()
    made.place([Problem(f"C[0].IpExpression.Values[{n}]", "is wrong") for n in range(10_000)], "C")
    html = render(made)
    assert html.count("is wrong") == 5
    assert "… and 9995 more." in html


# --- the page -------------------------------------------------------------------------------------


def test_everything_typed_is_escaped():
    evil = '"><script>alert(1)</script>'
    post: dict[str, str] = {}
    for number, known in enumerate(PROPERTIES):
        post |= {f"conditions-{number}-{part}": evil for part in ("operator", "values", "header")}
        post[f"conditions-{number}-property"] = known.key
    post["conditions-99-raw"] = f"</textarea>{evil}"
    made = read(post)
    made.documents()
    html = render(made)
    assert "<script>" not in html
    assert html.count("</textarea>") == html.count("<textarea")


def test_every_field_has_a_label_and_every_button_its_command():
    html = render(shown(*DOCUMENTS))
    for row in shown(*DOCUMENTS).rows:
        assert f'value="conditions:remove:{row.number}"' in html
    for part in ("0-property", "0-operator", "0-values", "6-header", "7-raw"):
        assert f'for="conditions-{part}"' in html
        assert f'name="conditions-{part}"' in html


def test_post_of_a_browser_is_read_as_a_mapping_is():
    post = QueryDict(mutable=True)
    post.update(fields(shown(*DOCUMENTS)))
    assert read(post).documents() == DOCUMENTS


# --- in words -------------------------------------------------------------------------------------


def test_conditions_are_told_in_words():
    told = in_words(PROPERTIES, DOCUMENTS)
    assert [(str(w.label), w.header, str(w.operator), w.values) for w in told[:7]] == [
        ("Recipient address", "", "ends with", ("@a.example", "<b>@b.example")),
        ("Subject", "", "contains", (" sale ",)),
        ("IP range", "", "is not in", ("10.0.0.0/8",)),
        ("TLS", "", "is false", ()),
        ("Message size", "", "is greater than", ("25 MB",)),
        ("TLS version", "", "is", ("TLS 1.3",)),
        ("X- header", "X-Spam", "equals", ("yes",)),
    ]
    assert json.loads(told[7].raw) == DOCUMENTS[7]
    html = render_source('<c-condition-words :conditions="told" />', told=told)
    assert "&lt;b&gt;@b.example" in html
    assert "VerdictExpression" in html


def test_many_values_are_cut_with_their_number():
    document = expression(
        "StringExpression", "RECIPIENT", "EQUALS", Values=[f"u{n}@a.example" for n in range(10_000)]
    )
    told = in_words(PROPERTIES, [document])
    html = render_source('<c-condition-words :conditions="told" />', told=told)
    assert "or 9980 more" in html
    assert len(html) < 5000

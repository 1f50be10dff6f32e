"""A template of a stranger's study reads plain data: it runs no code, and comes to an end."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from jinja2 import TemplateError, TemplateSyntaxError

from coder.text import templates


class Pet(NamedTuple):
    name: str
    tags: tuple[str, ...]


PETS = (Pet("Tom", ("cat", "grey")), Pet("Rex", ("dog",)))
VALUES = {"pets": PETS, "by_name": {pet.name: pet for pet in PETS}, "text": "Hello\nthere"}


def render(body, before=""):
    text = before + "{% macro m() %}" + body + "{% endmacro %}"
    parsed = templates.parse(text)
    return templates.render(parsed.template, "m", VALUES)


@pytest.mark.parametrize(
    ("body", "printed"),
    [
        ("{{ pets[0].name }} {{ by_name['Rex'].tags[0] }} {{ by_name.Tom.name }}", "Tom dog Tom"),
        ("{% for p in pets %}{{ loop.index }}/{{ loop.length }}{{ p.name }} {% endfor %}",
         "1/2Tom 2/2Rex "),
        ("{% for p in pets if 'dog' in p.tags %}{{ p.name }}{% else %}none{% endfor %}", "Rex"),
        ("{{ pets | map(attribute='name') | join(', ') | upper }}", "TOM, REX"),
        ("{{ (pets | selectattr('name', 'equalto', 'Rex') | first).tags | join }}", "dog"),
        ("{% for p in pets | sort(attribute='name') %}{{ p['name'] }}{% endfor %}", "RexTom"),
        ("{% for name, pet in by_name | items %}{{ name[:1] ~ pet.tags | length }}{% endfor %}",
         "T2R1"),
        ("{{ text | indent(2) | replace('there', 'you') }}{{ '-' * 3 }}", "Hello\n  you---"),
        ("{% set n = 7 // 2 + 1 %}{{ n if n is even else none }}{{ n not in (1, 2) }}", "4True"),
    ],
)  # fmt: skip
def test_what_templates_can_do(body, printed):
    assert render(body) == printed


def test_macros_call_each_other():
    tree = "{% macro t(n) %}{{ n }}{% if n %}{{ t(n - 1) }}{% endif %}{% endmacro %}"
    assert render("{{ t(3) }}", tree) == "3210"


@pytest.mark.parametrize(
    "body",
    [
        "{{ text.format(1) }}", "{{ text.upper() }}", "{{ pets[0]._replace(name='x') }}",
        "{{ pets.count(1) }}", "{{ by_name.items() }}", "{{ range(3) }}", "{{ lipsum() }}",
        "{{ loop() }}", "{{ (text | upper)() }}", "{{ m.__call__() }}", "{{ namespace(a=1) }}",
    ],
)  # fmt: skip
def test_a_template_calls_nothing_but_its_macros(body):
    with pytest.raises(TemplateSyntaxError, match="calls its own macros alone"):
        render(body)


@pytest.mark.parametrize(
    "body",
    [
        "{{ pets[0].__class__ }}", "{{ pets[0]['__class__'] }}", "{{ text.join }}",
        "{{ pets[0]._fields }}", "{{ m._func }}", "{{ self._TemplateReference__context }}",
        "{{ pets | map(attribute='__class__') | first }}", "{{ by_name.keys }}",
        "{% for p in pets %}{{ loop.cycle }}{% endfor %}", "{{ m }}", "{{ pets }}",
    ],
)  # fmt: skip
def test_a_template_sees_values_and_not_what_they_are_made_of(body):
    with pytest.raises(TemplateError, match=r"has no attribute|can be printed"):
        render(body)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("{% include 'x' %}", "no {% include %}"),
        ("{% import '/etc/passwd' as x %}", "no {% import %}"),
        ("{% from 'x' import y %}", "no {% import %}"),
        ("{% extends 'x' %}", "no {% extends %}"),
        ("{{ pets | attr('__class__') }}", "no filter 'attr'"),
        ("{{ 2 ** 9 }}", r"no \*\*"),
        ("{{ 1e999 }}", "whole numbers only"),
        ("{{ [pets, pets] }}", "holds constants alone"),
        ("{{ m(*pets) }}", "for arguments"),
        ("{% for p in pets recursive %}{% endfor %}", "no recursive loops"),
        ("{{ " + "9" * 5000 + " }}", "4300 digits"),
        ("{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", "nested too deeply"),
        ("{% if text %}" * 200 + "{% endif %}" * 200, "nested too deeply"),
        ("x" * templates.LONGEST, "characters"),
    ],
)
def test_what_templates_do_not_have_is_said_with_its_line(body, words):
    with pytest.raises(TemplateSyntaxError, match=words) as caught:
        render(body, "\n")
    assert caught.value.lineno in (1, 2)


TWICE = "{% macro b(n, x) %}{% if n %}{{ b(n - 1, x) }}{{ b(n - 1, x) }}{% endif %}{% endmacro %}"
LONGER = "{% macro b(n, x) %}{% if n %}{{ b(n - 1, EXPR) }}{% endif %}{{ x }}{% endmacro %}"
LONG = "{% set x = text * 100000 %}{% set y = text * 100000 %}"
OFTEN = "{% for a in x %}{% for b in x %}EXPR{% endfor %}{% endfor %}"


@pytest.mark.parametrize(
    ("body", "before"),
    [
        ("{{ 'x' * 10000000000 }}", ""),
        ("{{ text | indent(10000000000) }}", ""),
        ("{{ (text * 99999) | replace('', text * 99999) }}", ""),
        ("{{ (text * 99999) | list | join(text * 99999) }}", ""),
        ("{{ b(60, 1) }}", TWICE),
        ("{{ b(60, text) }}", LONGER.replace("EXPR", "x ~ x")),
        ("{{ b(60, text) }}", LONGER.replace("EXPR", "x + x")),
        (LONG + OFTEN.replace("EXPR", "{{ a }}"), ""),
        (LONG + OFTEN.replace("EXPR", "{% if x == y %}{% endif %}"), ""),
        (LONG + OFTEN.replace("EXPR", "{% if x[1:] %}{% endif %}"), ""),
        (LONG + OFTEN.replace("EXPR", "{% if x | upper %}{% endif %}"), ""),
        (LONG + OFTEN.replace("EXPR", "{% if x is in(y) %}{% endif %}"), ""),
        ("{% for a in text * 99999 %}" + "words " * 4000 + "{% endfor %}", ""),
        ("", "{% set x = text * 10000000000 %}"),
    ],
)
def test_no_template_works_for_ever_or_fills_the_memory(body, before):
    with pytest.raises(TemplateError, match="characters of work"):
        render(body, before)


def test_numbers_stay_small():
    with pytest.raises(TemplateError, match="number is larger"):
        render("{{ b(60, 9) }}", LONGER.replace("EXPR", "x * x"))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("{{ m() }}", "call each other without end"),
        ("{{ 1 // 0 }}", "by zero"),
        ("{{ 1 + text }}", r"no int \+ str"),
        ("{{ text % 1 }}", "no str % int"),
        ("{{ pets * 9 }}", r"no tuple \* int"),
        ("{{ nothing }}", "undefined"),
        ("{% for x in none %}{% endfor %}", "not iterable"),
        ("{{ pets[::0] | length }}", "slice step"),
    ],
)
def test_what_goes_wrong_in_a_template_is_a_template_error(body, words):
    with pytest.raises(TemplateError, match=words):
        render(body)


def test_a_prompt_for_a_window_of_a_million_tokens_is_within_the_allowance():
    parsed = templates.parse(
        "{% macro m() %}{% for p in pets %}{{ loop.index }} {{ p.name }}{% endfor %}{% endmacro %}"
    )
    pets = tuple(Pet("x" * 60, ()) for _ in range(70_000))
    assert len(templates.render(parsed.template, "m", {"pets": pets})) > 4_000_000

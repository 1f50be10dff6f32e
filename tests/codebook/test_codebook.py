"""A codebook file is either a valid codebook or a list of problems, each with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from coder.codebook import load as codebooks
from coder.codebook.load import UnknownCode, parse, resolver
from coder.errors import CodebookError, InputError
from coder.files.resources import shipped
from coder.records import NONE_CODE, Cardinality

TWO_LEVELS = """\
id: pets
name: Pets
codes:
  - id: cat
    name: Cats
    definition: About cats.
    children:
      - id: cat.food
        name: Food
        definition: What cats eat.
        include: [tins, kibble]
        exclude: one rule is also a list
  - id: dog
    name: Dogs
    definition: About dogs.
  - id: dog.food
    name: Food
    definition: What dogs eat.
    parent: dog
"""


def book(text: str = TWO_LEVELS):
    found, problems = parse(text)
    assert not problems
    assert found is not None
    return found


def test_nesting_and_parent_are_two_spellings_of_the_same():
    pets = book()
    assert [(c.id, c.parent) for c in pets.codes] == [
        ("cat", None), ("cat.food", "cat"), ("dog", None), ("dog.food", "dog"),
    ]  # fmt: skip
    assert [c.id for c in pets.leaves] == ["cat.food", "dog.food"]
    assert pets.path("cat.food") == "Cats > Food"
    assert pets.category("dog.food") == "dog"
    assert pets.by_id["cat.food"].include == ("tins", "kibble")
    assert pets.by_id["cat.food"].exclude == ("one rule is also a list",)
    assert pets.cardinality is Cardinality.SINGLE
    assert pets.allow_none


@pytest.mark.parametrize(
    ("change", "line", "words"),
    [
        (("id: dog.food", "id: cat.food"), 16, "duplicate id 'cat.food', first on line 8"),
        (("definition: What cats eat.", "definition: ''"), 10, "'cat.food' has no 'definition'"),
        (("    definition: About dogs.\n", ""), 13, "'dog' has no 'definition'"),
        (("parent: dog", "parent: bird"), 19, "parent 'bird' is not a code"),
        (("include:", "inclde:"), 11, "unknown key 'inclde' in this code; did you mean 'include'"),
        (("name: Pets\n", "name: Pets\ncardinality: both\n"), 3, "'single' or 'multiple'"),
        (("name: Pets\n", ""), 1, "no 'name'"),
        (("id: cat\n", "id: Cat!\n"), 4, "use small letters"),
        (("id: cat\n", "id: none\n"), 4, "reserved"),
        (("name: Dogs", "name: cats"), 14, "duplicate name"),
        (("id: pets", "id: Pets!"), 1, "use small letters"),
        (("What cats eat.", "What cats: eat."), 10, "put a text that holds a colon in quotes"),
        (("[tins, kibble]", "[tins, kibble"), 12, "not valid YAML"),
        (("name: Pets\n", "name: Pets\nname: Zoo\n"), 3, "given twice"),
    ],
)
def test_each_problem_is_named_with_its_line(change, line, words):
    found, problems = parse(TWO_LEVELS.replace(*change, 1))
    assert found is None
    assert (problems[0].line, words in problems[0].message) == (line, True), problems


def test_all_problems_are_found_at_once():
    _, problems = parse(TWO_LEVELS.replace("id: dog.food", "id: cat").replace("inc", "ink"))
    assert len(problems) == 2


def test_a_code_cannot_be_its_own_ancestor():
    text = "id: x\nname: X\ncodes:\n"
    text += "- {id: a, name: A, definition: d, parent: b}\n"
    text += "- {id: b, name: B, definition: d, parent: a}\n"
    found, problems = parse(text)
    assert found is None
    assert "own ancestor" in problems[0].message


def test_load_raises_with_file_and_line(tmp_path: Path):
    path = tmp_path / "bad.yaml"
    path.write_text(TWO_LEVELS.replace("id: dog\n", "id: cat\n"))
    with pytest.raises(CodebookError, match=r"bad\.yaml:13: duplicate id"):
        codebooks.load(path)
    with pytest.raises(InputError, match="No such file"):
        codebooks.load(tmp_path / "missing.yaml")


@pytest.mark.parametrize(
    "spelling", ["cat.food", "Cats/Food", "cats > FOOD", "cat/cat.food", " cats /  food "]
)
def test_a_code_is_understood_in_every_spelling(spelling):
    assert resolver(book())(spelling) == "cat.food"


def test_what_names_no_code_or_several_is_an_error_that_helps():
    resolve = resolver(book())
    assert resolve("No code fits") == NONE_CODE
    with pytest.raises(UnknownCode) as several:
        resolve("food")
    assert "Cats > Food" in several.value.hint
    with pytest.raises(UnknownCode) as typo:
        resolve("cat.fod")
    assert "cat.food" in typo.value.hint
    with pytest.raises(UnknownCode, match="does not allow"):
        resolver(book("allow_none: false\n" + TWO_LEVELS))("none")


def test_the_hash_follows_the_content_not_the_spelling():
    assert book(TWO_LEVELS.replace("[tins, kibble]", "['tins', \"kibble\"]")).hash == book().hash
    assert book(TWO_LEVELS.replace("kibble", "fish")).hash != book().hash


@pytest.mark.parametrize("path", sorted(shipped("codebook").glob("*.yaml")), ids=lambda p: p.stem)
def test_shipped_codebooks_say_where_each_code_comes_from(path):
    shipped_book = codebooks.load(path)
    assert all(code.source for code in shipped_book.codes)
    assert all(code.include and code.exclude and code.examples for code in shipped_book.leaves)


def test_the_study_s_codebook_has_its_seven_categories():
    ptm = codebooks.load(shipped("codebook") / "ptm-reuse.yaml")
    assert [code.name for code in ptm.children[None]] == [
        "Model Usage",
        "Model Performance",
        "Output Quality",
        "Software Environment",
        "Hardware and Computational Resources",
        "Documentation and Developer Information",
        "Model Management and Adaptation",
    ]
    assert 28 <= len(ptm.leaves) <= 36
    assert all(ptm.children.get(category.id) for category in ptm.children[None])


@pytest.mark.parametrize(
    "field",
    [
        "name: %s",
        "codes: [{id: a, name: A, definition: %s}]",
        "codes: [{id: a, name: A, definition: D, include: [%s]}]",
    ],
)
def test_a_character_in_two_escapes_is_that_character(field):
    """As json.dumps writes it; half of one is none, and its line is named."""
    base = {"name": "name: N", "codes": "codes: [{id: a, name: A, definition: D}]"}
    key = field.split(":")[0]
    text = "id: b\n" + "\n".join(field if name == key else base[name] for name in base)
    found, problems = parse(text % r'"Bug \ud83d\udc1b"')
    assert found is not None, problems
    assert "Bug 🐛" in found.model_dump_json()
    found, (problem,) = parse(text % r'"Bug \ud83d"')
    assert found is None
    assert problem.line == 2 + (key == "codes")
    assert "surrogate" in problem.message


def tenfold(levels: int) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("id: b\nname: n\ncodes: &all\n- {id: x, name: X, definition: D, children: *all}", 3),
        ("&all\nid: b\nname: n\ncodes: []\n? *all\n: *all", 1),
        (f"id: b\nname: n\ncodes:\n- include: *a9\n  {tenfold(10)}".replace("\na", "\n  a"), None),
        (f"{tenfold(10)}\nid: b\nname: n\ncodes: [{{id: x, include: *a9}}]", None),
        ("id: b\nname: n\ncodes: " + "[" * 20_000, 3),
        ("id: b\nname: n\ncodes: " + "{a: " * 20_000, 3),
        ("id: b\nname: n\ncodes:\n" + "- " * 20_000, 4),
        ("id: b\nname: n\ncodes: [" + "a," * 100_000 + "]", 3),
    ],
    ids=["cycle", "own key", "bomb below", "bomb", "brackets", "braces", "dashes", "values"],
)
def test_yaml_without_end_is_one_problem(text, line):
    found, (problem,) = parse(text)
    assert found is None
    assert "YAML" in problem.message
    assert line is None or problem.line == line


def test_an_alias_is_what_it_stands_for():
    text = "id: b\nname: N\ncodes:\n- {id: a, name: A, definition: D, include: &rules [one, two]}\n"
    found, problems = parse(text + "- {id: c, name: C, definition: D, exclude: *rules}\n")
    assert found is not None, problems
    assert found.by_id["c"].exclude == ("one", "two")


def test_a_character_that_yaml_forbids_is_named_with_its_line():
    _, (problem,) = parse("id: b\nname: a\x80b\n")
    assert (problem.line, "0x80" in problem.message) == (2, True)

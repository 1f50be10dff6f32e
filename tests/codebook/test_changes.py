"""What changed between two codebooks, and what an answer given under the old one is in the new."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder.codebook import load as codebooks
from coder.codebook.changes import Stale, carrier, compare
from coder.records import NONE_CODE, Code, Codebook, CodeChange

OLD = """\
id: fruit
name: Fruit complaints
version: "1"
instructions: Take the main complaint.
codes:
  - id: taste
    name: Taste
    definition: How it tastes.
    children:
      - {id: sour, name: Too Sour, definition: Acid beyond what the reporter expects.}
      - {id: bland, name: Too Bland, definition: No flavour at all., exclude: [unripe -> green]}
  - id: looks
    name: Looks
    definition: How it looks.
    children:
      - {id: green, name: Still Green, definition: Unripe when it arrives.}
      - {id: bruised, name: Bruised, definition: Brown spots from the transport.}
"""
FEES = "  - {id: fees, name: Fees, definition: What the delivery costs.}\n"


def book(text: str) -> Codebook:
    made, problems = codebooks.parse(text)
    assert made is not None, problems
    return made


def edited(*edits: tuple[str, str]) -> Codebook:
    text = OLD
    for before, after in edits:
        assert before in text
        text = text.replace(before, after)
    return book(text)


def told(new: Codebook) -> list[tuple[str, str | None, tuple[str, ...]]]:
    return [(c.kind, c.code, c.into) for c in compare(book(OLD), new).changes]


def carried(new: Codebook, *codes: str) -> tuple[str, ...] | str:
    """The codes of an answer in ``new``, or the kind of change that made it stale."""
    found = carrier(compare(book(OLD), new).changes)(codes)
    if not isinstance(found, Stale):
        return found
    assert found.change is not None
    return found.change.kind


SPLIT_OFF = (
    "{id: green,",
    "{id: hard, name: Hard, definition: Like stone., replaces: [green]}\n      - {id: green,",
)
MERGED = (
    "  - id: looks",
    "      - {id: dull, name: Sour or bland, definition: Not sweet., replaces: [sour, bland]}\n"
    "  - id: looks",
)
WITHOUT_BOTH = (
    (
        "      - {id: sour, name: Too Sour, definition: Acid beyond what the reporter expects.}\n",
        "",
    ),
    (
        "      - {id: bland, name: Too Bland, definition: No flavour at all., "
        "exclude: [unripe -> green]}\n",
        "",
    ),
)


def test_what_replaces_says_is_a_rename_a_split_or_a_merge():
    renamed = edited(("{id: bruised,", "{id: spots, replaces: [bruised],"))
    assert told(renamed) == [("renamed", "bruised", ("spots",))]
    assert carried(renamed, "bruised") == ("spots",)

    split = edited(SPLIT_OFF)
    assert told(split) == [("split", "green", ("green", "hard"))]
    assert carried(split, "green") == "split"

    merged = edited(MERGED, *WITHOUT_BOTH)
    assert told(merged) == [("merged", "sour", ("dull",)), ("merged", "bland", ("dull",))]
    assert carried(merged, "sour", "bland") == ("dull",)


def test_a_code_that_takes_another_one_in_keeps_its_own_answers():
    new = edited((OLD[OLD.index("      - {id: bruised") :], ""), ("{id: green,", "{id: green, "
                  "replaces: [bruised],"))  # fmt: skip
    assert told(new) == [("merged", "green", ("green",)), ("merged", "bruised", ("green",))]
    assert carried(new, "bruised") == carried(new, "green") == ("green",)


def test_another_name_or_place_carries_over_and_another_meaning_does_not():
    named = edited(("name: Bruised", "name: Dented"))
    assert told(named) == [("renamed", "bruised", ("bruised",))]
    assert carried(named, "bruised") == ("bruised",)

    row = OLD[OLD.index("      - {id: bland") : OLD.index("  - id: looks")]
    end = "from the transport.}\n"
    moved = edited((row, ""), (end, end + row))
    assert told(moved) == [("moved", "bland", ("bland",))]
    assert carried(moved, "bland") == ("bland",)

    for edit in (("Unripe when", "Unripe or rotten when"), ("{id: green,", "{id: green, "
                 "include: [rotten],")):  # fmt: skip
        redefined = edited(edit)
        assert told(redefined) == [("redefined", "green", ())]
        assert carried(redefined, "green") == "redefined"
        assert carried(redefined, "sour") == ("sour",)
        assert carried(redefined) == ()


def test_a_removed_code_takes_its_answers_with_it():
    new = edited((OLD[OLD.index("      - {id: bruised") :], ""))
    assert told(new) == [("removed", "bruised", ())]
    assert carried(new, "bruised") == "removed"
    assert carried(new, "green", "bruised") == "removed"


def test_none_fits_has_to_be_thought_over_once_a_code_is_added():
    new = book(OLD + FEES)
    assert told(new) == [("added", None, ("fees",)), ("redefined", NONE_CODE, ())]
    assert carried(new) == "redefined"
    assert carried(new, NONE_CODE) == "redefined"
    assert carried(new, "sour") == ("sour",)
    assert (
        carried(edited(("name: Fruit complaints", "name: Fruit\nallow_none: false"))) == "removed"
    )


def test_a_new_category_that_only_holds_old_codes_adds_nothing():
    new = book(OLD.replace("  - id: looks", "  - {id: rest, name: Rest, definition: The rest.}\n"
               "  - id: looks").replace("{id: bruised,", "{id: bruised, parent: rest,")
               .replace("      - {id: bruised", "  - {id: bruised"))  # fmt: skip
    assert ("added", None, ("rest",)) in told(new)
    assert carried(new) == ()
    assert carried(new, "bruised") == ("bruised",)


def test_an_answer_that_became_a_category_is_stale():
    new = book(OLD + "  - {id: hard, parent: green, name: Hard, definition: Like stone.}\n")
    assert told(new) == [("split", "green", ("green", "hard"))]
    assert carried(new, "green") == "split"
    assert carried(new) == (), "what the split covers was covered before"


@pytest.mark.parametrize(
    "edit",
    [
        ("instructions: Take the main complaint.", "instructions: Take the first complaint."),
        ("name: Fruit complaints", "name: Fruit complaints\ncardinality: multiple"),
        ("name: Fruit complaints", "name: Fruit complaints\nunit: crate"),
    ],
)
def test_another_rule_for_every_code_makes_every_answer_stale(edit):
    new = edited(edit)
    assert {carried(new, code) for code in ("taste", "sour", "bruised")} == {"redefined"}
    assert carried(new) == "redefined"


def test_spelling_order_and_sources_touch_no_answer():
    new = edited(
        ("Acid beyond what the reporter expects.", "acid  beyond what the 'reporter' expects"),
        ("name: Fruit complaints", "name: Fruits\nsource: the grocer"),
        ("name: Bruised,", "name: Bruised, source: the grocer,"),
        ("Take the main complaint.", "Take the main complaint"),
    )
    found = compare(book(OLD), new)
    assert found.changes == ()
    assert any("sour: definition (spelling)" in what for what in found.besides)
    assert any("bruised: source" in what for what in found.besides)
    turned = OLD.split("\n")
    turned[9], turned[10] = turned[10], turned[9]
    assert compare(book(OLD), book("\n".join(turned))).besides == ("the order of the codes",)
    assert not compare(book(OLD), book(OLD))


def test_marks_inside_words_are_no_spelling():
    c = OLD.replace("No flavour at all.", "Written in C.")
    assert compare(book(c), book(c.replace("in C.", "in C++."))).changes[0].kind == "redefined"


def test_a_rule_that_names_a_code_by_its_new_id_says_the_same():
    new = edited(("{id: green,", "{id: unripe, replaces: [green],"), ("-> green", "-> unripe"))
    assert told(new) == [("renamed", "green", ("unripe",))]


def test_a_code_is_found_again_by_its_definition_where_that_leaves_no_doubt():
    new = edited(("{id: bruised,", "{id: spots,"))
    found = compare(book(OLD), new).changes
    assert [(c.kind, c.code, c.into) for c in found] == [("renamed", "bruised", ("spots",))]
    assert "replaces" in found[0].note
    other = edited(("{id: bruised, name: Bruised, definition: Brown spots from the transport.}",
                    "{id: worms, name: Worms, definition: Somebody lives in it.}"))  # fmt: skip
    assert told(other)[:2] == [("removed", "bruised", ()), ("added", None, ("worms",))]


def test_what_a_code_replaced_in_an_earlier_version_is_not_replaced_again():
    split = edited(SPLIT_OFF)
    again = split.changed(version="3")
    assert not compare(split, again)
    assert carrier(compare(split, again).changes)(("green",)) == ("green",)


@pytest.mark.parametrize(
    ("replaces", "problem"),
    [("[green]", "cannot replace itself"), ("[No Id]", "lists ids"), ("[none]", "reserved")],
)
def test_what_a_code_cannot_replace_is_named_by_its_line(replaces, problem):
    text = OLD.replace("{id: green,", f"{{id: green, replaces: {replaces},")
    made, problems = codebooks.parse(text)
    assert made is None
    assert problems[0].line == 16 and problem in problems[0].message


def test_a_codebook_that_replaces_nothing_has_the_hash_it_always_had():
    plain = Codebook(id="b", name="B", codes=(Code(id="a", name="A", definition="The first."),))
    assert plain.hash == "182c3eaa5bc279ae7dcd9e00ae391dbeb84fd2c1dd10c97df03d23b4bdd52376"
    said = plain.changed(codes=(plain.codes[0].model_copy(update={"replaces": ("x",)}),))
    assert said.hash != plain.hash


# --- for any change -----------------------------------------------------------------------------

IDS = st.sampled_from("abcdef")
WORDS = ("how fast it runs", "which key to press", "who pays for that", "where one finds help")


@st.composite
def books(draw: st.DrawFn) -> Codebook:
    """A codebook of some of six ids, with one level of parents and any claims to replace."""
    ids = draw(st.lists(IDS, min_size=1, max_size=6, unique=True))
    codes: list[Code] = []
    for place, code_id in enumerate(ids):
        tops = [code.id for code in codes if code.parent is None]
        codes.append(
            Code(
                id=code_id,
                name=f"Name {draw(st.sampled_from('xyz'))}{place}",
                definition=draw(st.sampled_from(WORDS)),
                parent=draw(st.sampled_from([None, *tops])),
                replaces=tuple(sorted(draw(st.sets(IDS, max_size=2)) - {code_id})),
            )
        )
    return Codebook(id="b", name="B", codes=tuple(codes), allow_none=draw(st.booleans()))


def answers(of: Codebook) -> list[tuple[str, ...]]:
    ids = [code.id for code in of.codes]
    return [(), *((one,) for one in ids), *((ids[0], one) for one in ids[1:])]


@given(books())
def test_the_same_codebook_changes_no_answer(one: Codebook):
    assert not compare(one, one)
    carry = carrier(compare(one, one).changes)
    assert all(carry(codes) == codes for codes in answers(one))


@given(books(), books())
def test_no_code_is_invented_and_none_fits_stays_that(old: Codebook, new: Codebook):
    carry = carrier(compare(old, new).changes)
    for codes in answers(old):
        found = carry(codes)
        if isinstance(found, Stale):
            assert found.change is not None
        else:
            assert set(found) <= set(new.by_id)
            assert len(set(found)) == len(found) <= max(1, len(codes))
            assert bool(found) == bool(codes)


@given(books(), books())
def test_every_code_is_accounted_for_once(old: Codebook, new: Codebook):
    changes = compare(old, new).changes
    gone = {c.code for c in changes if c.kind == "removed"} - {NONE_CODE}
    assert all(code not in new.by_id for code in gone)
    for code in {c.id for c in old.codes} - set(new.by_id):
        assert any(c.code == code for c in changes), "what is gone is told"
    added = [c.into[0] for c in changes if c.kind == "added"]
    assert len(added) == len(set(added)) and not set(added) & set(old.by_id)


@given(books(), books(), books())
def test_two_migrations_do_what_one_after_the_other_does(a: Codebook, b: Codebook, c: Codebook):
    first, second = compare(a, b).changes, compare(b, c).changes
    both = composed(first, second, a)
    for codes in answers(a):
        middle = carrier(first)(codes)
        step = middle if isinstance(middle, Stale) else carrier(second)(middle)
        at_once = carrier(both)(codes)
        assert isinstance(step, Stale) == isinstance(at_once, Stale)
        assert isinstance(step, Stale) or step == at_once


def composed(
    first: Sequence[CodeChange], second: Sequence[CodeChange], a: Codebook
) -> list[CodeChange]:
    """One list of changes with the fate that each single code has in both."""
    made = []
    for codes in [(), *((code.id,) for code in a.codes)]:
        found = carrier(first)(codes)
        found = found if isinstance(found, Stale) else carrier(second)(found)
        code = codes[0] if codes else NONE_CODE
        into = () if isinstance(found, Stale) else found or (NONE_CODE,)
        made.append(CodeChange(kind="renamed" if into else "redefined", code=code, into=into))
    return made

"""Crosswalks: what contradicts itself is named, and only what is certain is translated."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from coder.codebook import load as codebooks
from coder.codebook.crosswalk import Crosswalk, Link, Read, Relation, Side, load, parse, to_yaml
from coder.codebook.crosswalk_check import check
from coder.codebook.translate import Untranslated, translator, translator_between
from coder.errors import InputError
from coder.files.resources import shipped
from coder.records import Cardinality, Code, Codebook

SHIPPED = sorted((shipped("codebook") / "crosswalks").glob("*.yaml"))


def book(book_id: str, tree: dict[str, list[str]], **fields) -> Codebook:
    """A codebook of two levels: categories, each with its codes."""
    codes = []
    for top, below in tree.items():
        codes.append(Code(id=top, name=top.title(), definition=f"About {top}."))
        codes += [Code(id=c, name=c.title(), definition=f"Is {c}.", parent=top) for c in below]
    return Codebook(id=book_id, name=book_id.title(), codes=tuple(codes), **fields)


PETS = book("pets", {"cat": ["meow", "purr"], "dog": ["bark"], "fish": []})
BEASTS = book("beasts", {"feline": ["lion", "kitten"], "canine": ["wolf"], "bird": []})
HEAD = "from: {codebook: pets, version: '1'}\nto: {codebook: beasts, version: '1'}\nlinks:\n"


def written(*links: str) -> str:
    return HEAD + "".join(f"- {{{link}}}\n" for link in links)


def crosswalk(*links: tuple[str, str, str]) -> Crosswalk:
    return Crosswalk(
        left=Side(codebook="pets", version="1"), right=Side(codebook="beasts", version="1"),
        links=tuple(Link(left=a, relation=r, right=b) for a, r, b in links),
    )  # fmt: skip


def problems(*links: str) -> list[str]:
    read, found = parse(written(*links))
    if read is not None:
        found = list(check(read, PETS, BEASTS).problems)
    return [f"{p.line}: {p.message}" for p in found]


@pytest.mark.parametrize(
    ("links", "told"),
    [
        (["from: meow, to: lion, relation: alike"], "4: relation 'alike' is none of same, broader"),
        (["from: meow, to: lion"], "4: relation '' is none of"),
        (["from: meow, relation: same"], "4: relation same takes `from` and `to`"),
        (["from: meow, to: lion, relation: none"], "4: relation none is of one code"),
        (["relation: none"], "4: relation none is of one code"),
        (["from: meow, to: lion, relation: same, why: x"], "4: unknown key 'why'"),
        (["from: moew, to: lion, relation: same"], "4: 'moew' is not a code of pets; did you"),
        (["from: meow, to: lino, relation: same"], "4: 'lino' is not a code of beasts; did you"),
        (
            ["from: meow, to: lion, relation: same", "from: meow, to: lion, relation: related"],
            "5: meow and lion: linked before, on line 4",
        ),
        (
            ["from: meow, to: lion, relation: same", "from: meow, relation: none"],
            "5: meow has nothing like it, and a link on line 4",
        ),
        (
            ["from: meow, to: lion, relation: same", "from: meow, to: wolf, relation: same"],
            "5: meow is the same as wolf and, on line 4, as lion: they are two codes of beasts",
        ),
        (
            ["from: meow, to: lion, relation: same", "from: purr, to: lion, relation: same"],
            "5: lion is the same as purr and, on line 4, as meow: they are two codes of pets",
        ),
        (
            ["from: cat, to: lion, relation: same", "from: meow, to: feline, relation: same"],
            "4: by these links a code is part of itself: cat same lion (line 4), meow same feline",
        ),
        (
            ["from: cat, to: lion, relation: narrower", "from: meow, to: feline, relation: same"],
            "4: by these links a code is part of itself",
        ),
        (
            ["from: meow, to: lion, relation: narrower", "from: purr, to: lion, relation: broader",
             "from: meow, to: kitten, relation: broader", "from: purr, to: kitten, relation: same"],
            "4: by these links a code is part of itself",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_by_its_line(links, told):
    assert any(line.startswith(told) for line in problems(*links)), problems(*links)


def test_what_is_right_has_no_problem():
    assert not problems(
        "from: cat, to: feline, relation: same", "from: meow, to: lion, relation: related",
        "from: bark, to: canine, relation: narrower", "from: dog, to: wolf, relation: broader",
        "from: fish, relation: none", "to: bird, relation: none",
    )  # fmt: skip


@pytest.mark.parametrize(
    "text",
    ["", "[]", "from: x\nto: y\nlinks: []", "from: {codebook: a}\nto: {codebook: b}\nlinks: no",
     "from: {codebook: a}\nto: {codebook: b}\nlinks: [x]", "links: []", "from: {codebook: [}",
     "from: {}\nto: {codebook: b}\nlinks: []",
     "from: {codebook: ../b}\nto: {codebook: b}\nlinks: []"],
)  # fmt: skip
def test_what_is_no_crosswalk_is_refused(text, tmp_path):
    found, told = parse(text)
    assert found is None
    assert told
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(InputError, match=r"x\.yaml:\d"):
        load(tmp_path / "x.yaml")


def test_coverage_counts_leaves_both_ways():
    read, _ = parse(
        written(
            "from: cat, to: feline, relation: same", "from: fish, relation: none",
            "to: wolf, relation: none",
        )
    )  # fmt: skip
    assert read is not None
    found = check(read, PETS, BEASTS.changed(version="2"))
    assert (found.left.linked, found.left.without, found.left.open) == (
        ("meow", "purr"), ("fish",), ("bark",),
    )  # fmt: skip
    assert (found.right.linked, found.right.without, found.right.open) == (
        ("lion", "kitten"), ("wolf",), ("bird",),
    )  # fmt: skip
    assert found.unchecked == 3
    assert found.other_versions == ("it is about beasts 1, which is at 2 now",)


def test_only_what_is_certain_is_translated():
    links = crosswalk(
        ("meow", "same", "lion"), ("purr", "related", "kitten"), ("cat", "narrower", "feline"),
        ("dog", "broader", "wolf"), ("fish", "none", ""),
    )  # fmt: skip
    there = translator(links, PETS, BEASTS)
    assert there(("meow",)) == ("lion",)
    assert there(("cat",)) == ("feline",)
    # What the category is part of, its codes are part of.
    assert there(("purr",)) == ("feline",)
    assert there(("dog",)) is Untranslated.BROADER
    assert there(("bark",)) is Untranslated.OPEN
    assert there(("fish",)) is Untranslated.WITHOUT
    assert there(()) is Untranslated.NO_CODE_FITS
    assert there(("gone",)) is Untranslated.UNKNOWN
    back = translator_between(links, BEASTS, PETS)
    assert back(("lion",)) == ("meow",)
    assert back(("wolf",)) == ("dog",)
    assert back(("kitten",)) is Untranslated.RELATED
    assert back(("feline",)) is Untranslated.BROADER


def test_several_codes_are_translated_together_or_not_at_all():
    links = crosswalk(("meow", "same", "lion"), ("bark", "narrower", "canine"))
    assert translator(links, PETS, BEASTS)(("meow", "bark")) is Untranslated.SEVERAL
    several = BEASTS.changed(cardinality=Cardinality.MULTIPLE)
    assert translator(links, PETS, several)(("meow", "bark")) == ("lion", "canine")
    assert translator(links, PETS, several)(("meow", "purr")) is Untranslated.OPEN
    # Of a code and one above it the closer one is meant.
    both = crosswalk(("meow", "same", "lion"), ("purr", "narrower", "feline"))
    assert translator(both, PETS, BEASTS)(("meow", "purr")) == ("lion",)


@st.composite
def crosswalks(draw):
    pairs = draw(
        st.lists(
            st.tuples(
                st.sampled_from([c.id for c in PETS.codes]),
                st.sampled_from([c.id for c in BEASTS.codes]),
            ),
            unique=True,
            max_size=8,
        )
    )
    relations = [r for r in Relation if r is not Relation.NONE]
    note = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=20).map(str.strip)
    links = [
        Link(left=a, right=b, relation=draw(st.sampled_from(relations)), note=draw(note))
        for a, b in pairs
    ]
    sides = (Side(codebook="pets", version="1"), Side(codebook="beasts", version="1"))
    return Crosswalk(left=sides[0], right=sides[1], links=tuple(links))


@given(crosswalks())
def test_a_file_says_what_the_crosswalk_does(made):
    read, told = parse(to_yaml(made, PETS, BEASTS))
    assert not told
    assert read is not None
    assert sorted(map(str, read.crosswalk.links)) == sorted(map(str, made.links))
    assert made.reversed().reversed() == made


POINTS = st.frozensets(st.integers(0, 5), min_size=1)


@st.composite
def true_crosswalks(draw):
    """What each code means, as a set of issues, and some links that are true of these sets."""
    sets: list[dict[str, frozenset[int]]] = []
    for side in (PETS, BEASTS):
        means = {code.id: draw(POINTS) for code in side.leaves}
        for top, below in side.children.items():
            if top is not None:
                held = frozenset().union(*(means[code.id] for code in below))
                means[top] = held | {10 + len(means)}
        assume(len({*means.values()}) == len(means))
        sets.append(means)
    links = []
    for one, ours in sets[0].items():
        for other, theirs in sets[1].items():
            true = (
                Relation.SAME if ours == theirs
                else Relation.NARROWER if ours < theirs
                else Relation.BROADER if ours > theirs
                else Relation.RELATED if ours & theirs
                else None
            )  # fmt: skip
            if true is not None and draw(st.booleans()):
                links.append(Link(left=one, right=other, relation=true))
    return sets, crosswalk().model_copy(update={"links": tuple(links)})


@given(true_crosswalks())
def test_true_links_contradict_nothing_and_translate_truly(made):
    (ours, theirs), links = made
    read = Read(links, tuple(range(len(links.links))))
    assert not check(read, PETS, BEASTS).problems
    for way, one, other in (
        (translator_between(links, PETS, BEASTS), ours, theirs),
        (translator_between(links, BEASTS, PETS), theirs, ours),
    ):
        for code, means in one.items():
            found = way((code,))
            if isinstance(found, tuple):
                assert all(means <= other[into] for into in found)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.stem)
def test_shipped_crosswalks_are_valid_and_say_something_of_every_code(path):
    read = load(path)
    left, right = (
        codebooks.load(shipped("codebook") / f"{side.codebook}.yaml")
        for side in (read.crosswalk.left, read.crosswalk.right)
    )
    found = check(read, left, right)
    assert not found.problems
    assert not found.other_versions
    assert not found.left.open
    assert not found.right.open
    assert all(link.by and link.note for link in read.crosswalk.links)


def test_a_crosswalk_leads_from_the_shipped_codebook_to_each_taxonomy():
    assert [path.stem for path in SHIPPED] == [
        "ptm-reuse--dl-faults", "ptm-reuse--hf-forum-challenges",
        "ptm-reuse--ptm-registry-challenges",
    ]  # fmt: skip

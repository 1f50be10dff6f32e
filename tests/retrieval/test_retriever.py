"""What is shown of all that is near: fused by rank, diverse, capped, and never what is excluded."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder.codebook import load as codebooks
from coder.records import Example, Issue, Neighbour
from coder.retrieval.near_duplicates import same_issue
from coder.retrieval.retriever import Retriever, choose, fuse
from coder.retrieval.search import LexicalIndex
from coder.study import RetrievalSettings

BOOK, _ = codebooks.parse("""\
id: pets
name: Pets
cardinality: multiple
codes:
  - {id: cat, name: Cat, definition: Cats purr.}
  - {id: dog, name: Dog, definition: Dogs bark.}
""")


def near(issue_id: str, score: float, *codes: str) -> Neighbour:
    return Neighbour(issue_id=issue_id, codes=codes, score=score)


def ids(found: Sequence[Neighbour]) -> str:
    return "".join(neighbour.issue_id for neighbour in found)


# --- by hand ------------------------------------------------------------------------------------


def test_reciprocal_rank_fusion():
    """b: (61/62 + 61/61) / 2; a: (61/61 + 61/63) / 2; c and d are each in one ranking."""
    fused = fuse([[("a", 0.9), ("b", 0.8)], [("b", 7), ("c", 6), ("a", 5)]])
    assert list(fused) == ["b", "a", "c"]
    assert fused == pytest.approx({"b": 0.991935, "a": 0.984127, "c": 0.491935}, abs=1e-6)
    assert fuse([[("x", 0.1)], [("x", 0.1)]]) == {"x": 1.0}
    assert fuse([[], [("x", 0.1)]]) == {"x": 0.5}


CANDIDATES = [near("a", 1, "x"), near("b", 0.98, "x"), near("c", 0.9, "y"), near("d", 0.8)]
NOWHERE = dict.fromkeys("abcd", "")


@pytest.mark.parametrize(
    ("diversity", "order"),
    [
        (0, "abcd"),
        (0.05, "abcd"),  # b: .95 * .98 - .05 = .881; c: .95 * .9 = .855
        (0.1, "acbd"),  # b: .9 * .98 - .1 = .782; c: .81; then b .782, d .72
        (0.5, "acdb"),  # "no code fits" is a label like any other
        (1, "acdb"),
    ],
)
def test_a_code_that_is_shown_already_counts_for_less(diversity, order):
    assert ids(choose(CANDIDATES, NOWHERE, 4, diversity, 0)) == order


def test_codes_in_common_count_by_their_share():
    candidates = [near("a", 1, "x", "y"), near("b", 0.9, "x", "y"), near("c", 0.8, "y", "z")]
    # b: .7 * .9 - .3 = .33; c: .7 * .8 - .3 / 3 = .46
    assert ids(choose(candidates, NOWHERE, 3, 0.3, 0)) == "acb"


def test_the_cap_per_repository_spares_issues_of_no_known_one():
    repos = {"a": "p", "b": "p", "c": "p", "d": "q"}
    assert ids(choose(CANDIDATES, repos, 4, 0, 1)) == "ad"
    assert ids(choose(CANDIDATES, repos, 4, 0, 2)) == "abd"
    assert ids(choose(CANDIDATES, repos, 4, 0, 0)) == "abcd"
    assert ids(choose(CANDIDATES, NOWHERE, 4, 0, 1)) == "abcd"


# --- whatever the labels ------------------------------------------------------------------------

WORDS = st.lists(st.sampled_from(["alpha", "beta", "gamma", "delta", "eta", "theta"]), max_size=8)


@st.composite
def labels(draw: st.DrawFn) -> list[Example]:
    texts = draw(st.lists(WORDS, min_size=1, max_size=90))
    return [
        Example(
            issue=Issue(
                id=str(i), title=" ".join(text), repo=draw(st.sampled_from(["", "p", "q"]))
            ),
            codes=draw(st.sampled_from([("cat",), ("dog",), ("cat", "dog"), ()])),
        )
        for i, text in enumerate(texts)
    ]


@given(labels(), WORDS, st.integers(0, 6), st.integers(0, 3), st.floats(0, 1), st.randoms())
def test_nothing_excluded_is_shown_the_cap_holds_and_order_does_not_matter(
    examples: list[Example],
    words: list[str],
    wanted: int,
    cap: int,
    diversity: float,
    order: random.Random,
) -> None:
    settings = RetrievalSettings(diversity=diversity, per_repository=cap)

    def look_up(given: list[Example]):
        searches = {"dense": LexicalIndex(BOOK, given[:9]), "lexical": LexicalIndex(BOOK, given)}
        return Retriever(BOOK, given, searches, settings, "").look_up([asked], wanted, 2)[0]

    asked = Issue(id="0", title=" ".join(words))
    found = look_up(examples)
    twins = {e.issue.id for e in examples if same_issue(asked, e.issue)} if wanted else set()
    shown = [neighbour.issue_id for neighbour in found.neighbours]
    assert set(found.excluded) == twins and not twins & set(shown)
    assert len(set(shown)) == len(shown) <= wanted
    assert [example.issue.id for example in found.examples] == shown
    repos = Counter(e.issue.repo for e in found.examples if e.issue.repo)
    assert not cap or all(count <= cap for count in repos.values())
    assert all(0 < hit.score <= 1 for hit in (*found.neighbours, *found.definitions))
    first = examples[:9]
    order.shuffle(first)
    rest = examples[9:]
    order.shuffle(rest)
    assert look_up(first + rest) == found


def test_a_cap_looks_further_when_one_repository_has_used_up_all_that_is_near():
    """The eighty nearest are of one repository."""
    examples = [
        Example(issue=Issue(id=f"{i}", repo="p", title=f"cat purrs {i}"), codes=("cat",))
        for i in range(80)
    ]
    examples.append(Example(issue=Issue(id="q", repo="q", title="my cat 1 2 3"), codes=("dog",)))
    settings = RetrievalSettings(per_repository=1)
    found = Retriever(BOOK, examples, {"lexical": LexicalIndex(BOOK, examples)}, settings, "")
    assert {
        n.issue_id for n in found.look_up([Issue(id="x", title="cat purrs")], 2, 0)[0].neighbours
    } > {"q"}

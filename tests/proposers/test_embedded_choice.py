"""How the embedded classifier chooses codes: adjusted for frequency, one or several."""

from __future__ import annotations

import numpy as np
import pytest

from coder.proposers.embedded import EmbeddedProposer
from coder.proposers.embedded.choice import FEWEST, Choice, learnt
from coder.records import Cardinality, Code, Codebook, Example, Issue

COLOURS = ("red", "green", "blue", "pink", "grey")
SHAPES = ("round", "square", "flat", "long", "thin", "tall", "wide")


def leaning(n: int = 60) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two codes, one three times as frequent; the model ranks rightly but leans to the frequent."""
    true = np.zeros((n, 3), dtype=bool)
    rare = np.arange(n) % 4 == 0
    true[rare, 1] = True
    true[~rare, 0] = True
    p = np.where(rare[:, None], [0.54, 0.46, 1e-9], [0.8, 0.2, 1e-9])
    return p, np.tile([45, 15, 0], (n, 1)), true


def test_a_model_that_leans_to_what_is_frequent_is_set_right() -> None:
    p, counts, true = leaning()
    choice = learnt(p, counts, true, single=True)
    assert choice.frequency_weight > 0
    assert (choice.utility(p, counts).argmax(axis=1) == true.argmax(axis=1)).all()
    assert (p.argmax(axis=1) == 0).all()


def test_even_codes_and_few_labels_leave_the_choice_alone() -> None:
    p, counts, true = leaning()
    assert learnt(p, np.full_like(counts, 20), true, single=True) == Choice()
    few = FEWEST - 1
    assert learnt(p[:few], counts[:few], true[:few], single=True) == Choice()
    assert learnt(p[:few], counts[:few], true[:few], single=False) == Choice()


def test_the_threshold_follows_how_many_codes_raters_give() -> None:
    both = np.tile([True, True, False, False], (60, 1))
    p = np.tile([0.7, 0.35, 0.05, 0.01], (60, 1))
    lower = learnt(p, np.ones((60, 4), dtype=int), both, single=False)
    assert lower.threshold < 0.35
    assert (lower.sets(p) == both).all()
    one = np.tile([True, False, False, False], (60, 1))
    assert learnt(p, np.ones((60, 4), dtype=int), one, single=False).threshold > 0.35


def test_no_code_fits_stands_alone() -> None:
    p = np.array([[0.45, 0.4, 0.6], [0.45, 0.4, 0.3], [0.1, 0.2, 0.05]])
    chosen = Choice(threshold=0.3).sets(p)
    assert chosen.tolist() == [[False, False, True], [True, True, False], [False, True, False]]


def book(cardinality: Cardinality) -> Codebook:
    return Codebook(
        id="t",
        name="Test",
        cardinality=cardinality,
        codes=tuple(
            Code(id=c, name=c, definition=f"It is about {c} things.") for c in ("zorb", "quux")
        ),
    )


def issue(n: int, about: str) -> Issue:
    said = f"{COLOURS[n % 5]} {SHAPES[n % 7]} {about} number{n} word{n * 7 % 50} thing{n * 11 % 37}"
    return Issue(id=f"i{n}", title=f"The {said}", body=f"Seen on day{n}, {said} was odd{n % 3}.")


SEVERAL = [
    Example(
        issue=issue(n, ("zorb", "quux", "zorb quux")[n % 3]),
        codes=(("zorb",), ("quux",), ("zorb", "quux"))[n % 3],
    )
    for n in range(75)
]


@pytest.mark.parametrize(("threshold", "count"), [(0.02, 2), (0.999, 1)])
def test_the_threshold_decides_how_many_codes_are_proposed(
    monkeypatch: pytest.MonkeyPatch, threshold: float, count: int
) -> None:
    monkeypatch.setattr("coder.proposers.embedded.choice.THRESHOLDS", (threshold,))
    proposer = EmbeddedProposer.fit(book(Cardinality.MULTIPLE), SEVERAL, encoder=None)
    asked = [issue(100 + n, "zorb quux") for n in range(5)]
    assert {len(p.codes) for p in proposer.propose(asked, lambda call: None)} == {count}


@pytest.mark.parametrize("cardinality", list(Cardinality))
def test_a_label_has_no_part_in_how_its_own_issue_is_coded(cardinality: Cardinality) -> None:
    """The rule is learnt from labels too: none of them may come from the issue's own fold."""
    examples = [e for e in SEVERAL if cardinality is Cardinality.MULTIPLE or len(e.codes) == 1]
    book_ = book(cardinality)
    one = EmbeddedProposer.fit(book_, examples, encoder=None)
    fold = one._folds[0]
    turned = [
        e.model_copy(update={"codes": ("quux",)}) if one._folds[i] == fold else e
        for i, e in enumerate(examples)
    ]
    other = EmbeddedProposer.fit(book_, turned, encoder=None)
    assert one._models.choice({fold}) == other._models.choice({fold})
    asked = [e.issue for i, e in enumerate(examples) if one._folds[i] == fold]
    said = [[p.codes for p in x.propose(asked, lambda call: None)] for x in (one, other)]
    assert said[0] == said[1]


def test_the_rule_is_on_record() -> None:
    several = EmbeddedProposer.fit(book(Cardinality.MULTIPLE), SEVERAL, encoder=None).measured()
    assert set(several["choice"]) == {"threshold"}
    single = EmbeddedProposer.fit(book(Cardinality.SINGLE), SEVERAL, encoder=None).measured()
    assert set(single["choice"]) == {"frequency_weight"}


def test_the_rationale_says_why_a_likelier_code_is_not_proposed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("coder.proposers.embedded.choice.FREQUENCY_WEIGHTS", (3.0,))
    often = [Example(issue=issue(n, "zorb"), codes=("zorb",)) for n in range(60)]
    rare = [Example(issue=issue(60 + n, "quux"), codes=("quux",)) for n in range(6)]
    proposer = EmbeddedProposer.fit(book(Cardinality.SINGLE), [*often, *rare], encoder=None)
    asked = Issue(id="new", title="Nothing of either", body="Neither is said.")
    (proposal,) = proposer.propose([asked], lambda call: None)
    assert proposal.codes[0].code == "quux"
    other, own = proposal.runners_up[0].confidence, proposal.codes[0].confidence
    assert other is not None and own is not None and other > own
    assert "zorb is likelier" in proposal.rationale
    assert "60 of 66 labelled issues have it" in proposal.rationale

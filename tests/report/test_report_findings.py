"""What the report concludes beyond agreement, on runs whose truth is known."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from support.runs import AT, FLAT, MULTIPLE, TREE, Maker, label

from coder.agreement import dsl, ppi
from coder.records import NONE_CODE, Action, Decision, Label, Mode, Status
from coder.report import build_report
from coder.review.queues import Only, Order, Queue, ReviewPool

CODES = "abc"


def study(maker, issues=300, misses=0.2, seed=1):
    """A run whose model is wrong in ``misses`` of its answers, the sure ones less often."""
    draw = random.Random(seed)
    truth = {f"{n:03}": draw.choice("aaab") for n in range(issues)}
    said, how = {}, {}
    for issue_id, code in truth.items():
        wrong = draw.random() < misses
        said[issue_id] = draw.choice([c for c in CODES if c != code]) if wrong else code
        how[issue_id] = {"confidence": 0.55 if wrong and draw.random() < 0.9 else 0.95}
    return maker.run(said, **how), truth, said


def reviewed(run, rater, labels, **fields):
    """Blind labels given in a review, one after the other."""
    run.label_journal(rater).append(
        Label(issue_id=i, rater=rater, codes=(code,), at=AT + timedelta(minutes=n),
              **{"mode": Mode.HOLDOUT, "queue": "random", **fields, **more})
        for n, (i, code, more) in enumerate(labels)
    )  # fmt: skip


def share(found, code):
    return next(s for s in found.shares if s.code == code)


def test_labels_from_a_file_correct_the_counts_and_say_what_they_assume(maker: Maker):
    run, truth, said = study(maker)
    some = dict([*truth.items()][:80])
    label(run, "ann", some)
    (found,) = build_report(run, draws=100).corrected
    assert (found.sampling, found.n, found.rater) == ("unknown", 80, "ann")
    assert "if they are a random sample" in found.note
    human, here, rest = (
        [float(codes[i] == "b") for i in ids]
        for codes, ids in (
            (truth, some),
            (said, some),
            (said, [i for i in truth if i not in some]),
        )
    )
    (by_hand,) = ppi(human, here, rest)
    assert share(found, "b").corrected.value == pytest.approx(by_hand.value)
    assert share(found, "b").model == pytest.approx(sum(c == "b" for c in said.values()) / 300)
    assert share(found, NONE_CODE).model == 0
    assert found.issue_ids == tuple(some)


def test_a_random_queue_is_a_random_sample(maker: Maker):
    run, truth, _ = study(maker)
    ids = [*truth][:60]
    reviewed(run, "ann", [(i, truth[i], {"chance": (n + 1) / 300}) for n, i in enumerate(ids)])
    (found,) = build_report(run, draws=100).corrected
    assert (found.sampling, found.note, found.n) == ("random", "", 60)
    assert share(found, "b").labels.value == pytest.approx(sum(truth[i] == "b" for i in ids) / 60)


def test_unequal_chances_are_weighted(maker: Maker):
    """The doubtful come sooner: their clocks run faster, and the report takes that out."""
    run, truth, said = study(maker)
    order = random.Random(3)
    weight = {i: 1.0 if n % 2 else 0.2 for n, i in enumerate(truth)}
    clock = {i: order.expovariate(w) for i, w in weight.items()}
    rung = sorted(clock, key=clock.__getitem__)
    until = clock[rung[100]]
    chance = {i: 1 - 2.718281828459045 ** (-weight[i] * until) for i in truth}
    reviewed(
        run, "ann",
        [(i, truth[i], {"chance": chance[i], "weight": weight[i]}) for i in rung[:100]],
        queue="uncertain",
    )  # fmt: skip
    (found,) = build_report(run, draws=100).corrected
    assert found.sampling == "known"
    labelled = set(rung[:100])
    (by_hand,) = dsl(
        [float(truth[i] == "b") if i in labelled else float("nan") for i in truth],
        [float(said[i] == "b") for i in truth],
        [chance[i] for i in truth],
    )
    assert share(found, "b").corrected.value == pytest.approx(by_hand.value, abs=1e-6)
    assert share(found, "b").labels.value is None
    assert "unequal" in share(found, "b").labels.note


def test_a_sample_of_one_repository_or_beside_the_labels_is_none_of_the_run(maker: Maker):
    run, truth, _ = study(maker)
    ids = [*truth][:60]
    reviewed(run, "ann", [(i, truth[i], {"chance": (n + 1) / 60}) for n, i in enumerate(ids)],
             queue="random repo=owner/0")  # fmt: skip
    label(run, "bea", dict([*truth.items()][:80]))
    decided(run, "bea", [(i, truth[i]) for i in [*truth][100:200]], Mode.ASSISTED)
    found = build_report(run, draws=100).corrected[0]
    assert (found.rater, found.sampling) == ("bea", "unknown")
    (run.path / "labels" / "bea.jsonl").unlink()
    found = build_report(run, draws=100).corrected[0]
    assert (found.rater, found.sampling) == ("ann", "unknown")


def test_labels_from_before_a_random_queue_stand_for_themselves(maker: Maker):
    """Half of what the queue met was labelled: those labels stand for twice as many of the rest."""
    run, truth, said = study(maker)
    ids = [*truth]
    label(run, "ann", {i: truth[i] for i in ids[:50]})
    order = random.Random(3).sample(ids[50:], 100)
    reviewed(run, "ann", [(i, truth[i], {"chance": (n + 1) / 250})
                          for n, i in enumerate(order) if n % 2])  # fmt: skip
    decided(run, "ann", [(i, truth[i]) for n, i in enumerate(order) if not n % 2], Mode.ASSISTED)
    (found,) = build_report(run, draws=100).corrected
    assert (found.sampling, found.n) == ("known", 100)
    known = dict.fromkeys(order[1::2], 100 / 250 / 2) | dict.fromkeys(ids[:50], 1.0)
    (by_hand,) = dsl(
        [float(truth[i] == "b") if i in known else float("nan") for i in ids],
        [float(said[i] == "b") for i in ids],
        [known.get(i, 1.0) for i in ids],
    )
    assert share(found, "b").corrected.value == pytest.approx(by_hand.value, abs=1e-6)


def test_labels_by_code_are_weighted(maker: Maker):
    """A rare code that the model finds, drawn more often, is told right by its probabilities."""
    run, truth, _ = study(maker)
    queue = Queue(run, "ann", ReviewPool(run), {}, Order.BY_CODE, Only(), None)
    draws = [queue.draw(entry.issue_id) for entry in queue.entries[:90]]
    reviewed(
        run, "ann",
        [(e.issue_id, truth[e.issue_id], {"chance": d.chance, "weight": d.weight})
         for e, d in zip(queue.entries, draws, strict=False)],
        queue="by-code",
    )  # fmt: skip
    (found,) = build_report(run, draws=100).corrected
    assert found.sampling == "known"
    estimate = share(found, "b").corrected
    assert estimate.low < sum(c == "b" for c in truth.values()) / 300 < estimate.high


def test_when_every_issue_is_labelled_the_share_is_known(maker: Maker):
    run, truth, _ = study(maker, issues=40)
    label(run, "ann", truth)
    (found,) = build_report(run, draws=100).corrected
    assert found.sampling == "all"
    expected = sum(c == "b" for c in truth.values()) / 40
    known = share(found, "b").corrected
    assert (known.value, known.low, known.high) == (expected, None, None), "nothing was drawn"


def test_confidence_is_held_against_the_labels(maker: Maker):
    run, truth, said = study(maker)
    label(run, "ann", truth)
    found = build_report(run, draws=100).trust
    assert found.n == 300
    assert found.calibrated is None
    right = {0.95: [], 0.55: []}
    for proposal in run.proposals:
        right[proposal.codes[0].confidence].append(
            said[proposal.issue_id] == truth[proposal.issue_id]
        )
    bins = {round(b.confidence, 2): b.right.value for b in found.stated.bins}
    assert bins == {c: pytest.approx(sum(r) / len(r)) for c, r in right.items()}
    everything = next(c for c in found.certificates if c.code == "")
    assert everything.certificate.threshold == 0.6
    assert [p.share for p in found.workload] == [len(right[0.95]) / 300, 1.0]


def test_a_leaked_or_failed_answer_is_in_no_confidence_figure(maker: Maker):
    run = maker.run({"1": "a", "2": "a", "3": Status.FAILED, "4": "b"}, **{"2": {"shown": ("2",)}})
    label(run, "ann", {"1": "a", "2": "a", "3": "a", "4": "b"})
    found = build_report(run, draws=100)
    assert found.trust.issue_ids == ("1", "4")
    assert found.corrected[0].issue_ids == ("1", "3", "4")


def decided(run, rater, answers, mode):
    proposals = {p.issue_id: p for p in run.proposals}
    run.decision_journal(rater).append(
        Decision(id=f"{rater}{i}{n}", issue_id=i, proposal_id=proposals[i].id, rater=rater,
                 action=Action.ACCEPT if proposals[i].codes[0].code == code else Action.CORRECT,
                 codes=(code,), mode=mode, queue="random", chance=(n + 1) / 300,
                 at=AT + timedelta(minutes=n))
        for n, (i, code) in enumerate(answers)
    )  # fmt: skip


def test_sway_is_agreement_with_a_suggestion_less_agreement_without(maker: Maker):
    run, truth, said = study(maker, misses=0.4)
    ids = [*truth]
    decided(run, "ann", [(i, said[i]) for i in ids[:100]], Mode.ASSISTED)
    reviewed(run, "ann", [(i, truth[i], {}) for i in ids[100:200]])
    (found,) = build_report(run, draws=200).sway
    agreed = sum(truth[i] == said[i] for i in ids[100:200]) / 100
    assert found.anchoring.assisted.value == 1
    assert found.anchoring.alone.value == pytest.approx(agreed)
    assert found.anchoring.difference.value == pytest.approx(1 - agreed)
    assert found.anchoring.difference.low > 0


def test_labels_revised_after_the_reveal_are_counted_and_where_they_went(maker: Maker):
    run = maker.run(dict.fromkeys("12345", "a"))
    reviewed(run, "ann", [(i, "b", {"mode": Mode.BLIND_FIRST}) for i in "12345"])
    decided(run, "ann", [("1", "b"), ("2", "a"), ("3", "a"), ("4", "c")], Mode.BLIND_FIRST)
    (found,) = build_report(run, draws=100).sway
    assert (found.blind_first, found.revised, found.toward) == (4, 3, 2)
    assert found.anchoring.difference.value is None


def test_labels_from_a_file_say_nothing_about_sway(maker: Maker):
    run, truth, said = study(maker, issues=40)
    label(run, "ann", truth)
    decided(run, "ann", [(i, said[i]) for i in truth], Mode.ASSISTED)
    assert build_report(run, draws=100).sway == ()


def test_three_raters_let_the_model_be_tested_and_two_do_not(maker: Maker):
    run, truth, _ = study(maker, misses=0.05)
    draw = random.Random(5)

    def rated():
        return {i: c if draw.random() < 0.7 else draw.choice(CODES) for i, c in truth.items()}

    label(run, "ann", rated())
    assert build_report(run, draws=100).stand_in == ()
    label(run, "bea", rated())
    (two,) = build_report(run, draws=100).stand_in
    assert two.test.passed is None
    label(run, "cem", rated())
    (three,) = build_report(run, draws=100).stand_in
    assert three.test.passed is True
    assert three.raters == ("ann", "bea", "cem")


def test_a_trend_follows_the_review(maker: Maker):
    run, truth, said = study(maker)
    ids = [*truth][:60]
    other = [next(c for c in CODES if c != said[i]) for i in ids]
    reviewed(run, "ann", [(i, said[i] if n < 20 else o, {})
                          for n, (i, o) in enumerate(zip(ids, other, strict=True))])  # fmt: skip
    (found,) = build_report(run, draws=100).trends
    assert [block.agrees.value for block in found.blocks] == [1, 0, 0]
    assert found.kind == "blind"
    assert found.issue_ids == tuple(ids)


@pytest.mark.parametrize("book", [FLAT, TREE, MULTIPLE])
def test_an_empty_run_concludes_nothing(maker: Maker, book):
    maker.book = book
    code = "call" if book is TREE else "a"
    found = build_report(maker.run({"1": code}), draws=100)
    assert (found.corrected, found.trust, found.sway, found.stand_in, found.trends) == (
        (), None, (), (), (),
    )  # fmt: skip


def test_categories_and_codes_are_counted_apart(maker: Maker):
    maker.book = TREE
    run = maker.run({str(n): "call" if n % 2 else "speed" for n in range(40)})
    label(run, "ann", {str(n): "set" if n % 2 else "speed" for n in range(20)})
    category, code = build_report(run, draws=100).corrected
    assert [s.code for s in category.shares] == ["use", "perf", NONE_CODE]
    assert share(category, "use").labels.value == share(code, "set").labels.value == 0.5
    assert share(code, "call").labels.value == 0

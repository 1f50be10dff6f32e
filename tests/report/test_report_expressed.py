"""Agreement and acceptance by whether the model found its code stated or between the lines."""

from __future__ import annotations

import csv
import io
import json

from support.runs import Maker, decide, label

from coder.records import Action, Status
from coder.report import build_report
from coder.report.html import html
from coder.report.latex import latex
from coder.report.long_csv import tables
from coder.report.markdown import markdown
from coder.report.model import Report

SAID = dict.fromkeys("abcdef", "explicit") | dict.fromkeys("ghij", "interpretive") | {"k": ""}
"""Eleven issues; of the last the model did not say it."""


def reported(maker: Maker) -> Report:
    run = maker.run(
        {**dict.fromkeys(SAID, "a"), "l": Status.ABSTAINED},
        **{i: {"expression": said} for i, said in SAID.items()},
    )
    # Of the stated codes five of six are the rater's own, of the others one of three.
    label(run, "anna", dict.fromkeys("abcdeg", "a") | dict.fromkeys("fhikl", "b"))
    decide(
        run, "dora",
        {"a": Action.ACCEPT, "b": (Action.CORRECT, "b"), "c": Action.SKIP, "g": Action.REJECT,
         "h": Action.ACCEPT, "i": Action.ACCEPT, "k": Action.ACCEPT},
    )  # fmt: skip
    return build_report(run, draws=100)


EXPECTED = {
    ("anna", "blind", "explicit"): (5 / 6, 6),
    ("anna", "blind", "interpretive"): (1 / 3, 3),
    ("dora", "assisted", "explicit"): (1 / 2, 2),
    ("dora", "assisted", "interpretive"): (2 / 3, 3),
}


def test_each_expression_is_counted_by_itself(maker: Maker) -> None:
    found = {
        (e.rater, e.kind, e.expression): (e.share.value, e.share.n)
        for e in reported(maker).expressed
    }
    assert found.keys() == EXPECTED.keys()
    for key, (value, n) in EXPECTED.items():
        told, of = found[key]
        assert told is not None and abs(told - value) < 1e-6 and of == n


def test_all_outputs_tell_it(maker: Maker) -> None:
    report = reported(maker)
    for text in (html(report), markdown(report), latex(report)):
        assert "read between the lines" in text
        assert text.count("interpretive") >= 2
    rows = list(csv.DictReader(io.StringIO(tables(report)["expressed.csv"])))
    assert {(r["rater"], r["kind"], r["expression"]): int(r["n"]) for r in rows} == {
        key: n for key, (_, n) in EXPECTED.items()
    }
    assert len(json.loads(report.to_json())["expressed"]) == len(EXPECTED)
    traced = {figure.name: figure.lines for figure in report.trace.figures}
    assert set(traced["expressed.anna.blind.interpretive"]) == {
        "proposals.jsonl", "labels/anna.jsonl",
    }  # fmt: skip
    assert "decisions/dora.jsonl" in traced["expressed.dora.assisted.explicit"]


def test_where_no_model_was_asked_there_is_nothing(maker: Maker) -> None:
    run = maker.run(dict.fromkeys("abc", "a"))
    label(run, "anna", dict.fromkeys("abc", "a"))
    report = build_report(run, draws=100)
    assert report.expressed == ()
    for text in (html(report), markdown(report), latex(report)):
        assert "between the lines" not in text

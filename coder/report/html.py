"""The report as one HTML page that needs nothing else: no request leaves it, no issue text runs."""

from __future__ import annotations

import base64
import hashlib
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from coder.escaping import inert
from coder.records import Estimate
from coder.report import (
    charts,
    conclusions,
    disagreements,
    durations_charts,
    durations_tables,
    durations_words,
    figures,
    grids,
    sentences,
    wording,
)
from coder.report.escaping import web_url
from coder.report.model import Pair, Report

_TEMPLATES = Path(__file__).parent / "templates"


def html(report: Report) -> str:
    """The page: loads nothing, and its policy allows only its own style and script."""
    style = (_TEMPLATES / "report.css").read_text(encoding="utf-8")
    script = (_TEMPLATES / "report.js").read_text(encoding="utf-8")
    headline = sentences.headline(report)
    blind = [pair for pair in report.pairs if pair.kind == "blind"]
    shown = sentences.enough(blind)
    held = disagreements.listed(report)
    return (
        _environment()
        .get_template("report.html.jinja")
        .render(
            report=report,
            names=wording.Names(report),
            words=wording,
            says=sentences,
            concludes=conclusions,
            grids=grids,
            figures=figures,
            charts=charts,
            durations=durations_words,
            duration_tables=durations_tables,
            times=durations_charts,
            style=Markup(style),
            script=Markup(script),
            policy=_policy(style, script),
            headline=headline,
            blind=blind,
            forests=[_Forest(pair, wording.coefficients(pair)[1:]) for pair in shown],
            forest_scale=figures.Scale.over(
                e for p in shown for _, e in wording.coefficients(p)[1:]
            ),
            details=[_Detail.of(pair, report) for pair in shown],
            trends=charts.panels(report.trends),
            prevalence=[
                (level, list(g)) for level, g in groupby(report.prevalence, lambda p: p.level)
            ],
            resolved=[pair for pair in report.pairs if pair.kind == "resolved"],
            listed=held,
            plain=disagreements.plain(held),
            data=Markup(disagreements.to_json(report, held)),
            further_notes=_further_notes(report, shown),
            accepted_figures=[(wording.accepter(a), "", a.acceptance) for a in report.acceptance],
        )
    )


class _Forest(NamedTuple):
    pair: Pair
    coefficients: list[tuple[str, Estimate]]


class _Detail(NamedTuple):
    """What is shown of one pair, code by code."""

    pair: Pair
    scale: figures.Scale
    heat_map: Markup | None
    confused: grids.Grid
    notes: list[str]

    @classmethod
    def of(cls, pair: Pair, report: Report) -> _Detail:
        names = wording.Names(report)
        heat_map = None
        if pair.confusion is not None:
            labels = [inert(names.name(code)) for code in pair.confusion.codes]
            heat_map = figures.heat_map(pair.confusion, labels, pair.left, pair.right)
        confused = grids.Grid(
            "confused",
            "How often two codes met",
            (pair.left, pair.right, "issues"),
            tuple(
                (names.path(left), names.path(right), f"{count:,}")
                for left, right, count in wording.confusions(pair)
            ),
            2,
        )
        return cls(pair, figures.Scale(), heat_map, confused, wording.code_notes(report, pair))


def _further_notes(report: Report, pairs: list[Pair]) -> list[str]:
    names = wording.Names(report)
    found: list[tuple[str, str, Estimate]] = []
    for pair in pairs:
        inner = pair.subcategory_given_category
        shown = {
            "macro-F1": pair.macro_f1,
            "tree α": pair.tree_alpha,
            "agree given category": inner and inner.percent_agreement,
            "κ given category": inner and inner.cohen_kappa,
            "mean Jaccard": pair.mean_jaccard,
        }
        who = f"{wording.title(pair)} by {names.level(pair.level)}"
        found += [(who, label, estimate) for label, estimate in shown.items() if estimate]
    return wording.footnotes(found)


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # Runs on every text before it is escaped; figures are Markup and already went through it.
        finalize=lambda value: inert(value) if type(value) is str else value,
    )
    environment.filters["web_url"] = web_url
    return environment


def _policy(style: str, script: str) -> str:
    return (
        f"default-src 'none'; style-src {_digest(style)}; script-src {_digest(script)}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"

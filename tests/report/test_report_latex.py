"""LaTeX tables: well formed and inert, whatever a code or a model is called."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from support.runs import TREE, Maker, label
from test_report_findings import reviewed, study

from coder.agreement import Anchoring
from coder.records import Estimate, Mode, Status
from coder.report import build_report
from coder.report.appendix import appendix_latex
from coder.report.escaping import LETTERS_DEFINED
from coder.report.escaping import latex as escaped
from coder.report.grids import Grid
from coder.report.latex import draw, latex
from coder.report.methods import logged
from coder.report.model import RaterAnchoring
from coder.report.write import write_report
from coder.storage.run import Run

HOSTILE = r"\input{/etc/passwd} & 100% $x$ #1 {a_b}^~ \\ <b> | `rm` -- ''"

OTHERS = "漢字 한국어 שלום \u202eمرحبا Привет 🎉👩‍💻 ✓ ℝ x\u0302"


def commands(text: str) -> set[str]:
    return set(re.findall(r"\\([a-zA-Z]+)", text))


def unescaped(text: str, characters: str) -> list[str]:
    """The ``characters`` that no backslash precedes."""
    return re.findall(rf"(?<!\\)(?:\\\\)*[{re.escape(characters)}]", text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a & b", r"a \& b"),
        ("50% of $x_1$", r"50\% of \$x\_1\$"),
        (r"\end{table}", r"\textbackslash{}end\{table\}"),
        ("a^b~c#d", r"a\textasciicircum{}b\textasciitilde{}c\#d"),
        ("a--b ''c'' x-y", "a-{}-b '{}'c'{}' x-y"),
        ("[x] and *", "{[}x] and *"),
        ("* first", "{*} first"),
        ("one\n\ntwo\r\n\\par", r"one two \textbackslash{}par"),
        ("κ ≥ .5 – “so”", r"$\kappa$ $\geq$ .5 -- ``so''"),
        ("Łódź, e\u0301, x\u0302", "Łódź, é, x\\coderother{\u0302}"),
        ("漢字 ש", r"\coderother{漢}\coderother{字} \coderother{ש}"),
        ("👩‍💻, ✌️", r"\coderother{👩‍💻}, \coderother{✌️}"),
        ("\x1b[31m \u202e", "·[31m ·".replace("·", r"\textperiodcentered{}")),
    ],
)
def test_text_is_set_as_it_is(text: str, expected: str) -> None:
    assert escaped(text) == expected


@pytest.mark.parametrize("text", [HOSTILE, "%", "\\", "{", "}", "a\\\\[2em]", "$$", "^^5c"])
def test_no_text_can_end_a_cell_or_begin_a_command(text: str) -> None:
    found = escaped(text)
    known = {
        "textbackslash", "textasciicircum", "textasciitilde", "textless", "textgreater", "textbar",
        "textasciigrave",
    }  # fmt: skip
    assert commands(found) <= known
    assert unescaped(found, "%&#_") == []
    # Without the escaped ones every brace has its partner.
    bare = re.sub(r"\\[{}]", "", found)
    assert bare.count("{") == bare.count("}")


def hostile(maker: Maker):
    names = {"Calls": HOSTILE, "Settings": OTHERS, "Accuracy": "Łódź ≥ ½ € αβγ °C"}
    maker.book = TREE
    for plain, name in names.items():
        quoted = name.replace("'", "''")
        maker.book = maker.book.replace(f"name: {plain}", f"name: '{quoted}'")
    run = maker.run({f"{n:02}": "call" if n % 2 else "speed" for n in range(40)})
    label(run, "ann_x", {f"{n:02}": "call" if n % 3 else "error" for n in range(40)}, memo=HOSTILE)
    label(run, "bea", {f"{n:02}": "call" if n % 4 else "set" for n in range(30)})
    return build_report(run, draws=100)


def test_tables_hold_hostile_names_as_text(maker: Maker) -> None:
    text = latex(hostile(maker))
    ours = {
        "begin", "end", "centering", "caption", "label", "footnotesize", "toprule", "midrule",
        "bottomrule", "par", "smallskip", "kappa", "alpha", "varepsilon", "usepackage", "dag",
        "textbackslash", "textasciicircum", "textasciitilde", "textless", "textgreater", "textbar",
        "textasciigrave", "coderother", "geq", "beta", "gamma", "textperiodcentered",
        "parbox", "raggedright", "raggedleft", "strut", "linewidth",
        "scriptsize", "setlength", "tabcolsep",
    }  # fmt: skip
    head, _, tables = text.partition(r"\fi\fi")
    assert head.endswith(LETTERS_DEFINED.removesuffix(r"\fi\fi"))
    assert commands(tables) <= ours
    assert r"\textbackslash{}input\{/etc/passwd\} \& 100\%" in text
    assert r"ann\_x" in text


def test_every_row_has_as_many_cells_as_its_table_has_columns(maker: Maker) -> None:
    text = latex(hostile(maker))
    tables = re.findall(
        r"\\begin\{tabular\}\{@\{\}([lr]+)@\{\}\}\n(.*?)\\end\{tabular\}", text, re.DOTALL
    )
    assert len(tables) >= 6
    for columns, body in tables:
        rows = [line for line in body.split("\n") if line.endswith(r"\\")]
        assert len(rows) >= 2
        for row in rows:
            assert len(unescaped(row, "&")) == len(columns) - 1
    bare = re.sub(r"\\[{}]", "", text)
    assert bare.count("{") == bare.count("}")
    assert text.count(r"\begin{") == text.count(r"\end{")
    labels = re.findall(r"\\label\{(.*?)\}", text)
    assert len(labels) == len(set(labels))


DOCUMENT = r"""\documentclass{article}
%s
\usepackage{booktabs}
\begin{document}
\listoftables
\input{tables.tex}
\clearpage
\input{appendix.tex}
\end{document}
"""
ENGINES = {"pdflatex": r"\usepackage[T1]{fontenc}", "xelatex": r"\usepackage{fontspec}"}


def without(engine: str) -> str:
    """Why nothing can be compiled with ``engine`` here; empty when it can."""
    if shutil.which(engine) is None or shutil.which("kpsewhich") is None:
        return f"{engine} is not installed"
    packages = ["booktabs.sty", *(["fontspec.sty"] if engine == "xelatex" else ["t1enc.def"])]
    found = subprocess.run(["kpsewhich", *packages], capture_output=True, text=True, check=False)
    return "" if len(found.stdout.split()) == len(packages) else f"{engine} lacks {packages}"


@pytest.mark.parametrize("engine", ENGINES)
def test_what_the_report_writes_compiles(maker: Maker, tmp_path: Path, engine: str) -> None:
    """Twice, so that hostile captions come back from the list of tables."""
    if reason := without(engine):
        pytest.skip(reason)
    maker.model = {
        "kind": "llm",
        "name": HOSTILE,
        "base_url": "https://x.org/%7E_#",
        "prompt": "p_1",
    }
    report = hostile(maker)
    write_report(report, tmp_path)
    appendix = appendix_latex(report, logged(Run.open(maker.runs, "demo"), ()))
    (tmp_path / "appendix.tex").write_text(appendix, encoding="utf-8")
    (tmp_path / "paper.tex").write_text(DOCUMENT % ENGINES[engine], encoding="utf-8")
    for _ in range(2):
        done = subprocess.run(
            [engine, "-interaction=nonstopmode", "-halt-on-error", "paper.tex"],
            cwd=tmp_path, capture_output=True, check=False,
        )  # fmt: skip
        said = done.stdout.decode("utf-8", "replace")
        assert done.returncode == 0, said[-3000:]
    too_wide = [float(w) for w in re.findall(r"Overfull \\hbox \((\d+\.\d+)pt", said)]
    assert max(too_wide, default=0.0) < 12
    assert (tmp_path / "paper.pdf").stat().st_size > 10_000


def test_a_minus_is_one_and_a_dash_stays() -> None:
    text = draw(Grid("g", "c", ("who", "κ", "α"), (("a-.5", "-.05 [-.1, .2]", "–"),)))
    assert r"a-.5 & $-$.05 [$-$.1, .2] & -- \\" in text


def test_what_a_run_does_not_have_is_no_table(maker: Maker) -> None:
    assert r"\begin{table}" not in latex(
        build_report(maker.run({"i1": Status.FAILED}, "empty"), draws=100)
    )
    run, truth, _ = study(maker)
    reviewed(run, "ann", [(i, truth[i], {"mode": Mode.HOLDOUT}) for i in [*truth][:60]])
    report = build_report(run, draws=100)
    assert "tab:anchoring" in latex(report) and "tab:alt-test" not in latex(report)
    one = Estimate(value=None, note="nothing")
    arms = Anchoring(assisted=one, alone=one, difference=one)
    sways = (RaterAnchoring(rater="r", level="category", anchoring=arms,
                  blind_first=0, revised=0, toward=0,
                  assisted_issue_ids=(), alone_issue_ids=(),
                  blind_first_issue_ids=()),)  # fmt: skip
    assert "nothing" in latex(report.model_copy(update={"sway": sways}))


def test_tables_are_written_beside_the_report(maker: Maker, tmp_path) -> None:
    report = hostile(maker)
    files = write_report(report, tmp_path)
    assert (tmp_path / "tables.tex").read_text(encoding="utf-8") == latex(report)
    assert tmp_path / "tables.tex" in files

"""Makes text written by strangers harmless in each format; every output passes it through here."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Sequence

from coder.escaping import csv_cell, inert

_MARKDOWN = re.compile(r"([\\`*_\[\]|~#$])")

# --- how LaTeX sets letters: those it obeys, those it has by name, those pdfLaTeX has not ---------

_GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "varepsilon", "ζ": "zeta",
    "η": "eta", "θ": "theta", "ι": "iota", "κ": "kappa", "λ": "lambda", "μ": "mu", "ν": "nu",
    "ξ": "xi", "π": "pi", "ρ": "rho", "ς": "varsigma", "σ": "sigma", "τ": "tau", "υ": "upsilon",
    "φ": "varphi", "χ": "chi", "ψ": "psi", "ω": "omega", "Γ": "Gamma", "Δ": "Delta",
    "Θ": "Theta", "Λ": "Lambda", "Ξ": "Xi", "Π": "Pi", "Σ": "Sigma", "Φ": "Phi", "Ψ": "Psi",
    "Ω": "Omega",
}  # fmt: skip
_AS_COMMAND = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#",
    "_": r"\_", "%": r"\%", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': "''",
    "`": r"\textasciigrave{}",
    "–": "--", "—": "---", "“": "``", "”": "''", "’": "'", "‘": "`", "…": r"\ldots{}",
    "·": r"\textperiodcentered{}", "×": r"$\times$", "†": r"\dag{}",
    "≤": r"$\leq$", "≥": r"$\geq$", "≠": r"$\neq$", "≈": r"$\approx$", "−": "$-$", "∞": r"$\infty$",
    **{letter: rf"$\{name}$" for letter, name in _GREEK.items()},
}  # fmt: skip
"""Characters that LaTeX obeys, and some that it has by another name."""

# What pdfLaTeX sets with the T1 fonts and no other package, as tried letter by letter.
_SET = (
    " -~\u00a0-\u0125\u0128-\u0137\u0139-\u013e\u0141-\u0148\u014a-\u0165\u0168-\u017e\u0218-\u021b"
    "\u2010-\u2015\u2018-\u201a\u201c-\u201e\u2020-\u2022\u2026\u2030\u2039\u203a\u20ac\u2122"
    "\u2190-\u2193"
)
# Variation selectors, marks, skin tones and what a joiner joins belong to the letter before.
_MARKS = "\u0300-\u036f\u200c\u20d0-\u20ff\ufe00-\ufe0f\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f"
_OTHER_LETTER = re.compile(
    f"[^{_SET}{''.join(map(re.escape, _AS_COMMAND))}][{_MARKS}]*(?:\u200d[^{_SET}][{_MARKS}]*)*"
)
"""A letter that is in neither, with all that belongs to it."""

_OTHER = r"\coderother"
"""The command that sets a letter which pdfLaTeX lacks."""
LETTERS_DEFINED = (
    "% Letters that pdfLaTeX lacks are boxes there; XeLaTeX and LuaLaTeX set those of the font.\n"
    r"\ifdefined\coderother\else\ifdefined\Umathchar\protected\gdef\coderother#1{#1}\else"
    "\n"
    r"\protected\gdef\coderother#1{{\fboxsep0pt\framebox[.6em]{\rule{0pt}{1.4ex}}\kern.08em}}\fi\fi"
)

# The escapes hold no control characters: those stand for what is put around a letter.
_LATEX = {**_AS_COMMAND, "\0": "{}", "\1": _OTHER + "{", "\2": "}"}
# Two in a row would become another character; these in front an argument of what ended the row.
_LIGATURE = re.compile(r"([-',])(?=\1)")
_ARGUMENT = re.compile(r"^([\[*])")


def one_line(text: str, limit: int | None = None) -> str:
    """``inert`` text with all white space as single spaces, cut to ``limit`` characters."""
    line = " ".join(inert(text).split())
    return line if limit is None or len(line) <= limit else line[: limit - 1].rstrip() + "…"


def markdown(text: str, limit: int | None = None) -> str:
    """One line that Markdown shows as it is: no markup, no HTML, no new table cell."""
    line = one_line(text, limit).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKDOWN.sub(r"\\\1", line)


def latex(text: str, limit: int | None = None) -> str:
    """One line that LaTeX sets as it is: no command, no comment, no end of a cell or of a row.

    Letters of other scripts are arguments of what :data:`LETTERS_DEFINED` defines.
    """
    line = unicodedata.normalize("NFC", one_line(text, limit))
    line = _LIGATURE.sub(r"\1\0", _OTHER_LETTER.sub("\1\\g<0>\2", line))
    return _ARGUMENT.sub(r"{\1}", "".join(_LATEX.get(char, char) for char in line))


def csv_table(head: Sequence[str], rows: Iterable[Iterable[str | float | None]]) -> str:
    """A table as CSV; cells that a spreadsheet would run are made text, and what is not there is
    an empty cell."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(head)
    for row in rows:
        table.writerow([csv_cell(c) if isinstance(c, str) else "" if c is None else c for c in row])
    return out.getvalue()


def web_url(url: str) -> str:
    """``url`` when it is a plain http(s) address, else nothing: it may become a link."""
    plain = re.fullmatch(r"https?://[^\s<>\"'`\\\x00-\x20]+", url) and inert(url) == url
    return url if plain else ""

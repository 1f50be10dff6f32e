"""How LaTeX sets letters: those it obeys, those it has by name, those pdfLaTeX has not at all."""

from __future__ import annotations

import re

_GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "varepsilon", "ζ": "zeta",
    "η": "eta", "θ": "theta", "ι": "iota", "κ": "kappa", "λ": "lambda", "μ": "mu", "ν": "nu",
    "ξ": "xi", "π": "pi", "ρ": "rho", "ς": "varsigma", "σ": "sigma", "τ": "tau", "υ": "upsilon",
    "φ": "varphi", "χ": "chi", "ψ": "psi", "ω": "omega", "Γ": "Gamma", "Δ": "Delta",
    "Θ": "Theta", "Λ": "Lambda", "Ξ": "Xi", "Π": "Pi", "Σ": "Sigma", "Φ": "Phi", "Ψ": "Psi",
    "Ω": "Omega",
}  # fmt: skip
AS_COMMAND = {
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
OTHER_LETTER = re.compile(
    f"[^{_SET}{''.join(map(re.escape, AS_COMMAND))}][{_MARKS}]*(?:\u200d[^{_SET}][{_MARKS}]*)*"
)
"""A letter that is in neither, with all that belongs to it."""

OTHER = r"\coderother"
"""The command that sets a letter which pdfLaTeX lacks; :data:`DEFINED` defines it."""
DEFINED = (
    "% Letters that pdfLaTeX lacks are boxes there; XeLaTeX and LuaLaTeX set those of the font.\n"
    r"\ifdefined\coderother\else\ifdefined\Umathchar\protected\gdef\coderother#1{#1}\else"
    "\n"
    r"\protected\gdef\coderother#1{{\fboxsep0pt\framebox[.6em]{\rule{0pt}{1.4ex}}\kern.08em}}\fi\fi"
)

"""How far raters agree: pure statistics on codes, each estimate with its interval, n and reason.

Start at ``agree`` (two raters) or ``agree_many`` (two or more). An undefined figure is ``None``
with the reason in its note; the functions on arrays below them return ``nan`` instead.

======================================  ======================================================
``agree``, ``agree_many``               every figure of a comparison in one record
``percent_agreement``                   share of issues with equal codes
``cohen_kappa``                         Cohen 1960, Educ. Psychol. Meas. 20:37-46
``fleiss_kappa``                        Fleiss 1971, Psychol. Bull. 76:378-382
``gwet_ac1``, ``gwet_ac1_many``         Gwet 2008, Br. J. Math. Stat. Psychol. 61:29-48
``krippendorff_alpha``                  Krippendorff 2011, Computing Krippendorff's
                                        Alpha-Reliability (Univ. of Pennsylvania)
``masi_distance``                       Passonneau 2006, LREC, 831-836
``tree_distance``                       graded distances in alpha: Artstein & Poesio 2008,
                                        Comput. Linguist. 34:555-596
``bootstrap``                           Efron & Tibshirani 1993, An Introduction to the
                                        Bootstrap, ch. 13 (percentile interval)
======================================  ======================================================
"""

from __future__ import annotations

from coder.agreement.alpha import (
    krippendorff_alpha,
    masi_distance,
    nominal_distance,
    tree_distance,
)
from coder.agreement.compare import (
    Agreement,
    CodeAgreement,
    Confusion,
    Disagreement,
    agree,
)
from coder.agreement.intervals import Statistic, bootstrap
from coder.agreement.many import ManyAgreement, agree_many
from coder.agreement.nominal import (
    cohen_kappa,
    contingency,
    fleiss_kappa,
    gwet_ac1,
    gwet_ac1_many,
    percent_agreement,
    rating_counts,
)

__all__ = [
    "Agreement",
    "CodeAgreement",
    "Confusion",
    "Disagreement",
    "ManyAgreement",
    "Statistic",
    "agree",
    "agree_many",
    "bootstrap",
    "cohen_kappa",
    "contingency",
    "fleiss_kappa",
    "gwet_ac1",
    "gwet_ac1_many",
    "krippendorff_alpha",
    "masi_distance",
    "nominal_distance",
    "percent_agreement",
    "rating_counts",
    "tree_distance",
]

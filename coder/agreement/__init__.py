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
``alt_test``                            Calderon, Reichart & Dror 2025, ACL
``ppi``, ``dsl``, ``labels_alone``      prevalence: Angelopoulos et al. 2023, arXiv 2311.01453;
                                        Egami et al. 2023, arXiv 2306.04746; their intervals:
                                        Wilson 1927, Newcombe 1998 (module ``prevalence``)
``reliability``, ``workload``           calibration and what accepting unseen would cost
``certify``                             Angelopoulos et al. 2021, arXiv 2110.01052
``mcnemar``, ``kappa_change``,          two models on the same issues
``code_change``
``anchoring``                           what seeing the suggestion does to a rater
``for_estimate``, ``for_prevalence``    how many more labels (module ``planning``)
``durations``, ``durations_...``        times: Kruskal & Wallis 1952, Cliff 1993, Dunn 1964, van
                                        Elteren 1960, Kaplan & Meier 1958, Mantel 1966
``bootstrap``                           Hesterberg 2015, Am. Stat. 69:371-386 (expanded
                                        percentile interval)
======================================  ======================================================
"""

from __future__ import annotations

from coder.agreement.alternative_annotator_test import AltTest, alt_test
from coder.agreement.calibration import Reliability, reliability, workload
from coder.agreement.certificates import Certificate, certify
from coder.agreement.coefficients import (
    cohen_kappa,
    contingency,
    fleiss_kappa,
    gwet_ac1,
    gwet_ac1_many,
    krippendorff_alpha,
    masi_distance,
    nominal_distance,
    percent_agreement,
    rating_counts,
    tree_distance,
)
from coder.agreement.compare import (
    Agreement,
    CodeAgreement,
    Confusion,
    Disagreement,
    ManyAgreement,
    agree,
    agree_many,
)
from coder.agreement.intervals import Statistic, bootstrap
from coder.agreement.paired import (
    Anchoring,
    Change,
    McNemar,
    anchoring,
    code_change,
    kappa_change,
    mcnemar,
)
from coder.agreement.planning import Plan, for_estimate, for_prevalence
from coder.agreement.prevalence import dsl, labels_alone, ppi

__all__ = [
    "Agreement", "AltTest", "Anchoring", "Certificate", "Change", "CodeAgreement", "Confusion",
    "Disagreement", "ManyAgreement", "McNemar", "Plan", "Reliability", "Statistic", "agree",
    "agree_many", "alt_test", "anchoring", "bootstrap", "certify", "code_change", "cohen_kappa",
    "contingency", "dsl", "fleiss_kappa", "for_estimate", "for_prevalence", "gwet_ac1",
    "gwet_ac1_many", "kappa_change", "krippendorff_alpha", "labels_alone", "masi_distance",
    "mcnemar", "nominal_distance", "percent_agreement", "ppi", "rating_counts", "reliability",
    "tree_distance", "workload",
]  # fmt: skip

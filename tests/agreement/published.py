"""Tables with published values, shared by the tests of this folder."""

from __future__ import annotations

import numpy as np

# The example that goes with Cohen's 1968 paper: 200 units, three diagnoses.
COHEN = [[88, 14, 18], [10, 40, 10], [2, 6, 12]]
# Gwet's example of the kappa paradox: 125 units, nearly all of them "no".
GWET = [[118, 5], [2, 0]]
# Ten units, fourteen raters, five codes: the worked example of Fleiss' kappa in most textbooks.
FLEISS = [
    [0, 0, 0, 0, 14],
    [0, 2, 6, 4, 2],
    [0, 0, 3, 5, 6],
    [0, 3, 9, 2, 0],
    [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0],
    [3, 2, 6, 3, 0],
    [2, 5, 3, 2, 2],
    [6, 5, 2, 1, 0],
    [0, 2, 2, 3, 7],
]
# Krippendorff 2011, section C: four observers, twelve units, 0 for missing there, -1 here.
KRIPPENDORFF = (
    np.array(
        [
            [1, 2, 3, 3, 2, 1, 4, 1, 2, 0, 0, 0],
            [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, 0, 3],
            [0, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, 0],
            [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, 0],
        ]
    )
    - 1
)

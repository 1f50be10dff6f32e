"""The alternative annotator test on its authors' own data, beside the results they published.

    python benchmarks/alt_test.py DATA_FOLDER

``DATA_FOLDER/alt_test`` holds ``SET_human.json`` and ``SET_llm.json`` for two sets of labels. Ends
with exit code 1 when a figure is not the published one, to the two digits it was published with.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from coder.agreement import alt_test

PUBLISHED = {
    ("wax", 0.1): {
        "gemini_flash": (0.38, 0.69), "gemini_pro": (0.50, 0.74), "gpt-4o": (0.50, 0.73),
        "llama-31": (0.00, 0.57), "gpt-4o-mini": (0.00, 0.59), "mistral-v03": (0.00, 0.50),
    },
    ("lgbteen", 0.2): {
        "gemini_flash": (0.25, 0.71), "gemini_pro": (0.00, 0.67), "gpt-4o": (0.75, 0.77),
        "llama-31": (0.00, 0.72), "gpt-4o-mini": (0.75, 0.76), "mistral-v03": (0.25, 0.75),
    },
}  # fmt: skip
"""By set and epsilon: winning rate and advantage of each model (arXiv 2501.10970)."""


def main(data: Path) -> int:
    print("| set | model | winning rate | published | advantage | published | met |")
    print("|---|---|---|---|---|---|---|")
    missed = 0
    for (name, epsilon), published in PUBLISHED.items():
        humans, models = (
            json.loads((data / "alt_test" / f"{name}_{who}.json").read_text())
            for who in ("human", "llm")
        )
        for model, figures in published.items():
            test = alt_test(models[model], humans, epsilon=epsilon)
            found = test.winning_rate, test.advantage
            met = all(abs(a - b) <= 0.005 + 1e-9 for a, b in zip(found, figures, strict=True))
            missed += not met
            print(f"| {name} | {model} | {found[0]:.3f} | {figures[0]:.2f} "
                  f"| {found[1]:.3f} | {figures[1]:.2f} | {'yes' if met else 'NO'} |")  # fmt: skip
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

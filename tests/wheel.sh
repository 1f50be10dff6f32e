#!/bin/sh
# Builds the wheel from a copy of what git tracks, deletes the copy, and runs the wheel elsewhere.
# Usage: tests/wheel.sh BUILD_PYTHON   (a Python that has the packages `build` and `mypy`)
set -eu
build_python=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
git ls-files -z | xargs -0 tar -cf - | (mkdir "$work/source" && tar -xf - -C "$work/source")
"$build_python" -m build --outdir "$work/dist" "$work/source" >"$work/build.log" 2>&1 \
    || { cat "$work/build.log"; exit 1; }
rm -rf "$work/source"
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet "$work"/dist/*.whl
mkdir "$work/elsewhere"
cd "$work/elsewhere"
"$work/venv/bin/coder" demo
test -s runs/demo/report/report.html
"$work/venv/bin/coder" init study
"$work/venv/bin/coder" doctor
cd study
"$work/venv/bin/coder" codebook check
cat > typed.py <<'END'
from coder import Report, Run, Study, build_report
from coder.agreement import alt_test


def pairs(study: Study) -> int:
    report: Report = build_report(Run.open(study.runs, "demo"))
    return len(report.pairs)


reveal_type(alt_test)
END
"$build_python" -m mypy --strict --python-executable "$work/venv/bin/python" typed.py
echo "the wheel works without the source tree"

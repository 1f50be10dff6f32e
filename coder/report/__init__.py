"""The agreement report: what a run's labels, decisions and proposals say about each other.

``build_report`` makes the :class:`Report` from a run; ``write_report`` puts it into
``runs/<name>/report/`` as JSON, Markdown, CSV, LaTeX and one HTML page. Each of those is a function
of the report alone; the methods appendix also reads the run.
"""

from __future__ import annotations

from coder.report.build import build_report
from coder.report.model import Report
from coder.report.write import write_report

__all__ = ["Report", "build_report", "write_report"]

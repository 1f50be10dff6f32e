"""For all tests. Its place here also puts this folder on the path, for ``support``."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

# Nothing a test allows is allowed to whoever runs the tests.
os.environ["CODER_CONFIG_DIR"] = tempfile.mkdtemp(prefix="coder-tests-")

# A console keeps the width that COLUMNS gives when it is made: were it made inside a test that sets
# one, all tests after it would print at that width.
os.environ.pop("COLUMNS", None)
from coder.cli import terminal

# Properties are not timed: a busy machine would fail them for no fault of theirs.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

# What `make test-fast` leaves out: what starts programs, terminals and browsers, and the files that
# take some seconds. `make test` runs everything.
END_TO_END = {"test_docs", "test_first_steps", "test_output_encoding", "test_report_browser"}
SLOW = {
    "test_adjudicate",
    "test_assign_status",
    "test_atomic_write",
    "test_audit_again",
    "test_audit_leakage",
    "test_bounded_rows",
    "test_budget",
    "test_calibration",
    "test_chat_answers",
    "test_clean",
    "test_code_suggestions",
    "test_codebook",
    "test_coefficients",
    "test_compare",
    "test_consent",
    "test_embedded",
    "test_environment",
    "test_errors",
    "test_flow",
    "test_frozen_run",
    "test_importing",
    "test_index",
    "test_journal",
    "test_learning",
    "test_merge",
    "test_merge_histories",
    "test_odd_servers",
    "test_plan",
    "test_preview",
    "test_propose_cost",
    "test_propose_faults",
    "test_providers",
    "test_queues",
    "test_rate_limit",
    "test_read_ahead",
    "test_real_server",
    "test_redaction",
    "test_refine",
    "test_refusals",
    "test_replies",
    "test_report_blinding",
    "test_report_paper",
    "test_request_slot",
    "test_reserve",
    "test_response_cache",
    "test_retriever",
    "test_review_blind",
    "test_review_blind_history",
    "test_review_plain",
    "test_review_screen",
    "test_run_loop",
    "test_sampling",
    "test_score",
    "test_screen_bursts",
    "test_session",
    "test_stragglers",
    "test_strategies",
    "test_token_count",
    "test_tools",
    "test_transport",
    "test_verbose",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        file = item.path.stem
        if item.path.parent.name == "e2e" or file in END_TO_END:
            item.add_marker(pytest.mark.e2e)
        else:
            item.add_marker(pytest.mark.slow if file in SLOW else pytest.mark.unit)


@pytest.fixture(autouse=True)
def consoles_keep_no_width() -> Iterator[None]:
    """A width that a test leaves behind would wrap the lines of all tests after it."""
    yield
    assert (terminal.console._width, terminal.err_console._width) == (None, None)

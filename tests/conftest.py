"""For all tests. Its place here also puts this folder on the path, for ``support``."""

from __future__ import annotations

import os
import tempfile

from hypothesis import HealthCheck, settings

# Nothing a test allows is allowed to whoever runs the tests.
os.environ["CODER_CONFIG_DIR"] = tempfile.mkdtemp(prefix="coder-tests-")

# A console keeps the width that COLUMNS gives when it is made: were it made inside a test that sets
# one, all tests after it would print at that width.
os.environ.pop("COLUMNS", None)
import coder.cli.terminal  # noqa: F401

# Properties are not timed: a busy machine would fail them for no fault of theirs.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

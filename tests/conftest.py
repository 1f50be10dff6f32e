"""For all tests. Its place here also puts this folder on the path, for ``support``."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# Properties are not timed: a busy machine would fail them for no fault of theirs.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

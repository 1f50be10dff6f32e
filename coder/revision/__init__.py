"""Revising a codebook during a study: new versions, migration of runs, candidates for new codes."""

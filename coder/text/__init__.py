"""Texts of issues: structure, evidence, what speaks to a model, what must not leave the machine."""

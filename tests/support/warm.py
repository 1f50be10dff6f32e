"""Imported once by a process that others are forked from, which then need not compile what it
has: expressions that are compiled when first used."""

from coder.text.injection import suspicious

suspicious("nothing that speaks to a model")

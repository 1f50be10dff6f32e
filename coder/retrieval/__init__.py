"""Embedders, and the index of labelled issues that proposers look for neighbours in."""

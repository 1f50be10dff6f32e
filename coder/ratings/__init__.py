"""Ratings: who said what about which issue, made comparable."""

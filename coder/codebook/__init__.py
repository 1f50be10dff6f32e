"""Codebooks: read from YAML with every problem named by its line, searched, compared."""

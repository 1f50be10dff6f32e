"""The default proposer: classifiers on this machine's CPU that need no key and no network."""

from coder.proposers.embedded.proposer import EmbeddedProposer

__all__ = ["EmbeddedProposer"]

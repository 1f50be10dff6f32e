"""A study that asks a server on loopback, for the tests of the chat-model path."""

from __future__ import annotations

from collections import Counter

import pytest

from coder.__main__ import run as coder
from coder.codebook import load as codebooks
from coder.proposers.chat.chat_proposer import LLMProposer
from coder.records import Call, Issue, Proposal
from coder.storage.run import Run
from coder.study import Study

KEY = "sk-verysecretkey123"

PETS = """\
id: pets
name: Pets
codes:
  - {id: cat, name: Cat, definition: Cats., include: [kittens]}
  - id: dog
    name: Dog
    definition: Dogs.
    children:
      - {id: dog.big, name: Big Dog, definition: Large dogs.}
      - {id: dog.small, name: Small Dog, definition: Little dogs.}
"""
MANY = PETS.replace("name: Pets\n", "name: Pets\ncardinality: multiple\nallow_none: false\n")


def book(text=PETS):
    found, problems = codebooks.parse(text)
    assert not problems, problems
    return found


def issue(number=1, title="A cat meows", body="It will not stop. Help me!"):
    return Issue(id=f"i{number}", title=title, body=body)


def study(folder, base_url, name="openai:m", key=None, **model):
    defaults = {"retries": 2, "timeout": 5.0, "concurrency": 4}
    model = {**defaults, **model, "name": name, "base_url": base_url}
    return Study.open(folder, api_key=key, model=model, retrieval={"embedder": "none"})


def ask(folder, server, issues=None, codes=PETS, **settings) -> tuple[list[Proposal], list[Call]]:
    """Proposals for the issues and the calls that were saved."""
    calls: list[Call] = []
    proposer = LLMProposer.open(study(folder, server.base_url, **settings), book(codes), [])
    with server.running():
        proposals = list(proposer.propose(issues or [issue()], calls.extend))
    return proposals, calls


def propose(server, *options, key=KEY, model="openai:m", run="r"):
    """The exit code of the command as users type it, in the current folder."""
    address = () if model.startswith("azure") else ("--base-url", server.base_url)
    with server.running(), pytest.MonkeyPatch.context() as patch:
        patch.setenv("CODER_API_KEY", key)
        return coder(
            ["propose", "issues.jsonl", "--run", run, "--model", model, *address, *options]
        )


def statuses(folder) -> dict[str, int]:
    """How many issues of the run ended in each status."""
    latest = Run.open(folder / "runs", "r").latest_proposals().values()
    return dict(Counter(proposal.status.value for proposal in latest))

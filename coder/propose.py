"""Makes or resumes a run: chooses the proposer, and writes each proposal down as it comes."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from coder import codebook as codebooks
from coder.proposers.base import Proposer
from coder.proposers.preview import Preview
from coder.proposers.spending import NO_CAPS, Caps
from coder.provenance import git_state, versions
from coder.records import Codebook, Example, Issue, Manifest, Proposal, Status
from coder.store import INPUTS, Run, data_hash, labels_hash
from coder.study import Study

OnProposal = Callable[[Proposal], None]


def start(
    study: Study,
    name: str,
    codebook_path: Path,
    issues: Sequence[Issue],
    examples: Sequence[Example],
    caps: Caps = NO_CAPS,
    *,
    sampled_from: int | None = None,
) -> tuple[Run, Proposer]:
    """The run ``name``, made now or resumed, and the proposer it was made with.

    ``caps`` hold over all sessions of the run. Raises ``RunError`` when the run was made with other
    inputs than these, before anything is written or paid for.
    """
    codebook = codebooks.load(codebook_path)
    manifest = _inputs(study, name, codebook, issues, examples, sampled_from)
    # Before the proposer is made, which may take a minute where there are labels.
    known = Run.resume(study.runs, manifest, INPUTS)
    proposer = build_proposer(study, codebook, examples, caps, issues)
    made_with: dict[str, Any] = {"model": proposer.describe()}
    if known is None:
        made_with["measured"] = proposer.measured()
    manifest = manifest.model_copy(update=made_with)
    text = codebook_path.read_text(encoding="utf-8-sig")
    run = Run.create_or_resume(study.runs, manifest, issues, text, examples, proposer.texts())
    proposer.recall(run.calls)
    return run, proposer


def dry_run(
    study: Study,
    name: str,
    codebook_path: Path,
    issues: Sequence[Issue],
    examples: Sequence[Example],
    caps: Caps = NO_CAPS,
) -> tuple[int, Preview | None]:
    """How many issues :func:`start` and :func:`propose` would code, and what that would take.

    Contacts nobody, and leaves nothing behind in the study. Raises what :func:`start` raises.
    """
    codebook = codebooks.load(codebook_path)
    manifest = _inputs(study, name, codebook, issues, examples)
    Run.resume(study.runs, manifest, INPUTS)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        proposer = build_proposer(study.with_cache(Path(folder)), codebook, examples, caps, issues)
        manifest = manifest.model_copy(update={"model": proposer.describe()})
        run = Run.resume(study.runs, manifest)
        if run is not None:
            proposer.recall(run.calls)
        todo = list(issues) if run is None else pending(run)
        return len(todo), proposer.preview(todo)


def _inputs(
    study: Study,
    name: str,
    codebook: Codebook,
    issues: Sequence[Issue],
    examples: Sequence[Example],
    sampled_from: int | None = None,
) -> Manifest:
    """The manifest as far as it is known before a proposer is made."""
    return Manifest(
        name=name,
        codebook_id=codebook.id,
        codebook_version=codebook.version,
        codebook_hash=codebook.hash,
        data_hash=data_hash(issues),
        issues=len(issues),
        sampled_from=sampled_from,
        labels_hash=labels_hash(examples),
        model={},
        seed=study.settings.seed,
        versions=versions(),
        git=git_state(study.root),
    )


def build_proposer(
    study: Study,
    codebook: Codebook,
    examples: Sequence[Example],
    caps: Caps = NO_CAPS,
    issues: Sequence[Issue] = (),
) -> Proposer:
    """The proposer that ``model.name`` asks for, for a run of ``issues``.

    Raises ``ModelError`` when it cannot run here.
    """
    if study.settings.model.name == "embedded":
        from coder.proposers.embedded import EmbeddedProposer
        from coder.retrieval.embedders import open_embedder

        encoder = open_embedder(study.settings.retrieval.embedder)
        return EmbeddedProposer.fit(codebook, examples, encoder=encoder, seed=study.settings.seed)
    from coder.proposers.llm import LLMProposer

    return LLMProposer.open(study, codebook, examples, caps, issues)


def pending(run: Run) -> list[Issue]:
    """The run's issues that have no proposal yet, or only a failed one."""
    done = {p.issue_id for p in run.proposals if p.status is not Status.FAILED}
    return [issue for issue in run.issues.values() if issue.id not in done]


def propose(run: Run, proposer: Proposer, on_proposal: OnProposal) -> Counter[Status]:
    """Propose codes for every pending issue; each proposal is on disk before it is reported.

    Returns how many proposals of this session ended in each status. May be stopped at any moment,
    by a signal or a power cut, and called again.
    """
    counts: Counter[Status] = Counter()
    with run.proposing():
        todo = pending(run)
        for proposal in proposer.propose(todo, lambda call: run.calls.append([call])):
            run.proposals.append([proposal])
            counts[proposal.status] += 1
            on_proposal(proposal)
    return counts

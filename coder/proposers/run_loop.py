"""Makes or resumes a run: chooses the proposer, and writes each proposal down as it comes."""

from __future__ import annotations

import hashlib
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from coder.codebook import load as codebooks
from coder.errors import UsageError
from coder.files.reading import read_text
from coder.proposers.base import Preview, Proposer
from coder.proposers.budget import NO_CAPS, Caps
from coder.proposers.chat.response_cache import FILE, ResponseCache
from coder.records import (
    NONE_CODE,
    Codebook,
    DataFile,
    Example,
    Issue,
    Manifest,
    Proposal,
    Reserved,
    Sampling,
    Screening,
    Status,
)
from coder.storage.provenance import git_state, versions
from coder.storage.run import INPUTS, Run, data_hash, labels_hash, reserved_hash
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
    screening: Screening | None = None,
    sampling: Sampling | None = None,
    reserved: Sequence[Reserved] = (),
    issues_file: DataFile | None = None,
) -> tuple[Run, Proposer]:
    """The run ``name``, made now or resumed, and the proposer it was made with.

    ``caps`` hold over all sessions of the run; ``reserved`` are kept in it and reach no model.
    Raises ``RunError`` when the run was made with other inputs than these, before anything is
    written or paid for.
    """
    codebook = codebooks.load(codebook_path)
    manifest = _inputs(study, name, codebook, issues, examples, reserved, sampled_from)
    # Before the proposer is made, which may take a minute where there are labels.
    known = Run.resume(study.runs, manifest, INPUTS)
    answers = ResponseCache(study.cache / FILE) if study.settings.model.cache else None
    proposer = build_proposer(study, codebook, examples, caps, issues, answers)
    made_with: dict[str, Any] = {
        "model": proposer.describe(), "screening": screening, "sampling": sampling,
        "issues_file": issues_file,
    }  # fmt: skip
    if known is None:
        made_with["measured"] = proposer.measured()
    manifest = manifest.model_copy(update=made_with)
    text = read_text(codebook_path)
    run = Run.create_or_resume(
        study.runs, manifest, issues, text, examples, proposer.texts(), reserved
    )
    proposer.recall(run.calls)
    return run, proposer


def asked_with(study: Study, name: str, codebook_path: Path) -> Path:
    """The codebook that issues of the run ``name`` are proposed under.

    That is ``codebook_path`` unless the run went on to it from another version: its model is asked
    with the one it began with, so that all proposals of a run are made alike.
    """
    run = Run.find(study.runs, name)
    if run is None or not run.history:
        return codebook_path
    later = {step.to_hash for step in run.history}
    known = codebooks.load(codebook_path).hash in later
    return run.path / "codebook.yaml" if known else codebook_path


def dry_run(
    study: Study,
    name: str,
    codebook_path: Path,
    issues: Sequence[Issue],
    examples: Sequence[Example],
    caps: Caps = NO_CAPS,
    *,
    reserved: Sequence[Reserved] = (),
) -> tuple[int, Preview | None]:
    """How many issues :func:`start` and :func:`propose` would code, and what that would take.

    Contacts nobody, and leaves nothing behind in the study. Raises what :func:`start` raises.
    """
    codebook = codebooks.load(codebook_path)
    manifest = _inputs(study, name, codebook, issues, examples, reserved)
    Run.resume(study.runs, manifest, INPUTS)
    kept = study.settings.model.cache
    answers = ResponseCache(study.cache / FILE, read_only=True) if kept else None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        elsewhere = study.having(cache=Path(folder))
        proposer = build_proposer(elsewhere, codebook, examples, caps, issues, answers)
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
    reserved: Sequence[Reserved],
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
        reserved_hash=reserved_hash(reserved),
        model={},
        seed=study.settings.seed,
        versions=versions(),
        git=git_state(study.root),
    )


def reserve(
    examples: Sequence[Example], issues: Sequence[Issue], share: float, seed: int
) -> tuple[list[Example], list[Reserved]]:
    """``examples`` in two: those a model may learn from, and a random share that it must not see.

    Drawn from the labels on ``issues``, as others can be compared with no proposal; each by the
    hash of the seed and its id alone, so neither their order nor labels that come later change it.
    A larger share holds all of a smaller one.
    """
    coded = {issue.id for issue in issues}
    drawn = {i for i in coded if _uniform(seed, i) < share}
    kept = [example for example in examples if example.issue.id not in drawn]
    return kept, [
        Reserved(id=e.issue.id, code=e.codes or (NONE_CODE,), memo=e.memo)
        for e in examples
        if e.issue.id in drawn
    ]


def _uniform(seed: int, issue_id: str) -> float:
    """A number in [0, 1] that looks random, and independent of the other draws by seed and id."""
    text = f"reserve\0{seed}\0{issue_id}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.sha256(text).digest()[:7]) / 256**7


def build_proposer(
    study: Study,
    codebook: Codebook,
    examples: Sequence[Example],
    caps: Caps = NO_CAPS,
    issues: Sequence[Issue] = (),
    answers: ResponseCache | None = None,
) -> Proposer:
    """The proposer that ``model.name`` asks for, for a run of ``issues``.

    Raises ``ModelError`` when it cannot run here.
    """
    if study.settings.model.name == "embedded":
        from coder.proposers.embedded import EmbeddedProposer
        from coder.retrieval.embedders import is_code, open_embedder
        from coder.retrieval.embedding_cache import FILE as VECTORS
        from coder.retrieval.embedding_cache import remembered

        setting = study.settings.retrieval.embedder
        if study.settings.model.redact and is_code(setting):
            raise UsageError(
                f"the built-in classifier gives whole texts to the embedder {setting!r}, and "
                "model.redact forbids it",
                'set retrieval.embedder = "minilm", which stays on this machine',
            )
        encoder = open_embedder(setting, study.root)
        if encoder is not None:
            encoder = remembered(encoder, study.cache / VECTORS)
        return EmbeddedProposer.fit(codebook, examples, encoder=encoder, seed=study.settings.seed)
    from coder.proposers.chat.chat_proposer import LLMProposer

    return LLMProposer.open(study, codebook, examples, caps, issues, answers)


def pending(run: Run) -> list[Issue]:
    """The run's issues that have no proposal yet, then those that have only a failed one: what
    stopped a session must not keep the next from going further."""
    done = {p.issue_id for p in run.proposals if p.status is not Status.FAILED}
    failed = {p.issue_id for p in run.proposals} - done
    left = [issue for issue in run.issues.values() if issue.id not in done]
    return sorted(left, key=lambda issue: issue.id in failed)


def propose(run: Run, proposer: Proposer, on_proposal: OnProposal) -> Counter[Status]:
    """Propose codes for every pending issue; each proposal is on disk before it is reported.

    Those that fail are asked once more at the end, and only then reported, unless that is of no
    use. Returns how many issues ended in each status. May be stopped at any moment, by a signal or
    a power cut, and called again.
    """
    counts: Counter[Status] = Counter()
    failed: list[Issue] = []
    with run.proposing():

        def ask(issues: Sequence[Issue]) -> Iterator[Proposal]:
            for proposals in proposer.in_groups(issues, run.calls.append):
                run.proposals.append(proposals)
                yield from proposals

        def report(proposal: Proposal) -> None:
            counts[proposal.status] += 1
            on_proposal(proposal)

        for proposal in ask(pending(run)):
            if proposal.status is Status.FAILED and not proposer.is_final(proposal):
                failed.append(run.issues[proposal.issue_id])
            else:
                report(proposal)
        if failed:
            for proposal in ask(failed):
                report(proposal)
    return counts

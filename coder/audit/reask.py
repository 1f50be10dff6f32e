"""Asks a run's own model again, beside the run: what an audit hears is never the run's.

runs/<name>/audit/<audit>/calls.jsonl        raw answers of a chat model
                          <variant>.jsonl    its proposals, asked in one particular way
                          <variant>.system.txt   with a chat model: what each request began with
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from coder.audit.log import require_whole
from coder.errors import RunError
from coder.files.atomic_write import write_atomically
from coder.proposers.base import Proposer
from coder.proposers.budget import NO_CAPS, Caps
from coder.proposers.chat.prompt_composer import as_made
from coder.proposers.run_loop import build_proposer
from coder.records import Call, Codebook, Issue, Proposal, Status
from coder.storage.journal import Journal
from coder.storage.run import Run
from coder.study import Study

CONTROL = "as-is"
"""The variant that asks exactly what the run asked: how much answers vary by themselves."""

Heard = Callable[[Proposal], None]
Answers = dict[str, Proposal]
Codes = frozenset[str]


class Reasker:
    """Asks the model of a run again for one audit; what is on disk is not asked again."""

    def __init__(self, study: Study, run: Run, audit: str, caps: Caps = NO_CAPS) -> None:
        """``caps`` hold over all sessions of this audit of this run.

        Raises ``RunError`` when the run's log is not whole.
        """
        require_whole(run)
        self.run = run
        self.folder = run.path / "audit" / audit
        self.calls = Journal(self.folder / "calls.jsonl", Call)
        study = as_made(study, run.manifest)
        # Not from the cache: how much answers vary by themselves is part of the question.
        fresh = study.settings.model.model_copy(update={"cache": False})
        settings = study.settings.model_copy(update={"model": fresh})
        self.study = study.having(settings)
        """Set as it was when the run was made."""
        self._caps = caps
        self._verified = False

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Hold the audit's files; ``RunError`` when another process is at this audit."""
        with self.calls.writing("coder audit"):
            yield

    def require_same_model(self) -> None:
        """``RunError`` when the model is not the one the run was made with. Contacts nobody."""
        self._as_made()

    def known(self, variant: str, issues: Sequence[Issue]) -> Answers:
        """The answers on disk to just these texts, failed ones left out."""
        asked = {issue.id: issue.hash for issue in issues}
        return {
            proposal.issue_id: proposal
            for proposal in self._answers(variant)
            if asked.get(proposal.issue_id) == proposal.issue_hash
            and proposal.status is not Status.FAILED
        }

    def ask(
        self,
        variant: str,
        issues: Sequence[Issue],
        heard: Heard,
        *,
        codebook: Codebook | None = None,
        shuffle: int | None = None,
    ) -> Answers:
        """The model's proposals for ``issues``, each on disk before it is reported.

        ``codebook`` is the run's own in another order, ``shuffle`` seeds the order of what is
        retrieved. Raises ``RunError`` when the model is not the one the run was made with.
        """
        found = self.known(variant, issues)
        todo = [issue for issue in issues if issue.id not in found]
        if not todo:
            return found
        if codebook is None or not self._verified:
            proposer = self._as_made()
        if codebook is not None:
            study = self.study.having(shuffle=shuffle)
            proposer = self._build(study, codebook)
        proposer.recall(self.calls)
        for name, text in proposer.texts().items():
            write_atomically(self.folder / f"{variant}.{name}", text)
        answers = self._answers(variant)
        for proposal in proposer.propose(todo, self.calls.append):
            answers.append([proposal])
            found[proposal.issue_id] = proposal
            heard(proposal)
        return found

    def _answers(self, variant: str) -> Journal[Proposal]:
        return Journal(self.folder / f"{variant}.jsonl", Proposal)

    def _build(self, study: Study, codebook: Codebook) -> Proposer:
        # All issues of the run, whichever are asked about: some proposers calibrate by them.
        issues = tuple(self.run.issues.values())
        return build_proposer(study, codebook, self.run.examples, self._caps, issues)

    def _as_made(self) -> Proposer:
        """The run's proposer as the study makes it now, which must be as it was."""
        then = self.run.manifest.model
        name = self.study.settings.model.name
        if then.get("name", name) != name:
            raise self._another("name", then["name"], name)
        proposer = self._build(self.study, self.run.first_codebook)
        today = proposer.describe()
        for key in sorted({*then, *today}):
            if then.get(key) != today.get(key):
                raise self._another(key, then.get(key), today.get(key))
        self._verified = True
        return proposer

    def _another(self, key: str, then: object, today: object) -> RunError:
        return RunError(
            f"run {self.run.name!r} was made with another model "
            f"({key}: {str(then)[:60]!r} then, {str(today)[:60]!r} now)",
            "an audit asks the model that the run asked, in the way it did: restore what differs",
        )


def codes_of(proposal: Proposal | None) -> Codes | None:
    """The codes of an answer, none if no code fits; ``None`` when there is no usable answer."""
    if proposal is None or not proposal.status.answered:
        return None
    return frozenset(scored.code for scored in proposal.codes)

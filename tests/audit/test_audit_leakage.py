"""``coder audit leakage`` passes what the proposers do, and names what was forged."""

from __future__ import annotations

import json

import numpy as np
import pytest

from coder.audit.leakage import look_alikes
from coder.records import Example, Issue, Neighbour
from coder.report import build_report
from coder.retrieval.embedders import encode_texts
from coder.retrieval.embedding_cache import KeptVectors, remembered
from coder.retrieval.search import searched_text
from coder.storage.run import Run, labels_hash


def count(output: str, what: str) -> int:
    (line,) = [line for line in output.split("\n") if line.startswith(what + "  ")]
    return int(line.split()[-1])


@pytest.mark.parametrize("name", ["first", "chat"])
def test_what_the_proposers_do_leaks_nothing(name, classified, asked, printed):
    code, output = printed("audit", "leakage", name)
    assert code == 0, output
    assert "No label reached the model" in output
    assert count(output, "issues") == 4
    assert count(output, "labelled examples") == 4
    assert count(output, "issues labelled among them") == 3
    assert count(output, "issues with a near-duplicate among them") == 1
    assert count(output, "issues that examples were kept away from") == 4
    assert count(output, "saved requests searched") == (4 if name == "chat" else 0)
    assert count(output, "leaked") == 0


@pytest.mark.parametrize("name", ["first", "chat"])
@pytest.mark.parametrize("issue_id", ["own", "twin"])
def test_a_label_that_was_shown_is_found(name, issue_id, classified, asked, printed):
    """The label of ``own`` given to itself and to its near-duplicate."""
    run = Run.open(classified.parent, name)
    proposal = run.latest_proposals()[issue_id]
    shown = (Neighbour(issue_id="own", codes=("cat",), score=1.0), *proposal.retrieved)
    run.proposals.append([proposal.model_copy(update={"retrieved": shown, "excluded": ()})])
    code, output = printed("audit", "leakage", name)
    assert code == 4
    assert f"{issue_id} <- own: it is listed as shown to the model" in output
    assert count(output, "leaked") == 1
    assert "dog <-" not in output


@pytest.mark.parametrize("issue_id", ["own", "twin"])
def test_a_classifier_that_did_not_keep_a_label_away_is_found(issue_id, classified, printed):
    run = Run(classified)
    proposal = run.latest_proposals()[issue_id]
    run.proposals.append([proposal.model_copy(update={"excluded": ()})])
    code, output = printed("audit", "leakage", "first")
    assert code == 4
    assert f"{issue_id} <- own: it is not listed as kept away from the model" in output


def test_a_label_the_codebook_cannot_hold_teaches_the_classifier_nothing(study, printed):
    """It need not be kept away: nothing is learnt from it."""
    (study / "codebook" / "pets.yaml").write_text(
        (study / "codebook" / "pets.yaml").read_text() + "- id: bird\n  name: Bird\n"
        "  definition: Birds.\n  children: [{id: bird.owl, name: Owl, definition: Owls.}]\n"
    )
    (study / "labels.csv").write_text("id,code\nown,bird\ndog,dog\n")
    arguments = ["--labels", "labels.csv", "--run", "first"]
    code, output = printed("propose", "issues.jsonl", *arguments)
    assert code == 0
    assert "cannot learn from 1 of 2 labels: they name a category alone" in output
    code, output = printed("audit", "leakage", "first")
    assert (code, count(output, "labelled examples")) == (0, 2)
    cover = build_report(Run(study / "runs" / "first"), draws=0).coverage
    assert (cover.leaked, cover.learnt_from) == (0, 1)


@pytest.mark.parametrize("issue_id", ["own", "twin", "short"])
def test_a_request_that_shows_more_than_the_log_admits_is_found(issue_id, asked, printed):
    run = Run(asked)
    label = {"twin": "own"}.get(issue_id, issue_id)
    text = " ".join(run.issues[label].text.split())
    call = next(call for call in run.calls if call.issue_id == issue_id)
    system, user = call.request["messages"]
    forged = {**user, "content": f"A similar issue:\n{text}\nCoded as: cat\n" + user["content"]}
    request = {**call.request, "messages": [system, forged]}
    run.calls.append([call.model_copy(update={"id": "forged", "request": request})])
    code, output = printed("audit", "leakage", "chat")
    assert code == 4
    assert f"{issue_id} <- {label}: its text is in the request of call forged" in output
    assert count(output, "leaked") == 1


def test_a_request_of_the_second_prompt_is_searched_for_what_that_shows(study, printed, request):
    """A labelled issue without its title said twice, cut where a sentence ends."""
    title, said = "The cat of the house purrs", "It purrs all night long and wakes us up. "
    long = {"id": "own", "title": title, "body": f"{title}. {said * 30}"}
    for file in ("issues", "examples"):
        rows = [json.loads(line) for line in (study / f"{file}.jsonl").read_text().splitlines()]
        rows = [long if row["id"] == "own" else row for row in rows]
        (study / f"{file}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (study / "study.toml").write_text(
        (study / "study.toml").read_text() + '[model]\nprompt = "propose.v2"\n'
    )
    run = Run(request.getfixturevalue("asked"))
    assert printed("audit", "leakage", "chat")[0] == 0
    call = next(call for call in run.calls if call.issue_id == "own")
    shown = f"{title}. {said * 13}".strip()
    assert len(shown) <= 600 < len(f"{shown} {said}")
    system, user = call.request["messages"]
    forged = {**user, "content": f"<data x>\n{shown}\n</data x>\nCoded as: cat\n" + user["content"]}
    messages = {**call.request, "messages": [system, forged]}
    run.calls.append([call.model_copy(update={"id": "forged", "request": messages})])
    code, output = printed("audit", "leakage", "chat")
    assert code == 4
    assert "own <- own: its text is in the request of call forged" in output


def test_a_broken_log_proves_nothing(classified, printed):
    path = classified / "examples.jsonl"
    path.write_text(path.read_text().split("\n")[1] + "\n")
    code, output = printed("audit", "leakage", "first")
    assert code == 4
    assert "examples.jsonl" in output
    assert "No label reached" not in output


def test_the_hash_of_examples_survives_the_file(tmp_path):
    """Times in any zone, and characters at which others cut lines."""
    issue = Issue(id="1", title="a\u2028b\u0085", created_at="2024-01-02T03:04:05.678+05:30")
    example = Example(issue=issue, codes=("cat",), memo="\t☃")
    path = tmp_path / "examples.jsonl"
    path.write_text(example.to_json() + "\n", encoding="utf-8", newline="\n")
    assert labels_hash(Run(tmp_path).examples) == labels_hash([example])
    assert labels_hash([]) == ""


LONG = "The old cat purrs all night and wakes the whole house long before five in the morning. " * 3


def slipped(text: str) -> str:
    """Every twelfth letter another one: too many for shingles of five, few for a reader."""
    return "".join("x" if place % 12 == 11 else letter for place, letter in enumerate(text))


def test_what_the_first_test_is_blind_to_the_second_names(study, printed):
    rows = [{"id": "slips", "title": "", "body": slipped(LONG)}]
    rows += [{"id": "far", "title": "A dog", "body": "It barks at the postman and his bicycle."}]
    (study / "issues.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    label = {"id": "own", "title": "", "body": LONG}
    (study / "examples.jsonl").write_text(json.dumps(label) + "\n")
    (study / "labels.csv").write_text("id,code\nown,cat\n")
    arguments = ["--labels", "labels.csv", "--labelled-issues", "examples.jsonl", "--run", "first"]
    assert printed("propose", "issues.jsonl", *arguments)[0] == 0
    code, output = printed("audit", "leakage", "first")
    assert (code, count(output, "leaked"), count(output, "pairs to look at")) == (0, 0, 1)
    assert "slips ~ own: 9" in output and "of their characters are the same" in output
    assert "far ~" not in output


def test_vectors_that_were_kept_tell_texts_in_other_words(tmp_path):
    class Hashing:
        id = "hashing"

        def encode(self, texts):
            return np.array([[float("cat" in t), float("dog" in t)] for t in texts], np.float32)

    path = tmp_path / "vectors.sqlite"
    issues = {i: Issue(id=i, title=i, body=b) for i, b in (("cat", "purrs"), ("my cat", "meows"))}
    unknown = Issue(id="cats", title="cats", body="sleep")
    encode_texts(remembered(Hashing(), path), [searched_text(i) for i in issues.values()])
    examples = {"cat": Example(issue=issues["cat"], codes=("cat",))}
    asked = [issues["my cat"], unknown]
    seen = {issue.id: ["cat"] for issue in asked}
    (found,) = look_alikes(asked, examples, seen, KeptVectors("hashing", path))
    assert (found.issue_id, found.how) == ("my cat", "the cosine of their vectors is 1.00")
    assert look_alikes(asked, examples, seen, KeptVectors("other", path)) == []
    assert look_alikes(asked, examples, seen, KeptVectors("hashing", tmp_path / "none")) == []

"""The methods appendix: filled from the run, with blanks where only the authors know."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
from click.testing import CliRunner
from support.runs import AT, FLAT, Maker, decide, label
from test_report_outputs import HOSTILE, report_of

from coder.cli.main import cli
from coder.records import Action, Adjudication, Call, Consent, Label, Status
from coder.report.appendix import appendix_latex, appendix_markdown, blanks
from coder.report.methods import logged, topics
from coder.report.write import to_json
from coder.revision.migration import migrate, plan
from coder.storage.journal import Journal

CHAT = {
    "kind": "llm",
    "name": "openai:gpt-4.1-mini",
    "base_url": "",
    "parameters": {"temperature": 0.0, "max_completion_tokens": 800},
    "prompt": "propose.v1",
    "prompt_hash": "c" * 64,
    "system_hash": "e" * 64,
    "embedder": "minilm",
    "neighbours": 4,
    "definitions": 8,
    "context_tokens": 8000,
    "samples": 5,
    "redact": True,
}


def chat_run(maker: Maker):
    maker.model = CHAT
    maker.sampled_from = 343
    run = maker.run({"1": "a", "2": "b", "3": Status.REFUSED, "4": "a"})
    label(run, "anna", {"1": "a", "2": "a", "4": "a"})
    label(run, "bert", {"1": "a", "2": "b", "3": "b"})
    decide(run, "dora", {"1": Action.ACCEPT})
    run.calls.append(
        [Call(id="c1", issue_id="1", model="gpt-4.1-mini", prompt="propose.v1", prompt_hash="c",
              request={}, at=AT)]
    )  # fmt: skip
    return run


def invoke(run, monkeypatch, *arguments: str):
    monkeypatch.setenv("CODER_REPORT__DRAWS", "100")
    monkeypatch.chdir(run.path.parent.parent)
    return CliRunner().invoke(cli, ["report", *arguments], catch_exceptions=False)


def test_the_command_writes_it_and_counts_its_blanks(maker: Maker, monkeypatch) -> None:
    run = chat_run(maker)
    folder = run.path / "report"
    assert invoke(run, monkeypatch, run.name).exit_code == 0
    assert not (folder / "appendix.md").exists()
    Journal(run.path.parent / "consent.jsonl", Consent).append(
        [Consent(host="api.openai.com", provider="openai", redacted=True, at=AT)]
    )
    result = invoke(run, monkeypatch, run.name, "--appendix")
    text = (folder / "appendix.md").read_text(encoding="utf-8")
    assert (folder / "appendix.tex").is_file()
    count = text.count("| **TO FILL IN:** ")
    assert count >= 12
    assert f"{count} are for you to fill in" in " ".join(result.output.split())
    assert "masked texts to api.openai.com (openai), 2026-01-02" in text


def test_only_consents_that_this_run_relied_on_are_told(maker: Maker) -> None:
    """To its own server, for texts sent as it sent them, before it was done."""
    run = chat_run(maker)
    known = [
        Consent(host="api.openai.com", provider="openai", redacted=True, at=AT),
        Consent(host="api.openai.com", provider="openai", redacted=False, at=AT),
        Consent(host="api.anthropic.com", provider="anthropic", redacted=False, at=AT),
        Consent(host="api.openai.com", provider="openai", at=AT + timedelta(days=1)),
    ]
    assert logged(run, known).consents == tuple(known[:2])
    maker.model = {**CHAT, "name": "openai:local", "base_url": "https://llm.example.org/v1",
                   "redact": False}  # fmt: skip
    other = Consent(host="llm.example.org", provider="openai", at=AT)
    exact = other.model_copy(update={"endpoint": "https://llm.example.org/v1 in clear through x"})
    elsewhere = other.model_copy(update={"endpoint": "https://llm.example.org:8080/v1"})
    masked = other.model_copy(update={"redacted": True})
    second = maker.run({"1": "a"}, "second")
    there = logged(second, [*known, other, exact, elsewhere, masked]).consents
    assert there == (other, exact)
    maker.model = {"kind": "classifier"}
    assert logged(maker.run({"1": "a"}, "third"), known).consents == ()


def test_versions_of_the_codebook_used_while_coding_are_told(maker: Maker) -> None:
    run = chat_run(maker)
    assert "Codebook version" not in appendix_markdown(report_of(run), logged(run, ()))
    file = maker.runs.parent / "next.yaml"
    told = FLAT.replace("name: Flat", "name: Flat\nversion: '2'")
    file.write_text(told.replace("{id: b, name: Beta, definition: The second.}",
                                 "{id: e, name: Beta, definition: The second.}"))  # fmt: skip
    made, _ = plan(run, file)
    run = migrate(run, file, made)
    run.label_journal("cleo").append(
        [Label(issue_id="1", rater="cleo", codes=("a",), codebook_hash=run.codebook.hash)]
    )
    text = appendix_markdown(report_of(run), logged(run, ()))
    assert f"| Codebook version 1 | hash {run.manifest.codebook_hash}" in text
    assert "; the model answered under it; under it stand 6 blind labels and 1 decision |" in text
    assert f"| Codebook version 2 | hash {run.codebook.hash}" in text
    assert "under it stand 1 blind label and 0 decisions. Changes to the one before: " in text
    assert "renamed b into e" in text


def test_a_parameter_that_was_not_sent_is_told(maker: Maker) -> None:
    run = chat_run(maker)
    assert "Of these not sent" not in appendix_markdown(report_of(run), logged(run, ()))
    call = next(iter(run.calls))
    request = {**call.request, "dropped": {"temperature": 0.0}}
    run.calls.append([call.model_copy(update={"id": "second", "request": request})])
    text = appendix_markdown(report_of(run), logged(run, ()))
    assert "| Of these not sent, as the model does not take them | temperature |" in text


@pytest.mark.usefixtures("few_are_enough")
def test_it_is_filled_from_the_run(maker: Maker) -> None:
    run = chat_run(maker)
    report = report_of(run)
    text = appendix_markdown(report, logged(run, ()))
    for expected in (
        "We used openai:gpt-4.1-mini to propose codes for 4 issues of 4 repositories, a random "
        "sample of 4 of 343 (seed 0), by the codebook “Flat”, version 1",
        "on 2026-01-02", "3 answers; 1 refused", r"max\_completion\_tokens 800, samples 5",
        "propose.v1, hash " + "c" * 64, report.codebook.hash, report.run.data_hash,
        "| Named in requests | gpt-4.1-mini |",
        "4 labelled issues and 8 definitions at most for each issue, by minilm",
        "| Rater anna | 3 blind labels, 3 usable; no decision |",
        "| Agreement of model and anna by code | n = 3; ", "1 without a blind label",
        "| Agreement of anna and bert by code | n = 2; ",
        "keys, e-mail addresses, user names and IP addresses",
        "1 call, 0 input tokens",
        "**TO FILL IN:** the exact snapshot",
        "**TO FILL IN:** its name and agreement, or why there is none",
    ):  # fmt: skip
        assert expected in text


def test_a_classifier_sends_nothing_and_has_no_prompt(maker: Maker) -> None:
    run = maker.run({"1": "a"})
    text = appendix_markdown(report_of(run), logged(run, ()))
    assert "| Prompt | none: a classifier |" in text
    assert "none: the classifier runs on the own machine" in text
    assert "Nobody gave blind labels" in text
    assert "training data" not in text


def test_resolved_disagreements_are_counted_without_those_taken_back(maker: Maker) -> None:
    run = chat_run(maker)
    made = {"by": "anna", "judged": {}, "blind": True, "at": AT}
    run.adjudications.append(
        [Adjudication(issue_id=i, codes=("a",), **made) for i in "12"]
        + [Adjudication(issue_id="2", codes=(), withdrawn=True, **made)]
    )
    assert logged(run, ()).resolved == 1
    assert "1 resolution on record; **TO FILL IN:**" in appendix_markdown(
        report_of(run), logged(run, ())
    )


def test_hostile_text_is_text_in_it(maker: Maker) -> None:
    maker.model = {**CHAT, "name": HOSTILE, "prompt": r"\input{x} | <b>"}
    run = maker.run({"1": "a"})
    report, log = report_of(run), logged(run, ())
    text = appendix_markdown(report, log)
    assert "<script" not in text and "<b>" not in text and "\x1b" not in text
    for line in text.split("\n"):
        if line.startswith("|"):
            assert len(re.findall(r"(?<!\\)\|", line)) == 3
    tex = appendix_latex(report, log)
    assert r"\input" not in tex and r"\textbackslash{}input\{x\}" in tex
    bare = re.sub(r"\\[{}]", "", tex)
    assert bare.count("{") == bare.count("}")


def test_latex_and_markdown_have_the_same_entries(maker: Maker) -> None:
    run = chat_run(maker)
    report, log = report_of(run), logged(run, ())
    entries = sum(len(topic.entries) for topic in topics(report, log))
    assert appendix_markdown(report, log).count("\n| ") - 2 * len(topics(report, log)) == entries
    assert appendix_latex(report, log).count("  \\item[") == entries
    assert blanks(report, log) + 1 == appendix_latex(report, log).count("TO FILL IN:") - (
        "issue-coder" not in report.run.versions
    )


@pytest.mark.parametrize("rich", [True, False])
def test_the_schema_describes_the_json(maker: Maker, monkeypatch, rich: bool) -> None:
    import jsonschema

    run = chat_run(maker) if rich else maker.run({"1": "a"})
    result = invoke(run, monkeypatch, "--schema")
    assert result.exit_code == 0
    schema = json.loads(result.output)
    found = json.loads(to_json(report_of(run)))
    jsonschema.Draft202012Validator(schema).validate(found)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema).validate({**found, "unknown": 1})


def test_a_warning_is_called_one_once(maker: Maker) -> None:
    run = maker.run({"1": "a", "2": "b"})
    for rater in ("anna", "bert"):
        label(run, rater, {"1": "a", "2": "b"})
    text = appendix_markdown(report_of(run), logged(run, []))
    assert "| Warning | the labels of anna and bert are identical" in text

"""With --redact nothing sensitive is on the wire, whichever text of a study it stood in."""

from __future__ import annotations

import json
import re
import textwrap

import pytest
from click.testing import CliRunner
from support.fault_server import GOOD, FaultServer, completion

from coder.cli.main import cli
from coder.proposers.chat.condensed_issue import MAX_LINE
from coder.proposers.chat.prompt_composer import EXAMPLE_CHARACTERS

PLACES = (
    "title", "body", "cut", "comment", "example", "example-cut", "example-comment", "memo",
    "instructions", "name", "definition", "include", "exclude", "code-example",
)  # fmt: skip


def planted(place: str) -> dict[str, str]:
    """One of each kind, its own for each place: the words around it by the secret."""
    n = PLACES.index(place) + 10
    key = f"ghp_Zz9{n}" + "Zz9Yy8Xx7" * 4
    return {
        key: f"it says {key} here",
        f"sk_live_{n}4eC39HqLyjWDarjtT1z": f"key sk_live_{n}4eC39HqLyjWDarjtT1z",
        f"zX81{n}kQ0pL4mN7vB2": f"API token:\n\nzX81{n}kQ0pL4mN7vB2",
        f"horse & {n} staple!": f'password = "horse & {n} staple!"',
        f"198.51.100.{n}": f"host=198.51.100.{n}",
        f"jane{n}@mail.example.org": f"ask jane{n}@mail.example.org",
        f"person-{n}": f"in /home/person-{n}/x.py",
        f"friend-{n}": f"cc @friend-{n}",
        f"MIIEpA{n}AAKCAQEA7bq1": (
            f"-----BEGIN RSA PRIVATE KEY-----\nMIIEpA{n}AAKCAQEA7bq1\n-----END RSA PRIVATE KEY-----"
        ),
    }


def text(place: str) -> str:
    return "\n".join(planted(place).values())


def crossing(limit: int, place: str) -> str:
    """The first key begins right before the place at which texts are cut."""
    key = next(iter(planted(place)))
    return "x" * (limit - 13) + f" {key} and after"


AUTHORS = {"mallory-a": "body", "mallory-c": "comment", "mallory-e": "example"}


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folded = {p: json.dumps(text(p)) for p in PLACES}
    (tmp_path / "codebook").mkdir()
    (tmp_path / "codebook" / "pets.yaml").write_text(
        textwrap.dedent(f"""\
        id: pets
        name: Pets
        instructions: {folded["instructions"]}
        codes:
          - id: cat
            name: {folded["name"]}
            definition: {folded["definition"]}
            include: [{folded["include"]}]
            exclude: [{folded["exclude"]}]
            examples: [{folded["code-example"]}]
          - {{id: dog, name: Dog, definition: Dogs., include: [Leads]}}
          - {{id: bird, name: Bird, definition: Birds., include: [Feathers]}}
        """)
    )
    (tmp_path / "study.toml").write_text(
        'codebook = "pets"\n[retrieval]\ndefinitions = 2\nneighbours = 3\nembedder = "none"\n'
    )
    issue = {
        "id": "i1",
        "title": text("title").replace("\n", " "),
        "body": text("body") + "\n\nmallory-a and mallory-c\n\n" + crossing(MAX_LINE, "cut"),
        "author": "mallory-a",
        "comments": [{"author": "mallory-c", "body": text("comment")}],
    }
    example = {
        "id": "e1",
        "title": "A purring cat and a dog",
        "body": text("example") + " mallory-e",
        "author": "mallory-e",
        "comments": [{"author": "x", "body": text("example-comment")}],
    }
    cut = {"id": "e2", "title": "", "body": crossing(EXAMPLE_CHARACTERS, "example-cut")}
    (tmp_path / "issues.jsonl").write_text(json.dumps(issue) + "\n")
    rows = "".join(json.dumps(row) + "\n" for row in (example, cut))
    (tmp_path / "labelled.jsonl").write_text(rows)
    labels = [{"id": "e1", "code": "cat", "memo": text("memo")}, {"id": "e2", "code": "dog"}]
    (tmp_path / "labels.jsonl").write_text("".join(json.dumps(row) + "\n" for row in labels))
    return tmp_path


def propose(address, *more):
    arguments = [
        "propose", "issues.jsonl", "--run", "r", "--model", "openai:m", "--base-url", address,
        "--labels", "labels.jsonl", "--labelled-issues", "labelled.jsonl", *more,
    ]  # fmt: skip
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 0, (done.output, done.exception)


def on_the_wire(server):
    """All that the model reads in all requests."""
    return "\n".join(m["content"] for body in server.requests for m in body["messages"])


ANSWER = {**GOOD, "codes": [{"code": "cat", "confidence": 1}], "runners_up": []}


def test_every_place_and_kind(study):
    """The first answer is of no use and says the secrets itself: it is sent back to be repaired."""
    said = "not JSON: " + "\n".join(text(place) for place in PLACES)
    unknown = {**ANSWER, "codes": [{"code": 'password = "a zebra, striped!"', "confidence": 1}]}

    def script(body, number):
        return completion((said, ANSWER, unknown, ANSWER)[number])

    server = FaultServer(script)
    with server.running():
        propose(server.base_url, "--redact")
        propose(server.base_url, "--redact", "--strategy", "flat", "--run", "s", "--no-cache")
    sent = on_the_wire(server)
    assert len(server.requests) == 4 and "zebra" not in sent
    for place in PLACES:
        for secret in planted(place):
            assert secret not in sent, (place, secret)
    # Nor the piece of a key that is left where a text was cut.
    assert "ghp_Zz9" not in sent
    for author in AUTHORS:
        assert author not in sent
    for placeholder in ("<KEY_1>", "<EMAIL_1>", "<USER_1>", "<IP_1>"):
        assert placeholder in sent
    # And the texts themselves are there: they were masked and not left out.
    for words in ("it says <KEY_", "/home/<USER_", "host=<IP_", "Coded as: cat"):
        assert sent.count(words) >= 2


def test_without_it_all_of_this_is_sent(study):
    server = FaultServer(lambda *_: completion(ANSWER))
    with server.running():
        propose(server.base_url)
    sent = on_the_wire(server)
    for place in ("title", "comment", "memo", "instructions", "include", "example"):
        for secret in planted(place):
            assert secret in sent, (place, secret)


def test_an_answer_is_put_back_into_the_words_of_its_own_issue_alone(study):
    def script(body, number):
        asked = body["messages"][-1]["content"]
        names = sorted(set(re.findall(r"<EMAIL_\d+>", asked)))
        return completion({**ANSWER, "rationale": " ".join(names)})

    server = FaultServer(script)
    with server.running():
        propose(server.base_url, "--redact")
    (line,) = (study / "runs/r/proposals.jsonl").read_text().splitlines()
    rationale = json.loads(line)["rationale"]
    own = {next(s for s in planted(p) if "@" in s) for p in ("title", "body", "comment")}
    others = {next(s for s in planted(p) if "@" in s) for p in set(PLACES) - {"title", "body"}}
    for address in own:
        assert address in rationale
    for address in others - own:
        assert address not in rationale
    assert "<EMAIL_" in rationale


def test_an_embedder_of_others_is_given_masked_texts(study, monkeypatch):
    (study / "recording.py").write_text(
        "from langchain_core.embeddings import DeterministicFakeEmbedding\n"
        "class Recording(DeterministicFakeEmbedding):\n"
        "    size: int = 8\n"
        "    def embed_documents(self, texts):\n"
        "        with open('given.txt', 'a', encoding='utf-8') as file:\n"
        "            file.writelines(text + '\\n' for text in texts)\n"
        "        return super().embed_documents(texts)\n"
    )
    monkeypatch.syspath_prepend(study)
    monkeypatch.setenv("CODER_RETRIEVAL__EMBEDDER", "langchain:recording:Recording")
    server = FaultServer(lambda *_: completion(ANSWER))
    with server.running():
        propose(server.base_url, "--redact")
    given = (study / "given.txt").read_text(encoding="utf-8")
    assert "it says <KEY_" in given and "A purring cat" in given
    for place in set(PLACES) - {"memo", "instructions", "exclude"}:
        for secret in planted(place):
            assert secret not in given, (place, secret)
    assert not any(author in given for author in AUTHORS)


def test_the_classifier_does_not_give_whole_texts_to_an_embedder_of_others(study, monkeypatch):
    monkeypatch.setenv("CODER_RETRIEVAL__EMBEDDER", "langchain:os:getcwd")
    arguments = ["propose", "issues.jsonl", "--run", "r", "--model", "embedded", "--redact"]
    done = CliRunner().invoke(cli, arguments)
    assert "model.redact forbids it" in str(done.exception)

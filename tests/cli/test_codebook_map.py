"""``coder codebook map``, and what is done along a crosswalk, as typed."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from support.fault_server import FaultServer, completion, user_text

from coder.__main__ import run as coder
from coder.codebook import crosswalk as crosswalks

ONE = """\
id: one
name: First book
codes:
- {id: memory, name: Memory, definition: "The GPU runs out of memory."}
- {id: docs, name: Documents, definition: "A document is missing, wrong or outdated."}
- {id: colours, name: Colours, definition: "The button has an ugly colour."}
"""
OTHER = """\
id: other
name: Second book
codes:
- id: hardware
  name: Hardware
  definition: "GPUs, memory and drivers."
  children:
  - {id: hardware.oom, name: Out of memory, definition: "CUDA memory is exhausted on the GPU."}
  - {id: hardware.driver, name: Drivers, definition: "A driver is too old."}
- {id: manual, name: Manual, definition: "Documentation is missing or outdated."}
- {id: licence, name: Licence, definition: "Which licence holds for weights."}
"""
MAP = """\
from: {codebook: one}
to: {codebook: other}
links:
- {from: memory, to: hardware.oom, relation: same, checked: ann}
- {from: docs, to: manual, relation: narrower}
- {from: colours, relation: none}
- {to: hardware.driver, relation: none}
- {to: licence, relation: none}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    (tmp_path / "study.toml").write_text('codebook = "one"\n')
    (tmp_path / "codebook").mkdir()
    (tmp_path / "codebook" / "one.yaml").write_text(ONE)
    (tmp_path / "codebook" / "other.yaml").write_text(OTHER)
    (tmp_path / "map.yaml").write_text(MAP)
    return tmp_path


def typed(capsys, *arguments: str) -> tuple[int, str]:
    code = coder([*arguments])
    said = capsys.readouterr()
    return code, said.out + said.err


def test_the_embedder_drafts_and_the_draft_is_valid(folder, capsys):
    code, said = typed(capsys, "codebook", "map", "one", "other", "-o", "new.yaml")
    assert code == 0
    assert "Drafted, not decided" in said
    links = {(k.left, k.right): k for k in crosswalks.load(folder / "new.yaml").crosswalk.links}
    assert ("memory", "hardware.oom") in links
    assert ("docs", "manual") in links
    assert ("colours", "") in links
    assert all(link.by.startswith("embedder") and not link.checked for link in links.values())
    assert typed(capsys, "codebook", "map", "--check", "new.yaml")[0] == 0
    code, said = typed(capsys, "codebook", "map", "one", "other", "-o", "new.yaml")
    assert (code, "is there already" in said) == (2, True)


def test_a_chat_model_drafts_and_what_it_must_not_say_is_set_aside(folder, capsys, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "key-of-the-tests")
    answers = {
        "* memory:": [
            {"to": "hardware.oom", "relation": "same", "note": "Both are about memory.\n"},
            {"to": "nowhere", "relation": "same", "note": "x"},
            {"to": "manual", "relation": "none", "note": "x"},
            "prose",
        ],
        "* docs:": [],
    }

    def answer(request, _):
        asked = user_text(request)
        first = asked[: asked.index("# All codes")]
        links = next((links for start, links in answers.items() if start in first), None)
        return completion("I would rather not." if links is None else {"links": links})

    command = ["codebook", "map", "one", "other", "-o", "new.yaml", "--model", "openai:m"]
    with FaultServer(answer).running() as server:
        monkeypatch.setenv("CODER_MODEL__BASE_URL", server.base_url)
        code, said = typed(capsys, *command)
        assert code == 0
        assert len(server.requests) == 3
        (folder / "new.yaml").unlink()
        assert typed(capsys, *command)[0] == 0
        assert len(server.requests) == 3, "what was answered is not asked again"
    assert "4 set aside" in said
    links = {(k.left, k.right): k for k in crosswalks.load(folder / "new.yaml").crosswalk.links}
    assert set(links) == {("memory", "hardware.oom"), ("docs", "")}
    assert links["memory", "hardware.oom"].by == "openai:m"


def test_codebooks_leave_this_machine_only_as_agreed(folder, capsys, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "key-of-the-tests")
    command = ["codebook", "map", "one", "other", "-o", "new.yaml", "--model", "openai:m"]
    code, said = typed(capsys, *command)
    assert code == 2
    assert "the texts of codebooks one and other and the key in OPENAI_API_KEY would go to" in said
    secret = "mail ann@example.org about it"
    (folder / "codebook" / "other.yaml").write_text(OTHER.replace("Which licence", secret))
    monkeypatch.setenv("CODER_MODEL__REDACT", "true")
    with FaultServer(lambda *_: completion({"links": []})).running() as server:
        monkeypatch.setenv("CODER_MODEL__BASE_URL", server.base_url)
        assert typed(capsys, *command)[0] == 0
        assert all("ann@example.org" not in user_text(asked) for asked in server.requests)


def test_it_opens_in_the_editor_before_it_is_checked(folder, capsys, monkeypatch):
    monkeypatch.setenv("VISUAL", "sed -i s/colours/colors/")
    code, said = typed(capsys, "codebook", "map", "--check", "map.yaml", "--edit")
    assert code == 3
    assert "'colors' is not a code of one; did you mean 'colours'?" in said


def test_a_crosswalk_is_shown_in_every_way(folder, capsys):
    files = ["map.md", "map.tex", "map.csv", "map.svg"]
    outputs = [word for file in files for word in ("-o", file)]
    code, said = typed(capsys, "codebook", "map", "--check", "map.yaml", *outputs)
    assert code == 0
    assert "one: 2 of 3 codes are linked, 1 have nothing like them." in said
    assert "4 links that nobody is named to have checked" in said
    for file in files:
        held = (folder / file).read_text()
        assert "Out of memory" in held
        assert "First book" in held or file == "map.csv"
    assert r"\toprule" in (folder / "map.tex").read_text()


def test_a_crosswalk_without_links_is_shown_as_that(folder, capsys):
    (folder / "map.yaml").write_text(MAP[: MAP.index("links:")] + "links: []\n")
    files = ["map.md", "map.tex", "map.csv", "map.svg"]
    outputs = [word for file in files for word in ("-o", file)]
    code, said = typed(capsys, "codebook", "map", "--check", "map.yaml", *outputs)
    assert code == 0
    assert "of 3 nothing is said" in said
    assert "nothing is said of other: licence" in said
    assert all((folder / file).stat().st_size for file in files)


def test_the_figure_draws_each_link_once_and_hides_no_code(folder, capsys):
    hostile = ONE.replace("Colours,", r'"<b>&\x07 ]]>",')
    (folder / "codebook" / "one.yaml").write_text(hostile)
    (folder / "map.yaml").write_text(MAP.replace("narrower", "related"))
    command = ["codebook", "map", "--check", "map.yaml", "-o", "map.svg", "-o", "map.pdf"]
    assert typed(capsys, *command)[0] == 0
    root = ElementTree.parse(folder / "map.svg").getroot()
    lines = [e.get("class") for e in root.iter() if e.tag.endswith("path")]
    # Beside each line one in the legend.
    assert sorted(lines) == ["link related"] * 2 + ["link same"] * 2
    names = [e.text for e in root.iter() if e.tag.endswith("text")]
    for name in ("Memory", "Documents", "<b>&· ]]>", "Hardware", "Drivers", "Licence"):
        assert names.count(name) == 1, name
    assert (folder / "map.pdf").read_bytes().startswith(b"%PDF")


def test_problems_are_named_by_line_and_nothing_is_shown(folder, capsys):
    (folder / "map.yaml").write_text(MAP.replace("to: manual", "to: manuel"))
    code, said = typed(capsys, "codebook", "map", "--check", "map.yaml", "-o", "map.md")
    assert code == 3
    assert "map.yaml:5: 'manuel' is not a code of other; did you mean 'manual'?" in said
    assert not (folder / "map.md").exists()
    for bad in (
        ["--check", "map.yaml", "one"], ["one", "one", "-o", "x.yaml"], ["one"],
        ["one", "other", "-o", "x.txt"], ["--check", "map.yaml", "-o", "x.doc"],
    ):  # fmt: skip
        assert typed(capsys, "codebook", "map", *bad)[0] == 2, bad


@pytest.fixture
def coded(folder, capsys) -> Path:
    """Twelve issues that ann has coded blind under both codebooks."""
    (folder / "study.toml").write_text('codebook = "one"\n[retrieval]\nembedder = "none"\n')
    rows = [{"id": f"i{n}", "title": f"Issue {n}", "body": "It fails."} for n in range(12)]
    (folder / "issues.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    ours = ["memory"] * 6 + ["docs"] * 4 + ["colours", "none"]
    theirs = ["hardware.oom"] * 5 + ["manual"] * 5 + ["licence", "manual"]
    for name, codes, book in (("first", ours, "one"), ("second", theirs, "other")):
        table = "".join(f"i{n},{code}\n" for n, code in enumerate(codes))
        (folder / f"{name}.csv").write_text(f"id,code\n{table}")
        assert coder(["propose", "issues.jsonl", "--run", name, "--codebook", book]) == 0
        command = ["label", "import", f"{name}.csv", "--rater", "ann", "--run", name]
        assert coder(command) == 0
    capsys.readouterr()
    return folder


def test_labels_go_out_in_the_other_codebooks_codes(coded, capsys):
    out = ["label", "export", "first", "--through", "map.yaml", "-o", "out.csv"]
    code, said = typed(capsys, *out)
    assert code == 0
    assert "10 labels in the codes of other, of 12 labels in those of one" in said
    assert "1 × a code with nothing like it" in said
    assert "1 × no code fits" in said
    assert "Of the 2 links that tell a code from a part of one, 1 name nobody" in said
    lines = (coded / "out.csv").read_text().split("\n")
    assert lines[1] == "i0,hardware.oom,,ann,memory"
    assert len((coded / "out.set-aside.csv").read_text().strip().split("\n")) == 3
    # They are labels of the other run, for whoever wants them there.
    command = ["label", "import", "out.csv", "--rater", "translated", "--run", "second"]
    assert typed(capsys, *command)[0] == 0
    # And back: narrower there is broader here, and no translation.
    code, said = typed(capsys, "label", "export", "second", "--through", "map.yaml", "--rater",
                       "ann", "-o", "back.csv")  # fmt: skip
    assert code == 0
    assert "5 labels in the codes of one" in said


def test_two_codebooks_are_held_together_on_the_issues_coded_under_both(coded, capsys):
    code, said = typed(capsys, "compare", "first", "second", "--through", "map.yaml")
    assert code == 0
    assert "ann: 11 issues coded under both" in said
    found = json.loads((coded / "runs/first/report/with-second/crosswalk.json").read_text())
    (ann,) = [one for one in found["across"] if one["who"] == "ann"]
    # Of eleven issues with a code on both sides nine are linked: one memory is a manual there, and
    # colours have nothing like them.
    assert ann["n"] == 11
    assert ann["without_code"] == 1
    assert ann["linked"]["value"] == pytest.approx(9 / 11)
    into = {(t["into"], t["level"]): t for t in ann["translated"]}
    held = into["other", "code"]
    assert held["n"] == 10
    assert held["percent_agreement"]["value"] == pytest.approx(0.9)
    # Cohen's kappa by hand: oom and manual are 6 and 4 here, 5 and 5 there.
    assert held["cohen_kappa"]["value"] == pytest.approx((0.9 - 0.5) / 0.5)
    assert held["cohen_kappa"]["low"] < held["cohen_kappa"]["value"]
    pairs = [(t["left"], t["right"], t["issues"]) for t in found["together"] if t["who"] == "ann"]
    assert ("memory", "manual", 1) in pairs
    # The other way round it says the same.
    command = ["compare", "second", "first", "--through", "map.yaml", "-o", "turned"]
    assert typed(capsys, *command)[0] == 0
    turned = json.loads((coded / "turned" / "crosswalk.json").read_text())
    (again,) = [one for one in turned["across"] if one["who"] == "ann"]
    assert again["linked"] == ann["linked"]


def test_a_crosswalk_of_other_codebooks_is_refused(coded, capsys):
    (coded / "codebook" / "third.yaml").write_text(ONE.replace("id: one", "id: third"))
    (coded / "map.yaml").write_text(MAP.replace("codebook: one", "codebook: third"))
    for command in (["label", "export", "first", "-o", "out.csv"], ["compare", "first", "second"]):
        code, said = typed(capsys, *command, "--through", "map.yaml")
        assert (code, "third" in said) == (2, True)

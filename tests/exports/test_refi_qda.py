"""REFI-QDA projects: ours come back as they were, others' with their flaws, attacks not at all."""

from __future__ import annotations

import csv
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest
from support.runs import TREE, Maker, decide, issue, label

from coder.__main__ import run as coder
from coder.records import Action, Evidence, Issue, Proposal, ScoredCode, Status
from coder.sources.refi_qda import read_qdpx

NS = "{urn:QDA-XML:project:1.0}"
BODY = "Line one \U0001f600.\r\nSpeed\u2028is <bad> & slow.\x1b[31m"


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    issues = [
        issue("acme/x#1", title="A & B", body=BODY, number=1, created_at="2025-01-01T00:00:00Z"),
        issue("acme/x#2", title="", body="Only a body."), issue("acme/x#3"),
    ]  # fmt: skip
    run = Maker(tmp_path / "runs", book=TREE, issues=issues).run({})
    at = issues[0].text.index("Speed")
    run.proposals.append(
        [
            Proposal(
                id="p1-acme/x#1", issue_id="acme/x#1", issue_hash=issues[0].hash, status=Status.OK,
                codes=(ScoredCode(code="speed", confidence=0.8),), rationale="It says slow.",
                evidence=(Evidence(quote="Speed", start=at, end=at + 5, verified=True),),
            ),
            Proposal(id="p2", issue_id="acme/x#3", issue_hash="0", status=Status.ABSTAINED),
        ]
    )  # fmt: skip
    label(run, "ann", {"acme/x#1": "error", "acme/x#2": ()}, memo="as <I> see it")
    label(run, "bea", {"acme/x#1": "error"})
    decide(run, "ann", {"acme/x#1": (Action.CORRECT, "set")})
    return tmp_path


def project(path: Path) -> ElementTree.Element:
    with zipfile.ZipFile(path) as file:
        return ElementTree.fromstring(file.read("project.qde"))


def test_a_run_goes_out_and_comes_back(study, capsys):
    assert coder(["export", "demo", "-o", "out.qdpx"]) == 0
    said = capsys.readouterr().out
    assert "out.qdpx: 3 texts, 7 codings" in said and "no place for" in said
    first = (study / "out.qdpx").read_bytes()
    assert coder(["export", "demo", "-o", "out.qdpx"]) == 0
    assert (study / "out.qdpx").read_bytes() == first
    assert coder(["import", "out.qdpx", "-o", "back.jsonl"]) == 0
    lines = (study / "back.jsonl").read_text().splitlines()
    back = [Issue.model_validate_json(line) for line in lines]
    run = study / "runs" / "demo"
    there = [Issue.model_validate_json(x) for x in (run / "issues.jsonl").read_text().splitlines()]
    for one, other in zip(back, there, strict=True):
        assert (one.id, one.text, one.hash) == (other.id, other.text, other.hash)
        assert (one.repo, one.number, one.created_at) == (
            other.repo,
            other.number,
            other.created_at,
        )

    def labels(who: str) -> dict[str, tuple[str, str]]:
        with (study / f"back.labels.{who}.csv").open(newline="") as file:
            return {row["id"]: (row["code"], row["memo"]) for row in csv.DictReader(file)}

    assert labels("ann-blind") == {
        "acme/x#1": ("error", "as <I> see it"), "acme/x#2": ("none", "as <I> see it"),
    }  # fmt: skip
    assert labels("ann-assisted") == {"acme/x#1": ("set", "")}
    assert labels("bea-blind")["acme/x#1"][0] == "error"
    assert labels("resolved-agreed-or-adjudicated") == {"acme/x#1": ("error", "")}
    assert labels("model-proposed") == {
        "acme/x#1": ("speed", 'It says slow.\n"Speed"'), "acme/x#3": ("none", ""),
    }  # fmt: skip
    # The codebook comes back whole, and the labels can be imported under it.
    assert coder(["codebook", "check", "back.codebook.yaml"]) == 0
    from coder.codebook.load import load

    assert load(study / "back.codebook.yaml").hash == load(run / "codebook.yaml").hash


def test_it_is_written_to_the_letter_of_the_standard(study):
    """The order of elements and what they must have, as its schema says."""
    assert coder(["export", "demo", "-o", "out.qdpx"]) == 0
    root = project(study / "out.qdpx")
    order = ["Users", "CodeBook", "Variables", "Sources", "Notes", "Sets"]
    assert [child.tag.removeprefix(NS) for child in root] == order
    assert [child.tag for child in root.find(f"{NS}CodeBook")] == [f"{NS}Codes"]
    guids = [element.get("guid") for element in root.iter() if element.get("guid")]
    own = [g for e in root.iter() if (g := e.get("guid")) and "Member" not in e.tag]
    assert len(own) == len(set(own)) and set(guids) == set(own)
    for ref in root.iter():
        if ref.tag.endswith("Ref"):
            assert ref.get("targetGUID") in guids
    for member in root.iter(f"{NS}MemberCode"):
        assert set(member.attrib) == {"targetGUID"} and member.get("targetGUID") in guids
    in_source = ["Description", "PlainTextSelection", "Coding", "VariableValue"]
    for source in root.iter(f"{NS}TextSource"):
        places = [in_source.index(child.tag.removeprefix(NS)) for child in source]
        assert places == sorted(places)
        assert (source.get("plainTextPath") or "").startswith("internal://")
    selection = next(root.iter(f"{NS}PlainTextSelection"))
    start, end = int(selection.get("startPosition")), int(selection.get("endPosition"))
    with zipfile.ZipFile(study / "out.qdpx") as file:
        name = next(root.iter(f"{NS}TextSource")).get("plainTextPath").removeprefix("internal://")
        text = file.read(f"sources/{name}").decode()
    assert text[start:end] == "Speed"


FOREIGN = """<?xml version="1.0"?>
<Project xmlns="urn:QDA-XML:project:1:0" origin="Other 1" name="p">
 <Users><User guid="{{AA}}" name="../Eva|x"/></Users>
 <CodeBook><Codes><Code guid="{{7988DAC2-ADBD-4258-A81E-71489189F5B5}}" name="Glad"
   isCodable="true"><Code guid="d299efae-5779-46dc-9827-a3d1a5d544bc" name="Very glad"
   isCodable="true"/></Code></Codes><Sets/></CodeBook>
 <Sources>
  <TextSource guid="S1" name="one.txt" plainTextPath="internal://T1.TXT">
   <PlainTextSelection guid="P1" startPosition="0" endPosition="4"><Coding guid="G1"
     creatingUser="aa">
     <CodeRef targetGUID="{{D299EFAE-5779-46DC-9827-A3D1A5D544BC}}"/></Coding></PlainTextSelection>
   <PlainTextSelection guid="P2" startPosition="900" endPosition="901"><Coding guid="G2"
     creatingUser="{{AA}}"><CodeRef targetGUID="7988DAC2-ADBD-4258-A81E-71489189F5B5"/></Coding>
   </PlainTextSelection>
   <PlainTextSelection guid="P3" startPosition="0" endPosition="1"><Coding guid="G3"
     creatingUser="{{AA}}"><CodeRef targetGUID="nowhere"/></Coding></PlainTextSelection>
  </TextSource>
  <TextSource guid="S2" name="one.txt"><PlainTextContent>Second</PlainTextContent></TextSource>
  <TextSource guid="S3" name="lost" plainTextPath="internal://gone.txt"/>
  <TextSource guid="S4" name="out" plainTextPath="relative:///etc/passwd"/>
  <PictureSource guid="S5" name="p"/>{more}
 </Sources>
</Project>"""


def foreign(path: Path, more: str = "", head: str = "", **files: bytes) -> Path:
    text = FOREIGN.replace("{{", "{").replace("}}", "}").replace("{more}", more)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("Project.qde", text.replace("<Project", f"{head}<Project", 1))
        file.writestr("Sources/T1.txt", "\ufeffGlad\r\nto see you")
        for name, data in files.items():
            file.writestr(name, data)
    return path


def test_another_programs_project_comes_with_its_flaws_named(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    found = read_qdpx(foreign(tmp_path / "x.qdpx"))
    assert [(one.id, one.title, one.body) for one in found.issues] == [
        ("one.txt", "one.txt", "Glad\r\nto see you"), ("one.txt (2)", "one.txt (2)", "Second"),
    ]  # fmt: skip
    assert coder(["import", "x.qdpx", "-o", "in.jsonl"]) == 0
    said = capsys.readouterr()
    assert "import those of people who had seen no suggestion" in said.out
    for line in (
        "2 text sources whose text is not in the file", "1 sources of the kind Picture",
        "1 codings with a code that is not there", "1 passages that lie outside of their text",
    ):  # fmt: skip
        assert line in said.err
    with (tmp_path / "in.labels.Eva-x.csv").open(newline="") as file:
        row = next(csv.DictReader(file))
    assert (row["code"], row["memo"]) == ("glad.very-glad;glad", '"Glad"')
    assert {p.name for p in tmp_path.iterdir()} >= {"in.jsonl", "in.codebook.yaml"}
    assert "root" not in (tmp_path / "in.jsonl").read_text()


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ('<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>', "defines entities"),
        ('<!DOCTYPE x SYSTEM "file:///etc/passwd">', "defines entities"),
        ("<unclosed>", "is not valid XML"),
    ],
)
def test_what_attacks_are_made_of_is_refused(tmp_path, monkeypatch, capsys, head, said):
    monkeypatch.chdir(tmp_path)
    foreign(tmp_path / "x.qdpx", head=head)
    assert coder(["import", "x.qdpx", "-o", "in.jsonl"]) == 3
    assert said in capsys.readouterr().err
    assert not (tmp_path / "in.jsonl").exists()


def test_an_archive_that_is_none_or_lies_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.qdpx").write_bytes(b"no zip")
    assert coder(["import", "x.qdpx", "-o", "in.jsonl"]) == 3
    assert "cannot be unpacked" in capsys.readouterr().err
    foreign(tmp_path / "slip.qdpx", **{"../../slip.txt": b"x"})
    assert coder(["import", "slip.qdpx", "-o", "in.jsonl"]) == 3
    assert "would lie outside" in capsys.readouterr().err
    monkeypatch.setattr("coder.sources.refi_qda.MOST_BYTES", 100_000)
    foreign(tmp_path / "bomb.qdpx", zeros=b"\0" * 200_000)
    assert coder(["import", "bomb.qdpx", "-o", "in.jsonl"]) == 3
    assert "unpacks to more than 100,000 bytes" in capsys.readouterr().err
    with zipfile.ZipFile(tmp_path / "empty.qdpx", "w") as file:
        file.writestr("readme", "x")
    assert coder(["import", "empty.qdpx", "-o", "in.jsonl"]) == 3
    assert "it has no project.qde" in capsys.readouterr().err


def user(own: str, name: str) -> str:
    return f'<User guid="{own}" name="{name}"/>'


def coding(by: str, code: str, note: str = "") -> str:
    refs = f'<CodeRef targetGUID="{code}"/>' + (f'<NoteRef targetGUID="{note}"/>' if note else "")
    return f'<Coding guid="g" creatingUser="{by}">{refs}</Coding>'


def small(path: Path, users: str, inside: str, *, before: str = "", origin: str = "Other") -> None:
    """A project of one text, with codes whose GUIDs are none."""
    codes = "".join(f'<Code guid="{c}" name="{c}" isCodable="true"/>' for c in ("glad", "sad"))
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(
            "project.qde",
            f'<Project name="p" origin="{origin}"><Users>{users}</Users><CodeBook><Codes>{codes}'
            f'</Codes></CodeBook>{before}<Sources><TextSource guid="s" name="one">'
            f"<PlainTextContent>Hello there</PlainTextContent>{inside}</TextSource></Sources>"
            '<Notes><Note guid="n"><PlainTextContent>my memo</PlainTextContent></Note></Notes>'
            "</Project>",
        )


def test_hostile_texts_come_back_to_the_letter(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    issues = [
        issue("x#1", title="Add \x08index", body="one two"),
        issue("x#2", title="A\rB", body="c\rd"), issue("x#3", title="\ufeffT", body="b"),
    ]  # fmt: skip
    run = Maker(tmp_path / "runs", book=TREE, issues=issues).run({})
    at = issues[0].text.index("two")
    twice = (Evidence(quote="two", start=at, end=at + 3, verified=True),) * 2
    run.proposals.append(
        [Proposal(id="p", issue_id="x#1", issue_hash="0", status=Status.OK,
                  codes=(ScoredCode(code="speed", confidence=0.8),), evidence=twice)]
    )  # fmt: skip
    assert coder(["export", "demo", "-o", "o.qdpx"]) == 0
    assert [(o.text, o.hash) for o in read_qdpx(tmp_path / "o.qdpx").issues] == [
        (one.text, one.hash) for one in issues
    ]
    root = project(tmp_path / "o.qdpx")
    assert len([*root.iter(f"{NS}PlainTextSelection")]) == 1


def test_what_was_seen_does_not_come_back_as_blind(study, capsys):
    assert coder(["export", "demo", "-o", "out.qdpx"]) == 0
    assert coder(["import", "out.qdpx", "-o", "back.jsonl"]) == 0
    for who in ("ann-assisted", "model-proposed"):
        file = f"back.labels.{who}.csv"
        assert coder(["label", "import", file, "--rater", "zoe", "--run", "demo"]) == 3
        assert "not blind: given with a suggestion in sight" in capsys.readouterr().err
    assert coder(["label", "import", "back.labels.bea-blind.csv", "--rater", "zoe",
                  "--run", "demo"]) == 0  # fmt: skip


def test_no_users_codes_are_lost_or_mixed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"a": "Eva X", "b": "Eva-X", "c": "Eva X", "d": "L" * 300}
    small(
        tmp_path / "x.qdpx",
        "".join(user(own, name) for own, name in names.items()),
        coding("a", "glad", "n") + coding("b", "sad") + coding("c", "sad") + coding("d", "glad"),
    )
    assert coder(["import", "x.qdpx", "-o", "in.jsonl"]) == 0
    found = {}
    for path in tmp_path.glob("in.labels.*.csv"):
        (row,) = csv.DictReader(path.read_text().splitlines())
        found[row["who"]] = (row["code"], row["memo"])
    assert found == {
        "Eva X": ("glad", "my memo"), "Eva-X": ("sad", ""), "Eva X (2)": ("sad", ""),
        "L" * 300: ("glad", ""),
    }  # fmt: skip


def test_several_codes_by_one_user_make_a_codebook_that_takes_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    passage = f'<PlainTextSelection startPosition="0" endPosition="5">{coding("a", "glad")}'
    small(
        tmp_path / "x.qdpx", user("a", "Eva"),
        f'{passage}<NoteRef targetGUID="n"/></PlainTextSelection>' + coding("a", "sad"),
    )  # fmt: skip
    found = read_qdpx(tmp_path / "x.qdpx")
    assert found.book is not None and found.book.cardinality == "multiple"
    coded = found.coded["Eva"]["one"]
    assert (coded.codes, coded.memo) == (("glad", "sad"), 'my memo\n"Hello"')


@pytest.mark.parametrize("name", ["number", "created_at", "events", "id"])
def test_variables_that_only_look_like_ours_end_nothing(tmp_path, name):
    value = '<VariableRef targetGUID="v"/><TextValue>x</TextValue>'
    small(
        tmp_path / "x.qdpx", "", f"<VariableValue>{value}</VariableValue>", origin="issue-coder",
        before=f'<Variables><Variable guid="v" name="{name}"/></Variables>',
    )  # fmt: skip
    (one,) = read_qdpx(tmp_path / "x.qdpx").issues
    assert (one.id, one.text, one.number) == ("one", "Hello there", None)


def test_an_import_overwrites_neither_the_project_nor_an_edited_codebook(study, capsys):
    assert coder(["export", "demo", "-o", "out.qdpx"]) == 0
    assert coder(["import", "out.qdpx", "-o", "out.qdpx"]) == 2
    assert zipfile.is_zipfile("out.qdpx")
    assert coder(["import", "out.qdpx", "-o", "in.jsonl"]) == 0
    assert coder(["import", "out.qdpx", "-o", "in.jsonl"]) == 0
    (study / "in.codebook.yaml").write_text("edited")
    assert coder(["import", "out.qdpx", "-o", "in.jsonl"]) == 2
    assert "in.codebook.yaml is there already" in capsys.readouterr().err
    assert (study / "in.codebook.yaml").read_text() == "edited"


def test_an_archive_whose_list_is_wrong_is_refused_in_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    foreign(tmp_path / "x.qdpx")
    data = (tmp_path / "x.qdpx").read_bytes()
    (tmp_path / "x.qdpx").write_bytes(data.replace(b"Other 1", b"Other 2", 1))
    assert coder(["import", "x.qdpx", "-o", "in.jsonl"]) == 3
    assert "cannot be unpacked: Bad CRC-32" in capsys.readouterr().err

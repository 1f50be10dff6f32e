"""Codebooks for and from other programs: what cannot be held is named, attacks are refused."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coder.codebook import load as codebooks
from coder.codebook.drafting import DEEPEST, MOST
from coder.codebook.exchange import exported, imported
from coder.codebook.guids import guid
from coder.codebook.load import parse
from coder.codebook.qdc import NAMESPACE, read_qdc, to_qdc
from coder.codebook.writing import to_yaml
from coder.errors import InputError, UsageError
from coder.files.resources import shipped
from coder.records import Cardinality, Code, Codebook

SHIPPED = sorted(shipped("codebook").glob("*.yaml"))
GUID = re.compile("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@pytest.mark.parametrize("kind", ["qdc", "xlsx", "yaml"])
@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.stem)
def test_a_shipped_codebook_comes_back_whole(path, kind, tmp_path):
    book = codebooks.load(path)
    file = tmp_path / f"elsewhere.{kind}"
    held, lost = exported(book, file)
    file.write_bytes(held.encode() if isinstance(held, str) else held)
    assert lost == ()
    assert imported(file).book == book
    assert parse(to_yaml(book))[0] == book


def test_csv_holds_the_codes_and_names_what_it_does_not(tmp_path):
    book = codebooks.load(shipped("codebook") / "ptm-reuse.yaml")
    file = tmp_path / "ptm-reuse.csv"
    held, lost = exported(book, file)
    assert isinstance(held, str)
    file.write_text(held)
    assert imported(file).book.codes == book.codes
    assert "the codebook's instructions" in lost
    assert all(line.startswith("the codebook's") for line in lost)


def test_a_qdc_is_what_the_standard_asks_for():
    """The schema's rules, one by one: order of elements, required attributes, forms of values."""
    book = codebooks.load(shipped("codebook") / "ptm-reuse.yaml")
    root = ElementTree.fromstring(to_qdc(book))
    name = f"{{{NAMESPACE}}}"
    assert root.tag == f"{name}CodeBook"
    assert set(root.attrib) == {"origin"}
    codes, sets = root
    assert [codes.tag, sets.tag] == [f"{name}Codes", f"{name}Sets"]
    found = list(codes.iter(f"{name}Code"))
    assert len(found) == len(book.codes)
    for code in found:
        assert {"guid", "name", "isCodable"} <= set(code.attrib) <= {
            "guid", "name", "isCodable", "color",
        }  # fmt: skip
        assert GUID.fullmatch(code.attrib["guid"])
        assert code.attrib["isCodable"] in ("true", "false")
        kinds = [child.tag for child in code]
        assert kinds == sorted(kinds, key=f"{name}Code".__eq__)
        assert kinds.count(f"{name}Description") <= 1
    (whole,) = sets
    assert set(whole.attrib) == {"guid", "name"}
    members = [member.attrib["guid"] for member in whole[1:]]
    assert members == [guid(book.id, code.id) for code in book.codes]
    assert len({code.attrib["guid"] for code in found} | {whole.attrib["guid"]}) == len(found) + 1


ATLAS = """\
<?xml version="1.0" encoding="utf-8"?>
<CodeBook xmlns="urn:QDA-XML:codebook:{}" origin="A Program 9">
  <Codes>
    <Code guid="{{2CE89C66-C28D-473B-B5C4-6CF87D20EF04}}" name="Usage" isCodable="false">
      <Code guid="FFD939DA-B5DC-4611-A9F8-366495EB0AE2" name="Calls" color="#46AA00">
        <Description>How it is called</Description>
      </Code>
      <Code name="Calls" color="green" isCodable="true" />
    </Code>
    <Code guid="nothing" name="Umläute &amp; 漢字" isCodable="false" />
  </Codes>
  {}
</CodeBook>
"""
SET = '<Sets><Set name="mine" guid="D79FC877-F071-4117-8D25-235AA1062A44"/></Sets>'


@pytest.mark.parametrize("sets", ["", "<Sets/>", SET])
@pytest.mark.parametrize("namespace", ["1.0", "1:0", "0:4"])
def test_codebooks_in_the_wild_are_read_with_their_flaws_named(namespace, sets):
    found = read_qdc(ATLAS.format(namespace, sets).encode(), "theirs")
    usage, calls, again, other = found.book.codes
    assert [c.id for c in found.book.codes] == [
        "usage", "usage.calls", "usage.calls-2", "umlaute",
    ]  # fmt: skip
    assert usage.guid == "2CE89C66-C28D-473B-B5C4-6CF87D20EF04"
    assert (calls.definition, calls.color, calls.parent) == ("How it is called", "#46AA00", "usage")
    assert (again.name, again.color, other.guid) == ("Calls (2)", "", "")
    assert found.book.source == "Imported from A Program 9."
    told = "\n".join(found.notes)
    assert "not to be coded with there, and codes here: Umläute & 漢字" in told
    assert "3 codes without a definition" in told
    assert "1 × guid" in told
    assert "1 × color" in told
    assert ("sets of codes are not kept: mine" in told) == bool("mine" in sets)
    # What was made of it goes out and comes back as it is, by the GUIDs it came with.
    assert read_qdc(to_qdc(found.book), "again").book == found.book
    assert b"2CE89C66-C28D-473B-B5C4-6CF87D20EF04" in to_qdc(found.book)


TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=30)
LINES = st.lists(TEXT.map(str.strip).filter(bool), min_size=1, max_size=3).map("\n".join)
SOME = st.lists(LINES, max_size=2).map(tuple)


@st.composite
def books(draw):
    codes = []
    for number in range(draw(st.integers(1, 5))):
        parent = draw(st.sampled_from([None, *(code.id for code in codes)]))
        codes.append(
            Code(
                id=f"c{number}", name=f"{draw(TEXT).strip()} {number}", parent=parent,
                definition=draw(LINES), include=draw(SOME), exclude=draw(SOME),
                examples=draw(SOME), source=draw(st.just("") | LINES),
                color=draw(st.sampled_from(["", "#aBc", "#012345"])),
            )
        )  # fmt: skip
    return Codebook(
        id="book", name="Book", version=draw(st.sampled_from(["1", "2.0"])), codes=tuple(codes),
        instructions=draw(st.just("") | LINES), allow_none=draw(st.booleans()),
        cardinality=draw(st.sampled_from(Cardinality)),
    )  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(books())
def test_whatever_a_codebook_holds_comes_back_or_is_named(book):
    back = read_qdc(to_qdc(book), "x").book
    _, lost = exported(book, Path("x.qdc"))
    for code in book.codes:
        if back.by_id.get(code.id) != code:
            assert any(line.startswith(code.id) for line in lost)
    assert (back == book) == (lost == ())


def test_a_text_that_looks_like_rules_is_named_as_lost():
    code = Code(id="c", name="C", definition="One.\nInclude:\n- two", source="Somebody.")
    book = Codebook(id="b", name="B", codes=(code,))
    _, lost = exported(book, Path("b.qdc"))
    assert lost == ("c: definition, include",)


def test_rules_of_several_lines_stay_whole_whatever_they_begin_with():
    lines = ("one\nSource: mine\n- two\n  three", "Id: x\nInclude:")
    code = Code(id="c", name="C", definition="What.", include=lines, source="Ann:\nId: y\nNote: z")
    book = Codebook(id="b", name="B", codes=(code,), instructions="First.\nVersion: 9\nId: q")
    held, lost = exported(book, Path("b.qdc"))
    assert isinstance(held, bytes)
    assert lost == ()
    assert read_qdc(held, "x").book == book


TABLE = """\
Codebook of our study,,,
Category,Code,Description,Inclusion criteria
Usage,API,How to call it,"- wrong class
- wrong argument"
,Prompt,"'=HYPERLINK(""x"")",
Quality,,Bad output,
,Loops,,
"""


def test_a_researchers_table_becomes_a_codebook(tmp_path):
    file = tmp_path / "study.csv"
    file.write_text(TABLE)
    found = imported(file)
    assert [(c.id, c.parent) for c in found.book.codes] == [
        ("usage", None), ("usage.api", "usage"), ("usage.prompt", "usage"),
        ("quality", None), ("quality.loops", "quality"),
    ]  # fmt: skip
    assert found.book.by_id["usage.api"].include == ("wrong class", "wrong argument")
    assert found.book.by_id["usage.prompt"].definition == '=HYPERLINK("x")'
    assert found.book.by_id["quality"].definition == "Bad output"
    told = "\n".join(found.notes)
    assert "above the names of the columns, 1 row not read" in told
    assert "2 rows put into the category above" in told


@pytest.mark.parametrize(
    "above",
    ["Our codes,,\n", "Code,Meaning,\n", "Name,Definition,Examples\n", ",,\n,,\nCodes of 2024,,\n"],
)
def test_of_two_header_rows_the_one_that_names_more_or_the_second_counts(above, tmp_path):
    file = tmp_path / "book.csv"
    file.write_text(f"{above}Name,Definition,Example\nLabel,Example,x\nBug,A fault.,y\n")
    found = imported(file)
    assert [(code.name, code.definition) for code in found.book.codes] == [
        ("Label", "Example"), ("Bug", "A fault."),
    ]  # fmt: skip
    assert any("above the names of the columns" in note for note in found.notes)


def deep(levels: int) -> str:
    return (
        "<CodeBook><Codes>"
        + '<Code name="a">' * levels
        + "</Code>" * levels
        + "</Codes></CodeBook>"
    )


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.qdc", '<!DOCTYPE l [<!ENTITY a "a">]><CodeBook>&a;</CodeBook>', "entities"),
        ("a.qdc", deep(DEEPEST + 1), "levels deep"),
        ("a.qdc", deep(50_000), "levels deep"),
        ("a.qdc", f"<CodeBook>{'<Code/>' * (MOST + 1)}</CodeBook>", "more than 10,000 codes"),
        ("a.qdc", "<CodeBook><Codes/></CodeBook>", "no code"),
        ("a.qdc", "<Project/>", "no CodeBook"),
        ("a.qdc", "", "not valid XML"),
        ("a.qdc", " " * (5 << 20), "larger than 4 MiB"),
        ("a.csv", "a,b\n1,2\n", "no column"),
        ("a.csv", "name,parent\na,b\nb,a\n", "each other's parents"),
        ("a.csv", "name\n" + "a\n" * 11_000, "more than 10,000 rows"),
        ("a.xlsx", "no archive", "no spreadsheet"),
    ],
)
def test_what_is_no_codebook_or_an_attack_is_refused(name, data, words, tmp_path):
    file = tmp_path / name
    file.write_text(data)
    with pytest.raises(InputError, match=words) as caught:
        imported(file)
    assert caught.value.message.startswith(str(file))
    assert caught.value.hint


def test_a_spreadsheet_that_unpacks_to_too_much_is_refused(tmp_path):
    file = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"\0" * (65 << 20))
    with pytest.raises(InputError, match="unpacks to 65 MiB"):
        imported(file)


def test_another_ending_is_refused():
    with pytest.raises(UsageError, match=r"\.docx"):
        imported(Path("book.docx"))

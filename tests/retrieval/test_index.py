"""The nearest labelled issues and codes are found by meaning and words; the index can be lost."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from coder.codebook import load as codebooks
from coder.errors import ModelError, StorageError
from coder.files.permissions import permit
from coder.records import Example, Issue
from coder.retrieval import embedders
from coder.retrieval.embedders import normalised
from coder.retrieval.index import LabelIndex
from coder.retrieval.near_duplicates import same_issue
from coder.retrieval.retriever import Retriever, open_retriever
from coder.retrieval.search import LexicalIndex, Text
from coder.study import RetrievalSettings, Study

BOOK, _ = codebooks.parse("""\
id: pets
name: Pets
codes:
  - {id: cat, name: Cat, definition: A small animal that meows and purrs.}
  - id: dog
    name: Dog
    definition: Dogs.
    children:
      - {id: dog.big, name: Big Dog, definition: A large animal that barks loudly.}
""")
TOPICS = {
    "cat": "my cat meows and purrs on the warm sofa while it rains outside number {}",
    "dog.big": "the big dog barks at every car that drives along our street number {}",
}


def labelled(n=20):
    return [
        Example(
            issue=Issue(id=f"{code}/{i}", title=words.format(f"{i} {' '.join(extra(code, i))}")),
            codes=(code,),
        )
        for code, words in TOPICS.items()
        for i in range(n)
    ]


def extra(code: str, i: int) -> list[str]:
    """Words no other issue has, so that same topic does not mean near-duplicate."""
    draw = np.random.default_rng(abs(hash((code == "cat", i))) % 2**32)
    return ["".join(draw.choice(list("bcdfglmnprst"), 6)) for _ in range(24)]


class Hashing:
    """A real embedder of words, small enough to follow: one dimension for each hashed word."""

    id = "hashing:1"

    def __init__(self) -> None:
        self.encoded = 0

    def encode(self, texts):
        import zlib

        self.encoded += len(texts)
        rows = np.zeros((len(texts), 256), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in text.lower().split():
                row[zlib.crc32(word.encode()) % 256] += 1
        return normalised(rows)


def index(folder, examples=None, encoder=None) -> LabelIndex:
    examples = labelled() if examples is None else examples
    return LabelIndex(folder, encoder or Hashing(), BOOK, examples)


def retriever(folder, examples=None, lexical=False, **settings) -> Retriever:
    examples = labelled() if examples is None else examples
    searches = {"lexical": LexicalIndex(BOOK, examples)}
    if not lexical:
        searches["dense"] = index(folder, examples)
    return Retriever(BOOK, examples, searches, RetrievalSettings(**settings), "hashing")


def test_the_nearest_are_those_of_exact_search(tmp_path):
    encoder, examples = Hashing(), labelled(60)
    texts = [e.issue.text + " more" for e in examples[::7]]
    exact = encoder.encode(texts) @ encoder.encode([e.issue.text for e in examples]).T
    searched = index(tmp_path, examples)
    for text, scores in zip(texts, exact, strict=True):
        found, codes = searched.search([Text(text, "")], 10, 0)[0]
        best = np.sort(scores)[::-1][:10]
        assert [score for _, score in found] == pytest.approx(best.tolist(), abs=1e-4)
        assert codes == []


def test_words_find_what_shares_them_and_nothing_else():
    issues = {"one": "模型无法加载", "two": "the model loads slowly", "three": "???"}
    examples = [Example(issue=Issue(id=i, title=t), codes=("cat",)) for i, t in issues.items()]
    found = LexicalIndex(BOOK, examples)
    assert [i for i, _ in found.search([Text("加载模型", "")], 5, 0)[0][0]] == ["one"]
    assert [i for i, _ in found.search([Text("It loads", "")], 5, 0)[0][0]] == ["two"]
    assert found.search([Text("\ud83d ???", "")], 5, 5)[0] == ([], [])
    signs, _ = codebooks.parse('id: x\nname: X\ncodes: [{id: "1", name: "!", definition: "?"}]')
    assert LexicalIndex(signs, []).search([Text("1", "")], 5, 5)[0][1][0][0] == "1"


@pytest.mark.parametrize("lexical", [False, True])
def test_the_nearest_definitions(lexical, tmp_path):
    cold = retriever(tmp_path, [], lexical)
    barks = cold.look_up([Issue(id="1", title="something barks loudly")], 4, 5)[0]
    purrs = cold.look_up([Issue(id="2", title="it purrs")], 4, 1)[0]
    assert barks.definitions[0].code == "dog.big"
    assert [near.code for near in purrs.definitions] == ["cat"]
    assert purrs.definitions[0].score == 1 and purrs.definitions[0].lexical > 0
    assert (purrs.definitions[0].dense is None) is lexical
    assert (barks.neighbours, barks.examples, barks.excluded) == ((), (), ())


@pytest.mark.parametrize("lexical", [False, True])
def test_an_issue_never_sees_its_own_label_nor_a_near_duplicates(lexical, tmp_path):
    examples = labelled()
    own = examples[0].issue
    copy = Issue(id="copied", title=own.title + " please")
    examples.append(Example(issue=copy, codes=("dog.big",)))
    found = retriever(tmp_path, examples, lexical, diversity=0).look_up([own], 4, 2)[0]
    assert set(found.excluded) == {own.id, copy.id}
    assert len(found.neighbours) == 4
    assert not {n.issue_id for n in found.neighbours} & {own.id, copy.id}
    assert [n.issue_id for n in found.neighbours] == [e.issue.id for e in found.examples]
    assert found.neighbours[0].codes == ("cat",) and found.definitions[0].code == "cat"


def test_many_near_duplicates_do_not_crowd_out_the_others(tmp_path):
    text = TOPICS["cat"].format(" ".join(extra("cat", 0)))
    copies = [Example(issue=Issue(id=f"copy{i}", title=text), codes=("cat",)) for i in range(30)]
    found = retriever(tmp_path, copies + labelled(5)).look_up([Issue(id="new", title=text)], 3, 0)[
        0
    ]
    assert len(found.neighbours) == 3 and len(found.excluded) == 31
    assert not any(n.issue_id.startswith("copy") for n in found.neighbours)


def test_no_labels_no_text_and_nothing_wanted(tmp_path):
    blank = Example(issue=Issue(id="blank"), codes=("cat",))
    purrs = Issue(id="1", title="purrs")
    assert retriever(tmp_path, []).look_up([purrs], 4, 1)[0].neighbours == ()
    assert retriever(tmp_path, [blank]).look_up([purrs], 4, 1)[0].neighbours == ()
    assert retriever(tmp_path).look_up([Issue(id="1")], 4, 4)[0].definitions == ()
    nothing = retriever(tmp_path).look_up([purrs], 0, 0)[0]
    assert (nothing.neighbours, nothing.excluded, nothing.definitions) == ((), (), ())


def test_a_second_start_embeds_nothing_again(tmp_path):
    index(tmp_path)
    encoder = Hashing()
    index(tmp_path, encoder=encoder)
    assert encoder.encoded == 0


def test_other_codes_for_the_same_issues_are_seen_at_once(tmp_path):
    index(tmp_path)
    recoded = [e.model_copy(update={"codes": ("dog.big",)}) for e in labelled()]
    found = retriever(tmp_path, recoded).look_up([Issue(id="x", title="cat purrs")], 3, 0)[0]
    assert {n.codes for n in found.neighbours} == {("dog.big",)}


def test_the_same_labels_in_another_order_are_the_same_index(tmp_path):
    index(tmp_path)
    encoder = Hashing()
    other = index(tmp_path, labelled()[::-1], encoder)
    assert encoder.encoded == 0
    for example in labelled()[::5]:
        assert other.search([Text(example.issue.text, "")], 1, 0)[0][0][0][0] == example.issue.id


def test_other_texts_or_another_embedder_make_another_index(tmp_path):
    index(tmp_path)
    edited = labelled()
    edited[0] = Example(issue=Issue(id=edited[0].issue.id, title="zebra"), codes=("cat",))
    found = retriever(tmp_path, edited).look_up([Issue(id="x", title="zebra crossing")], 1, 0)[0]
    assert found.neighbours[0].issue_id == edited[0].issue.id
    other = Hashing()
    other.id = "hashing:2"
    index(tmp_path, encoder=other)
    assert other.encoded > 0


def near(found: LabelIndex) -> object:
    return found.search([Text("the cat meows", "")], 3, 2)[0]


def database(folder):
    return folder / "chroma.sqlite3"


def garble(path) -> None:
    path.write_bytes(b"\xff" * 200 + path.read_bytes()[200:])


def cut(path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def a_folder_instead(path) -> None:
    path.unlink()
    path.mkdir()


DAMAGE = {
    "head": lambda folder: garble(database(folder)),
    "cut": lambda folder: cut(database(folder)),
    "one byte": lambda folder: database(folder).write_bytes(
        database(folder).read_bytes()[:-1] + b"\xfe"
    ),
    "empty": lambda folder: database(folder).write_bytes(b""),
    "gone": lambda folder: database(folder).unlink(),
    "a folder": lambda folder: a_folder_instead(database(folder)),
    "vectors cut": lambda folder: [cut(path) for path in folder.rglob("*.bin")],
    "vectors gone": lambda folder: [path.unlink() for path in folder.rglob("*.bin")],
    "fingerprints": lambda folder: (folder / "fingerprints.json").write_text("{"),
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("when", ["before it is opened", "while it is in use"])
def test_a_damaged_index_finds_what_it_found(tmp_path, damage, when):
    first = index(tmp_path)
    expected = near(first)
    if when == "before it is opened":
        DAMAGE[damage](tmp_path)
        assert near(index(tmp_path)) == expected
    else:
        DAMAGE[damage](tmp_path)
        assert near(first) == expected
    encoder = Hashing()
    assert near(index(tmp_path, encoder=encoder)) == expected


# In a process of its own: chromadb ends the process over vectors that were cut off, and it keeps
# them apart from the rest of an index only beyond a thousand rows.
_LARGE = """
import shutil, sys
from pathlib import Path
from test_index import cut, index, labelled, near
folder, what = Path(sys.argv[1]), sys.argv[2]
examples = labelled(600)
if what == "cut":
    for path in folder.rglob("*.bin"):
        cut(path)
found = index(folder, examples)
if what == "remove":
    shutil.rmtree(folder)
print(near(found)[0][:1])
"""


@pytest.mark.parametrize("what", ["cut", "remove"])
def test_a_large_index_is_made_again_or_still_known(tmp_path, what):
    def look(what):
        return subprocess.run(
            [sys.executable, "-c", _LARGE, str(tmp_path / "index"), what],
            cwd=Path(__file__).parent, capture_output=True, text=True, check=False,
        )  # fmt: skip

    first = look("make")
    assert first.returncode == 0, first.stderr
    again = look(what)
    assert (again.returncode, again.stdout) == (0, first.stdout), again.stderr


def test_a_cache_that_is_removed_while_it_starts_is_made_again(tmp_path, monkeypatch):
    """By another process, once for all, between any two steps."""
    import chromadb

    folder, connect, removed = tmp_path / "chroma", chromadb.PersistentClient, []

    def connecting(*arguments):
        client = connect(*arguments)
        if not removed:
            removed.append(folder)
            shutil.rmtree(folder)
        return client

    monkeypatch.setattr(chromadb, "PersistentClient", connecting)
    assert near(index(folder)) == near(index(tmp_path / "other"))
    assert removed


def test_an_index_that_cannot_be_made_is_an_error_with_a_way_out(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError) as caught:
        index(tmp_path / "file" / "chroma")
    assert 'retrieval.embedder = "none"' in caught.value.hint


def test_an_index_that_was_cut_short_is_made_again(tmp_path):
    import chromadb

    index(tmp_path)
    settings = chromadb.config.Settings(anonymized_telemetry=False)
    client = chromadb.PersistentClient(str(tmp_path), settings)
    for collection in client.list_collections():
        if collection.name.startswith("labels-"):
            client.get_collection(collection.name).delete(ids=["0", "1"])
    own = labelled()[0].issue
    assert index(tmp_path).search([Text(own.text, "")], 1, 0)[0][0][0][0] == own.id


def test_a_studys_env_file_neither_runs_code_nor_names_a_server(tmp_path, monkeypatch):
    """chromadb reads a .env of the folder one is in, and imports the classes that it names."""
    (tmp_path / ".env").write_text(
        "CHROMA_PRODUCT_TELEMETRY_IMPL=stranger.Class\nCHROMA_SERVER_HOST=192.0.2.1\n"
    )
    (tmp_path / "stranger.py").write_text("raise SystemExit('code of the study ran')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("CHROMA_API_IMPL", "stranger.Class")
    own = labelled()[0].issue
    assert index(tmp_path / "cache").search([Text(own.text, "")], 1, 0)[0][0][0][0] == own.id


MAKE = """
import sys
sys.path[:0] = [{here!r}]
import test_index as t
from pathlib import Path
found = t.index(Path({folder!r}), t.labelled(40))
print(len(found.search([t.Text("the dog barks", "")], 80, 0)[0][0]))
"""


def test_three_processes_at_once_make_one_whole_index_that_can_be_deleted(tmp_path):
    code = MAKE.format(here=str(__file__).rpartition("/")[0], folder=str(tmp_path))
    makers = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    assert [maker.communicate(timeout=120)[0].strip() for maker in makers] == ["80"] * 3
    shutil.rmtree(tmp_path)
    assert len(index(tmp_path).search([Text("the dog barks", "")], 80, 0)[0][0]) == 40


# --- which embedder -----------------------------------------------------------------------------


def study(folder, embedder) -> Study:
    return Study.open(folder, retrieval={"embedder": embedder})


def test_without_an_embedder_retrieval_is_by_words(tmp_path, monkeypatch):
    assert open_retriever(study(tmp_path, "none"), BOOK, labelled()).embedder == "lexical"

    def missing(*_):
        raise ModelError("not installed", "pip install it")

    monkeypatch.setattr(embedders, "MiniLM", missing)
    assert open_retriever(study(tmp_path, "minilm"), BOOK, labelled()).embedder == "lexical"
    with pytest.raises(ModelError, match="not installed"):
        embedders.check_embedder("minilm", tmp_path)


@pytest.fixture
def allowed(tmp_path, monkeypatch):
    """A study whose user has allowed an embedder that is code."""
    monkeypatch.setenv("CODER_CONFIG_DIR", str(tmp_path / "config"))

    def allow(setting, masked=False):
        permit(tmp_path, embedders.subject(setting, masked=masked))
        return embedders.open_embedder(setting, tmp_path)

    return allow


def test_any_langchain_embeddings(tmp_path, allowed):
    setting = "langchain:langchain_core.embeddings.fake:DeterministicFakeEmbedding"
    with pytest.raises(ModelError, match="cannot be set up"):
        allowed(setting)  # it wants a size
    (tmp_path / "my_embeddings.py").write_text(
        "from langchain_core.embeddings import DeterministicFakeEmbedding\n"
        "class Mine(DeterministicFakeEmbedding):\n    size: int = 8\n"
    )
    sys.path.insert(0, str(tmp_path))
    try:
        embedder = allowed("langchain:my_embeddings:Mine")
    finally:
        sys.path.remove(str(tmp_path))
    rows = embedder.encode(["a", "b"])
    assert rows.shape == (2, 8) and np.linalg.norm(rows, axis=1) == pytest.approx([1, 1])
    assert embedder.id == "langchain:my_embeddings:Mine"
    found = LabelIndex(tmp_path / "i", embedder, BOOK, labelled(3))
    assert len(found.search([Text("a", "")], 9, 9)[0][0]) == 6


@pytest.mark.parametrize(
    ("setting", "words"),
    [("word2vec", "no embedder is called"), ("langchain:no_such_module:X", "needs the module"),
     ("langchain:json:X", "has no 'X'"), ("langchain:os:getcwd", "no class of"),
     ("langchain:subprocess:Popen", "no class of")],
)  # fmt: skip
def test_an_embedder_that_is_not_there_is_one_line(setting, words, allowed):
    with pytest.raises(ModelError, match=words) as caught:
        allowed(setting)
    assert caught.value.hint and "pip install" not in caught.value.hint


def test_a_package_that_is_known_is_suggested(allowed):
    with pytest.raises(ModelError, match="needs the module langchain_voyageai") as caught:
        allowed("langchain:langchain_voyageai:VoyageAIEmbeddings")
    assert caught.value.hint == "pip install langchain-voyageai"


def test_code_is_not_even_imported_before_it_is_allowed(tmp_path, monkeypatch, allowed):
    setting = "langchain:evil:E"
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "evil.py").write_text("raise AssertionError('imported')")
    with pytest.raises(ModelError, match="nobody has allowed it"):
        embedders.open_embedder(setting, tmp_path)
    with pytest.raises(ModelError, match="nobody has allowed it"):
        embedders.check_embedder(setting, tmp_path)
    permit(tmp_path, embedders.subject(setting, masked=True))
    with pytest.raises(ModelError, match="nobody has allowed it"):
        embedders.open_embedder(setting, tmp_path)
    assert embedders.is_allowed(setting, tmp_path, masked=True)
    assert not embedders.is_allowed(setting, tmp_path / "other", masked=True)
    monkeypatch.setenv(embedders.VARIABLE, setting)
    with pytest.raises(ModelError, match="cannot be set up: imported"):
        embedders.open_embedder(setting, tmp_path)


# --- near-duplicates ----------------------------------------------------------------------------

LONG = "The model runs out of memory when I load it with eight bits on a card of six gigabytes."


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (("a", LONG, ""), ("b", LONG, ""), True),
        (("a", LONG, "Please help."), ("b", LONG.upper(), "Please HELP, thanks."), True),
        (("a", "Slow", "Inference is slow"), ("b", "Slow", "Training is what takes long"), False),
        (("a", "", ""), ("b", "", "words"), False),
        (("a", "Crash", "### Steps to reproduce\n\nrun it"),
         ("b", "Typo", "### Steps to reproduce\n\nread the page"), False),
        (("a", "one", "x"), ("a", "two", "y"), True),
    ],
)  # fmt: skip
def test_near_duplicates(one, other, same):
    first, second = (Issue(id=i, title=t, body=b) for i, t, b in (one, other))
    assert same_issue(first, second) is same is same_issue(second, first)

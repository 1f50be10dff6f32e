"""What is hashed, and what the coded text is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from coder.records import Comment, Issue, canonical_json, content_hash

texts = st.text(st.characters(exclude_categories=["Cs"]))


def test_the_coded_text_leaves_out_what_is_empty_and_what_bots_wrote():
    issue = Issue(
        id="1",
        title="Title",
        body=" \n",
        comments=(Comment(body="a person"), Comment(body="stale", bot=True), Comment(body="more")),
    )
    assert issue.text == "Title\n\na person\n\nmore"
    assert Issue(id="2").text == ""


@given(texts, texts)
def test_the_hash_is_over_the_coded_text_alone(title, body):
    issue = Issue(id="1", title=title, body=body)
    same = Issue(id="2", title=title, body=body, labels=("bug",), author="x", url="u")
    assert issue.hash == same.hash
    assert Issue(id="1", title=title + "x", body=body).hash != issue.hash


@given(texts, texts)
def test_an_issue_survives_its_json(title, body):
    issue = Issue(id="1", title=title, body=body, comments=(Comment(body=body),))
    assert Issue.model_validate_json(issue.to_json()) == issue
    assert "\n" not in issue.to_json()


def test_kinds_never_collide_and_key_order_does_not_matter():
    assert content_hash("a", {"x": 1}) != content_hash("b", {"x": 1})
    assert canonical_json({"b": 1, "a": "ü\u2028"}) == '{"a":"ü\u2028","b":1}'

"""A study folder is data: whatever stands in it, no command runs it or writes outside of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest
from support.hostile_study import TEMPLATE, HostileStudy

EXPLOIT = "codebook.parse_raw(BYTES, proto='pickle', allow_pickle=True)"
PICKLE = "cposix\nsystem\n(S'touch {canary}'\ntR."


@pytest.fixture
def hostile(tmp_path):
    return HostileStudy(tmp_path / "study")


def coder(study, *arguments, stdin=""):
    """Run as a user does who has changed into the folder; never ends in a traceback."""
    done = subprocess.run(
        [sys.executable, "-m", "coder", *arguments],
        cwd=study.root,
        input=stdin,
        capture_output=True,
        text=True,
        env={**os.environ, "CODER_CONFIG_DIR": str(study.root.parent / "config")},
        timeout=200,
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert not study.canary.exists(), f"coder {' '.join(arguments)} ran code of the study"
    return done


def refused(done, words):
    """In one line and a hint, and not by chance."""
    error, hint = done.stderr.strip().split("\n")[-2:]
    assert done.returncode not in (0, None), done.stdout
    assert error.startswith("error: ") and words in error, done.stderr
    assert hint.startswith("hint: ")


PROPOSE = ("propose", "issues.jsonl", "--run", "first")


def test_nothing_that_lies_in_the_folder_is_run(hostile):
    hostile.plant_everywhere()
    hostile.write("labels.csv", "id,code\na/b#1,cat\n")
    for command in (
        ("doctor",),
        ("import", "issues.jsonl", "-o", "imported.jsonl"),
        ("codebook", "check"),
        ("prompt", "show"),
        (*PROPOSE, "--dry-run"),
        (*PROPOSE, "--dry-run", "--model", "ollama:m", "--labels", "labels.csv"),
        (*PROPOSE, "--labels", "labels.csv"),
        ("label", "import", "labels.csv", "--run", "first", "--rater", "ann"),
        ("status", "first"),
        ("report", "first", "--figures"),
        ("audit", "log", "first"),
    ):
        done = coder(hostile, *command)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    done = coder(hostile, "review", "first", "--rater", "bea", "--plain", stdin="a\na\nq\n")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("{{ " + EXPLOIT + " }}", "calls its own macros alone, not parse_raw()"),
        ("{{ codebook.__class__.__subclasses__ }}", "has no attribute '__class__'"),
        ("{% for i in range(10**9) %}x{% endfor %}", "calls its own macros alone, not range()"),
        ("{{ 'x' * 10000000000 }}", "characters of work"),
        ("{% include '/etc/passwd' %}", "templates have no {% include %}"),
        ("{{ system() }}", "call each other without end"),
    ],
)
def test_a_template_runs_nothing_and_ends(hostile, expression, words):
    payload = PICKLE.format(canary=hostile.canary).encode("unicode_escape").decode()
    hostile.write(
        "prompts/mine.jinja",
        TEMPLATE.replace("EXPR", expression.replace("BYTES", f'"{payload}"')),
    )
    hostile.settings('[model]\nname = "ollama:m"\nprompt = "mine"')
    refused(coder(hostile, *PROPOSE, "--dry-run"), words)


@pytest.mark.parametrize("name", ["evil:E", "os:getcwd", "langchain_evil.embeddings:E"])
@pytest.mark.parametrize("model", ["embedded", "ollama:m"])
def test_code_that_a_study_names_waits_for_the_user(hostile, name, model):
    hostile.plant_everywhere()
    hostile.settings(f'[model]\nname = "{model}"\n[retrieval]\nembedder = "langchain:{name}"')
    looked = coder(hostile, "doctor")
    assert "nobody has allowed it on this machine" in " ".join(looked.stdout.split())
    assert "pip install evil" not in looked.stdout
    for command in ((*PROPOSE, "--dry-run"), PROPOSE):
        refused(coder(hostile, *command), "nobody has allowed")
    assert not (hostile.root / "runs/first").exists()


def test_a_provider_that_a_study_makes_up_is_none(hostile):
    hostile.plant_everywhere()
    hostile.settings('[model]\nname = "evil:x"')
    refused(coder(hostile, *PROPOSE, "--dry-run"), "no provider is called 'evil'")
    hostile.settings('[model]\nname = "evil.sub:x"')
    refused(coder(hostile, *PROPOSE), "no provider is called 'evil.sub'")


def test_a_codebook_makes_no_objects(hostile):
    hostile.write(
        "codebook/pets.yaml",
        f"id: pets\nname: !!python/object/apply:os.system ['touch {hostile.canary}']\ncodes: []\n",
    )
    assert coder(hostile, "codebook", "check").returncode != 0


# --- links ----------------------------------------------------------------------------------------


def test_runs_that_are_a_link_to_another_folder_are_refused(hostile):
    (hostile.root / "runs").symlink_to(hostile.outside)
    for command in (PROPOSE, (*PROPOSE, "--dry-run"), ("status", "first"), ("report", "first")):
        refused(coder(hostile, *command), "leads out of")
    assert list(hostile.outside.iterdir()) == []


def in_place_of(path, target):
    """A link where a file or folder of the study was."""
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.parent.mkdir(exist_ok=True)
    path.symlink_to(target)


LINKS = {
    "runs/first/labels": "",
    "runs/first/labels/ann.jsonl": "secret",
    "runs/first/decisions/bea.jsonl.lock": "secret",
    "runs/first/issues.jsonl": "secret",
    "runs/first/report": "",
    "runs/.cache": "",
    "runs/consent.jsonl": "secret",
}


@pytest.mark.parametrize("link", LINKS)
def test_a_link_inside_runs_that_leads_out_is_refused(hostile, link):
    assert coder(hostile, *PROPOSE).returncode == 0
    secret = hostile.outside / "secret"
    secret.write_text("mine")
    in_place_of(hostile.root / link, hostile.outside / LINKS[link])
    hostile.write("labels.csv", "id,code\na/b#1,cat\n")
    for command in (
        ("status", "first"),
        ("label", "import", "labels.csv", "--run", "first", "--rater", "ann"),
        (*PROPOSE[:-1], "second"),
    ):
        refused(coder(hostile, *command), "leads out of")
    assert [path.name for path in hostile.outside.iterdir()] == ["secret"]
    assert secret.read_text() == "mine"


def test_links_that_stay_in_the_study_are_followed(hostile):
    assert coder(hostile, *PROPOSE).returncode == 0
    (hostile.root / "kept").mkdir()
    in_place_of(hostile.root / "runs/first/labels", hostile.root / "kept")
    hostile.write("labels.csv", "id,code\na/b#1,cat\n")
    imported = coder(hostile, "label", "import", "labels.csv", "--run", "first", "--rater", "ann")
    assert imported.returncode == 0, imported.stderr
    assert (hostile.root / "kept/ann.jsonl").is_file()
    (hostile.root / "kept/bea.jsonl").symlink_to(hostile.outside / "secret")
    refused(coder(hostile, "status", "first"), "leads out of")


def test_what_is_no_file_is_refused_before_it_is_waited_for(hostile):
    assert coder(hostile, *PROPOSE).returncode == 0
    (hostile.root / "runs/first/labels").mkdir(exist_ok=True)
    os.mkfifo(hostile.root / "runs/first/labels/ann.jsonl")
    refused(coder(hostile, "status", "first"), "neither a file nor a folder")


@pytest.mark.parametrize("setting", ["prompt", "codebook"])
@pytest.mark.parametrize("where", ["../outside/secret", "{outside}/secret", "../../outside/secret"])
def test_a_setting_names_no_file_outside_of_the_study(hostile, setting, where):
    """The last is found in a folder of the study, by a name with a suffix."""
    secret = hostile.outside / "secret"
    suffix = {"prompt": ".jinja", "codebook": ".yaml"}[setting] if "../.." in where else ""
    text = TEMPLATE if setting == "prompt" else (hostile.root / "codebook/pets.yaml").read_text()
    secret.with_suffix(suffix).write_text(text)
    (hostile.root / "prompts").mkdir()
    name = where.format(outside=hostile.outside)
    own = "pets" if setting == "prompt" else name
    hostile.write("study.toml", f'codebook = "{own}"\n[model]\nname = "ollama:m"\n')
    if setting == "prompt":
        hostile.settings(f'[model]\nname = "ollama:m"\nprompt = "{name}"')
    refused(coder(hostile, *PROPOSE, "--dry-run"), "leads out of")
    if setting == "codebook" and not suffix:
        # What the user names themselves is taken from anywhere.
        done = coder(hostile, *PROPOSE, "--dry-run", "--model", "embedded", "--codebook", name)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("kind", ["prompts/mine.jinja", "codebook/pets.yaml"])
def test_a_prompt_or_codebook_that_is_a_link_to_another_file_is_refused(hostile, kind):
    secret = hostile.outside / "secret"
    secret.write_text(TEMPLATE if "prompts" in kind else (hostile.root / kind).read_text())
    in_place_of(hostile.root / kind, secret)
    hostile.settings('[model]\nname = "ollama:m"\nprompt = "mine"')
    refused(coder(hostile, *PROPOSE, "--dry-run"), "leads out of")

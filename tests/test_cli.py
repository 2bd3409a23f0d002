"""Every command as a user meets it: what it prints, its JSON, its exit status."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from synthner import cli
from synthner.tests import command_line
from synthner.tests.command_line import files_in
from synthner.tests.in_process import done, refused, synthner

pytest_plugins = ["synthner.tests.finished_release"]

HEAVY = ("datasets", "huggingface_hub", "pyarrow", "numpy", "openai", "rich", "yaml", "jsonschema")
HEAVY += ("langcodes", "regex", "jinja2", "sqlite3", "asyncio")
COMMANDS = (
    *("init", "clusters", "generate", "build", "validate", "publish", "status", "run"),
    *("salvage", "curate", "score", "train", "tag", "align", "project", "methods", "study"),
    *("evaluate", "report", "push-model"),
)
PUBLISHED = {"swa_gpt4": {"train": 94, "validation": 28}, "swa_swap": {"train": 54}}


@pytest.fixture
def release(tmp_path: Path) -> Path:
    done("init", "release", folder=tmp_path)
    return tmp_path / "release"


def test_start_up_imports_nothing_heavy():
    code = f"import sys, synthner.cli; print([name for name in {HEAVY} if name in sys.modules])"

    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True)

    assert loaded.stdout == "[]\n"


def test_help_names_every_command_in_a_whole_sentence(tmp_path):
    text = command_line.done("--help", folder=tmp_path, COLUMNS="80").stdout

    for command in COMMANDS:
        assert re.search(rf"^  {command} +[A-Z].*\w\.$", text, re.MULTILINE), command
    assert "..." not in text.partition("Commands on a release:")[2]
    assert text.index("  init ") < text.index("  publish ") < text.index("Commands on plain files:")
    assert text.index("Commands on plain files:") < text.index("  curate ") < text.index("  leaderboard ")


def test_the_examples_in_help_are_commands_that_there_are():
    programs: list[click.Group] = [cli.synthner]
    lines = []
    for program in programs:
        programs += [each for each in program.commands.values() if isinstance(each, click.Group)]
        for command in (program, *program.commands.values()):
            lines += (command.epilog or "").replace("\\\n", "").splitlines()
    found = [line.split(" && ")[0].split() for line in lines if line.startswith("  synthner ")]

    assert len(found) >= 10
    for _synthner, *words in found:
        command: click.Command = cli.synthner
        while isinstance(command, click.Group):
            command = command.commands[words.pop(0)]
        command.make_context(command.name, words)  # Wrong usage is an error here.


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_and_its_json(tmp_path, command):
    text = done(command, "--help", folder=tmp_path).stdout
    shown, _, found = text.partition("Examples:\n")

    assert "Print one JSON object on stdout." in shown
    assert found.strip().startswith(f"synthner {command}")
    if "[RELEASE]" in text:
        assert "RELEASE is a release.yaml or its folder" in " ".join(text.split())


def options_of(command: click.Command) -> Iterator[click.Option]:
    if isinstance(command, click.Group):
        for each in command.commands.values():
            yield from options_of(each)
    yield from (each for each in command.params if isinstance(each, click.Option))


def test_every_option_is_explained():
    for option in options_of(cli.synthner):
        assert option.help, option.opts


def test_the_way_from_nothing_to_a_published_dataset(tmp_path):
    written = done("init", "my release", folder=tmp_path).stdout
    assert written == "Wrote 11 files to my release. Next:\n\n  cd 'my release'\n  synthner run\n"
    folder = tmp_path / "my release"

    assert "not yet" in done("status", folder=folder).stdout
    assert "Nothing is built yet." in done("validate", folder=folder).stdout
    plan = done("generate", "--dry-run", folder=folder).stdout
    assert "Nothing was asked and nothing was written." in plan
    assert not (folder / "work").exists()

    generated = done("generate", folder=folder)
    assert generated.stdout == ""
    assert "Answered: 77 of 77 calls. The journal holds 77 of 77 planned calls." in generated.stderr
    assert "not built" in done("status", folder=folder).stdout

    built = done("build", folder=folder).stdout
    assert re.search(r"published +94 +28\b.*published +54\b", built, re.DOTALL)
    assert f"The dataset is in {folder / 'dataset'};" in built
    assert re.search(r"train +12 +12 +0 +94\b", done("status", folder=folder).stdout)

    published = done("publish", "--to", "../there", folder=folder).stdout
    assert "7 files written, 0 unchanged, 0 removed" in published
    line = f'load_dataset("{tmp_path / "there"}", "swa_gpt4")  # 94 train, 28 validation'
    assert line in published
    assert f'load_dataset("{tmp_path / "there"}", "swa_swap")  # 54 train' in published


def test_a_second_run_changes_nothing_and_imports_no_torch(built):
    before = files_in(built / "dataset")

    again = command_line.done("run", "--json", folder=built, PYTHONPROFILEIMPORTTIME="1")

    assert "Nothing was left to ask. The journal holds 77 of 77 planned calls." in again.stderr
    assert (again.json["configs"], again.json["written"]) == (PUBLISHED, [])
    assert files_in(built / "dataset") == before
    imported = {line.rpartition("|")[2].strip() for line in again.stderr.splitlines()}
    assert "datasets" in imported
    assert "torch" not in imported


def test_publishing_what_is_there_writes_nothing(built):
    shutil.copytree(built / "dataset", built.parent / "there")
    before = files_in(built.parent / "there")

    again = done("run", "--to", "../there", folder=built).stdout

    assert re.search(r"published +94 +28", again)
    assert "0 files written, 7 unchanged, 0 removed." in again
    assert files_in(built.parent / "there") == before


def test_before_a_build_every_command_prints_one_json_object(tmp_path):
    made = done("init", "release", "--json", folder=tmp_path).json
    assert made["folder"] == str(tmp_path / "release")
    assert "release.yaml" in made["files"]
    release = tmp_path / "release"

    plan = done("generate", "--dry-run", "--json", folder=release).json
    assert plan["configs"]["swa_gpt4"]["splits"]["train"]["to_ask"] == 12
    assert done("generate", "--json", folder=release).json["answered"] == 77
    assert done("status", "--json", folder=release).json["configs"]["swa_gpt4"]["published"] is None
    valid = done("validate", "--json", folder=release).json
    assert (valid["dataset"], valid["gold"]["swa"]["problems"]) == (None, [])
    assert done("validate", "gold/train.conll", "--json", folder=release).json["examples"] == 62


def test_after_a_build_every_command_prints_one_json_object(built):
    manifest = done("build", "--json", folder=built).json
    assert manifest == json.loads((built / "dataset" / "manifest.json").read_text(encoding="utf-8"))
    status = done("status", "--json", folder=built).json["configs"]["swa_gpt4"]
    assert status["published"] == PUBLISHED["swa_gpt4"]
    assert (status["cost"], status["finish_reasons"]) == (
        None,
        manifest["configs"]["swa_gpt4"]["finish_reasons"],
    )
    published = done("publish", "--to", "../there", "--json", folder=built).json
    assert (published["folder"], published["configs"]) == (str(built.parent / "there"), PUBLISHED)
    assert done("validate", "--json", folder=built).json["dataset"] == PUBLISHED


def test_gold_that_is_tested_on_and_trained_on_is_refused_before_it_is_published(release):
    assert done("validate", "--json", folder=release).json["findings"] == []
    shutil.copy(release / "gold/test.conll", release / "gold/train.conll")

    told = synthner("validate", folder=release)
    found = synthner("validate", "--json", folder=release)

    assert (told.status, found.status) == (1, 1)
    assert "sentences of test stand in train, too [contamination]" in told.stdout
    assert "Give gold train without the sentences of gold test" in told.stdout
    assert [each["name"] for each in found.json["findings"]] == ["contamination"]
    with (release / "release.yaml").open("a", encoding="utf-8") as stream:
        stream.write("\npublish: {accept: {contamination: It is only a trial.}}\n")
    assert done("validate", "--json", folder=release).json["findings"] == []


def test_salvage_on_plain_files(release):
    labels = "O,B-PER,I-PER,B-ORG,I-ORG,B-LOC,I-LOC,B-DATE,I-DATE"
    arguments = ("salvage", "responses/swa_train.jsonl", "--labels", labels, "-o", "data.jsonl")

    told = done(*arguments, "--rejects", "lost.jsonl.gz", folder=release).stdout
    found = done(*arguments, "--json", folder=release).json

    rows = [json.loads(line) for line in (release / "data.jsonl").read_text(encoding="utf-8").splitlines()]
    assert found["calls"] == 12
    assert found["usable"] == len(rows) > 90
    assert f"12 calls, {found['returned']} datapoints returned, {found['usable']} usable" in told
    assert "The datapoints are in data.jsonl." in told
    assert (release / "lost.jsonl.gz").stat().st_size > 0
    checked = done("validate", "data.jsonl", "--labels", labels, "--json", folder=release).json
    assert checked["examples"] == len(rows)


@pytest.mark.parametrize(
    "command",
    [
        *(("clusters",), ("generate",), ("build",), ("validate",), ("status",), ("run",)),
        ("publish", "--to", "there"),
    ],
    ids=lambda command: command[0],
)
def test_in_an_empty_folder(tmp_path, command):
    message = refused(*command, folder=tmp_path)

    assert message.startswith("release.yaml: there is no such file")
    assert "`synthner init FOLDER`" in message
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("build",), "Run `synthner generate` first."),
        (("publish", "--to", "there"), "Run `synthner build`."),
    ],
    ids=["build", "publish"],
)
def test_a_stage_without_the_one_before_names_that(release, command, message):
    before = files_in(release)

    assert message in refused(*command, folder=release)
    assert files_in(release) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("init", "."), "the folder is not empty"),
        (("generate", "--config", "swa_gpt"), "Did you mean `swa_gpt4`?"),
        (("tag", "--generator", "gpt4", "-o", "there.conll"), "There is none here."),
        (("validate", "--labels", "PER,LOC"), "without --format and --labels"),
        (("validate", "release.yaml", "gold/train.conll"), "a release is checked by itself"),
        (("validate", "gold/train.conll", "--labels", "PER,LOC"), "--labels: a label set begins with `O`"),
        (("validate", "gold/train.conll", "--labels", "O,B-PER"), "--labels: the label set needs both"),
        (("validate", "gold/train.conll", "--format", "json"), "Did you mean `jsonl`?"),
    ],
)
def test_wrong_usage_says_what_is_right(release, arguments, message):
    assert message in refused(*arguments, folder=release, status=2)


@pytest.mark.parametrize(
    "arguments",
    [("init",), ("salvage", "raw.jsonl"), ("rnu",), ("status", "--jsn"), ()],
    ids=["no folder", "no output", "no such command", "no such option", "nothing"],
)
def test_wrong_usage_shows_the_usage(tmp_path, arguments):
    ended = command_line.synthner(*arguments, folder=tmp_path)

    assert (ended.status, ended.stdout) == (2, "")
    assert "Usage: synthner" in ended.stderr


def test_a_release_elsewhere_by_file_or_folder(tmp_path):
    (tmp_path / "Ìwé mi").mkdir()
    done("init", "Ìwé mi/ọ̀rọ̀", folder=tmp_path)
    release = tmp_path / "Ìwé mi" / "ọ̀rọ̀"
    (release / "release.yaml").rename(release / "mine.yaml")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    ran = done("run", "../Ìwé mi/ọ̀rọ̀/mine.yaml", "--to", "ọjà", "--json", folder=elsewhere).json

    assert ran == {**ran, "folder": str(elsewhere / "ọjà"), "configs": PUBLISHED}
    assert (release / "work" / "journal.sqlite").is_file()
    assert [path.name for path in elsewhere.iterdir()] == ["ọjà"]
    (release / "mine.yaml").rename(release / "release.yaml")
    assert done("status", release, "--json", folder=elsewhere).json["configs"]["swa_gpt4"]["published"]


def test_what_keeps_a_release_from_the_hub_keeps_it_from_a_folder(built):
    there = built.parent / "there"
    release, test = built / "release.yaml", built / "gold" / "test.conll"
    test.write_bytes((built / "gold" / "train.conll").read_bytes())

    said = refused("publish", "--to", there, folder=built)
    assert re.search(r"not published: gold of swa: .* of test stand in train, too \[contamination\]", said)
    assert "publish: accept: contamination" in said
    assert not there.exists()

    reason = "Both splits are meant to be the same here."
    text = release.read_text(encoding="utf-8")
    accepting = f"publish: {{accept: {{contamination: {reason}}}}}\n"
    release.write_text(re.sub(r"(?ms)^publish:.*?(?=^\S|\Z)", "", text) + accepting, encoding="utf-8")
    done("publish", "--to", there, folder=built)
    assert reason in (there / "README.md").read_text(encoding="utf-8")
    manifest = json.loads((there / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["accepted"] == {"contamination": reason}
    assert "0 files written, 7 unchanged" in done("publish", "--to", there, folder=built).stdout


def test_an_incomplete_card_keeps_nothing_from_a_folder(built):
    release = built / "release.yaml"
    text = release.read_text(encoding="utf-8")
    release.write_text(re.sub(r"(?m)^authors:.*\n", "", text), encoding="utf-8")
    done("build", folder=built)

    done("publish", "--to", "../there", folder=built)


def test_a_folder_does_not_get_a_dataset_that_lacks_a_config_of_the_release(built):
    release = built / "release.yaml"
    text = release.read_text(encoding="utf-8")
    release.write_text(text.replace("\n  swap: ", "\n  other: "), encoding="utf-8")

    said = refused("publish", "--to", "../there", folder=built)

    assert "swa_other is not built; swa_swap is not in release.yaml any more" in said


def test_only_the_files_of_this_dataset_are_touched(built):
    there = built.parent / "there"
    there.mkdir()
    (there / "notes.txt").write_text("mine\n", encoding="utf-8")
    (there / "README.md").write_text("Read this first.\n", encoding="utf-8")

    done("publish", "--to", there, folder=built)

    assert (there / "notes.txt").read_text(encoding="utf-8") == "mine\n"
    assert "Read this first.\n" in (there / "README.md").read_text(encoding="utf-8")
    (there / "manifest.json").write_text('{"of": "another program"}', encoding="utf-8")
    assert "Choose another folder" in refused("publish", "--to", there, folder=built)


@pytest.mark.parametrize("target", [".", "dataset/inside", "release.yaml"])
def test_a_target_that_is_none(built, target):
    before = files_in(built)

    assert "Choose a folder" in refused("publish", "--to", target, folder=built)
    assert files_in(built) == before


def test_what_people_write_into_the_card_is_kept(built):
    card = built / "dataset" / "README.md"
    card.write_text(
        card.read_text(encoding="utf-8").replace("\n---\n", "\nthumbnail: swa.png\n---\n", 1)
        + "\n## From the authors\n\nTutaonana.\n",
        encoding="utf-8",
    )
    path = built / "release.yaml"
    path.write_text(
        path.read_text(encoding="utf-8").replace("NER (Swahili)", "NER, rebuilt"), encoding="utf-8"
    )

    outcome = done("run", "--json", folder=built).json
    assert outcome["configs"] == PUBLISHED
    assert outcome["totals"]["swa_gpt4"]["published"] == sum(PUBLISHED["swa_gpt4"].values())
    assert outcome["generated"]["configs"]["swa_gpt4"]["splits"]["train"]["answered"] == 12

    text = card.read_text(encoding="utf-8")
    assert "NER, rebuilt" in text
    assert text.count("## From the authors\n\nTutaonana.\n") == 1
    assert "thumbnail: swa.png" in text

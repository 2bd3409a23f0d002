"""What the commands say: that it is true and whole, and that no data in it commands the terminal."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import yaml

from synthner import cli
from synthner.release import read_release
from synthner.schema.errors import DataError
from synthner.sources.gold import GoldSource, load_gold
from synthner.tests.curation_sentences import write
from synthner.tests.grid_release import labelled, write_grid
from synthner.tests.in_process import done, refused, synthner
from synthner.tests.small_release import write_release

# It names the window of a terminal, until the bell.
OSC = "\x1b]0;mine\x07"
SPELLED_OUT = "⟨U+001B⟩]0;mine⟨U+0007⟩"
REPOSITORY = Path(__file__).resolve().parents[1]


def conll(folder: Path, name: str, *rows: str) -> Path:
    path = folder / name
    path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    return path


def error_of_a_command(folder: Path) -> str:
    conll(folder, "gold.conll", "Ada\tB-PER")
    conll(folder, "predicted.conll", f"A{OSC}da\tB-PER")
    return refused("score", "gold.conll", "predicted.conll", folder=folder)


def problem_in_data(folder: Path) -> str:
    conll(folder, "train.conll", f"Lagos{OSC}\tB-LOC")
    return synthner("validate", "train.conll", folder=folder).stdout


def cell_of_a_table(folder: Path) -> str:
    conll(folder, "gold.conll", f"Ada\tB-PER{OSC}")
    return done("score", "gold.conll", "gold.conll", folder=folder).stdout


def reason_of_a_cell(folder: Path) -> str:
    write_grid(folder, {"sources": {"other": {"predictions": "other.jsonl"}}})
    rows = [{"id": "1", "tokens": [f"Ada{OSC}"], "ner_tags": ["O"]}]
    (folder / "other.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return synthner("evaluate", folder=folder).stderr


@pytest.mark.parametrize("said", [error_of_a_command, problem_in_data, cell_of_a_table, reason_of_a_cell])
def test_data_gives_the_terminal_no_commands(tmp_path, said):
    shown = said(tmp_path)
    assert SPELLED_OUT in shown
    assert not {"\x1b", "\x07"} & set(shown)


def test_a_release_without_generators_is_valid_and_of_no_configs(tmp_path):
    write_grid(tmp_path)
    assert "release.yaml is valid.\n\nGold of en" in done("validate", folder=tmp_path).stdout
    write_release(tmp_path / "other", {"gpt": {"examples": 3, "calls": {"train": 1}}})
    assert "release.yaml is valid: da_gpt.\n\nGold of da" in done("validate", "other", folder=tmp_path).stdout


def test_what_a_report_needs_is_what_its_help_says(tmp_path, monkeypatch):
    write_grid(tmp_path, {"sizes": [10], "seeds": 1})
    done("evaluate", "--workers", "1", folder=tmp_path)
    monkeypatch.setitem(sys.modules, "matplotlib", None)

    assert "a report needs a package that is not installed: matplotlib" in refused(
        "report", folder=tmp_path, status=2
    )
    said = " ".join(done("report", "--help", folder=tmp_path).stdout.split())
    assert "A report needs `pip install 'synthner[report]'`." in said


def test_a_study_names_all_that_is_not_installed_at_once(tmp_path, monkeypatch):
    done("init", "--example", "transfer-study", "example", folder=tmp_path)
    for package in ("matplotlib", "thot"):
        monkeypatch.setitem(sys.modules, package, None)

    message = refused("study", folder=tmp_path / "example", status=2)

    assert "matplotlib" in message
    assert "sil-thot" in message
    assert "pip install 'synthner[report]'" in message
    assert "pip install 'synthner[align]'" in message
    assert not (tmp_path / "example" / "work").exists()


def test_a_study_names_one_package_where_one_is_missing(tmp_path, monkeypatch):
    done("init", "--example", "transfer-study", "example", folder=tmp_path)
    monkeypatch.setitem(sys.modules, "thot", None)

    message = refused("study", folder=tmp_path / "example", status=2)

    assert "sil-thot" in message
    assert "matplotlib" not in message


@pytest.mark.parametrize(
    ("splits", "named"),
    [(("train", "validation", "test"), ["train"]), (("validation", "test"), ["validation", "test"])],
    ids=["train", "no train"],
)
def test_the_splits_that_labels_come_from_are_named_where_they_mention_nothing(tmp_path, splits, named):
    files = {split: conll(tmp_path, f"{split}.conll", "Lagos\tO") for split in splits}
    if "train" in splits:
        conll(tmp_path, "test.conll", "Lagos\tB-LOC")

    with pytest.raises(DataError, match="there is no mention of any type in") as raised:
        load_gold(GoldSource(files=files), "yor")

    assert raised.value.message.endswith(" in " + " and ".join(f"gold {split}" for split in named))
    assert raised.value.where == ", ".join(str(files[split]) for split in named)


def parameters_of(command: click.Command, name: str) -> Iterator[tuple[str, click.Parameter]]:
    if isinstance(command, click.Group):
        for each in command.commands.values():
            yield from parameters_of(each, f"{name} {each.name}")
    yield from ((name, each) for each in command.params)


def test_a_folder_is_called_a_folder_everywhere():
    paths = {
        f"{name} {parameter.opts[0]}": parameter.make_metavar(click.Context(cli.synthner))
        for name, parameter in parameters_of(cli.synthner, "synthner")
        if isinstance(parameter, click.Option)
        and isinstance(parameter.type, click.Path)
        and parameter.nargs == 1
    }
    assert {paths[f"synthner {each}"] for each in ("report -o", "study -o", "run --to")} == {"FOLDER"}
    assert {paths[f"synthner leaderboard {each}"] for each in ("space -o", "import -o", "verify --base")} == {
        "FOLDER"
    }
    assert set(paths.values()) <= {"FILE", "FOLDER", "RELEASE"}, paths


@pytest.mark.parametrize("as_json", [(), ("--json",)], ids=["words", "JSON"])
def test_a_dry_run_where_nothing_can_be_run_fails_and_says_why(tmp_path, as_json):
    write_grid(tmp_path, {"sources": {"other": {"predictions": "other.jsonl"}}})

    ended = synthner("evaluate", "--dry-run", *as_json, folder=tmp_path)

    assert ended.status == 1
    reason = "other.jsonl: there is no such file"
    if as_json:
        assert reason in ended.json["left_out"][0]["message"]
    else:
        assert "Not run: other predictions in en: " in ended.stderr
        assert reason in ended.stderr
    assert not (tmp_path / "runs").exists()


def test_a_dry_run_of_what_can_be_run_in_part_succeeds(tmp_path):
    write_grid(tmp_path, {"sources": {"organic": "gold", "other": {"predictions": "other.jsonl"}}})
    assert "Not run: other predictions in en: " in done("evaluate", "--dry-run", folder=tmp_path).stderr


def test_predictions_are_no_data_to_add_to_gold(tmp_path):
    path = write_grid(tmp_path, {"sources": {"organic": "gold", "other": {"predictions": "other.jsonl"}}})
    value = json.loads(path.read_text(encoding="utf-8"))
    del value["evaluation"]["settings"]
    path.write_text(json.dumps(value), encoding="utf-8")
    write(tmp_path / "other.jsonl", labelled(20, "en test"))

    assert read_release(path).grid.settings == ("scratch",)
    assert "No cell" not in done("evaluate", "--dry-run", folder=tmp_path).stderr
    value["evaluation"]["sources"]["synthetic"] = {"train": "synthetic-{language}.jsonl"}
    path.write_text(json.dumps(value), encoding="utf-8")
    assert read_release(path).grid.settings == ("scratch", "gold+synthetic")


def test_gold_is_validated_where_no_data_is_made(tmp_path):
    write_grid(tmp_path, languages=("en", "fi", "el"))

    told = done("validate", folder=tmp_path).stdout
    for code in ("en", "fi", "el"):
        assert f"Gold of {code}: {code}-train.jsonl, " in told
    assert "Nothing is built yet." not in told

    with (tmp_path / "en-test.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"tokens": ["Ada"], "ner_tags": ["PER"]}\n')
    ended = synthner("validate", folder=tmp_path)
    assert ended.status == 1
    assert "invalid tag: first at" in ended.stdout
    assert "Mend the errors in gold of en" in ended.stdout


@pytest.mark.parametrize("as_json", [(), ("--json",)], ids=["words", "JSON"])
def test_a_release_of_nothing_says_what_it_lacks(tmp_path, as_json):
    path = write_grid(tmp_path)
    value = json.loads(path.read_text(encoding="utf-8"))
    del value["evaluation"]
    path.write_text(json.dumps(value), encoding="utf-8")
    message = refused("validate", *as_json, folder=tmp_path)
    assert message.startswith("release.yaml:1: `generators` or `evaluation` must be given\n")


@pytest.mark.parametrize("as_json", [(), ("--json",)], ids=["words", "JSON"])
def test_what_is_wrong_with_gold_is_said_of_every_language_at_once(tmp_path, as_json):
    write_grid(tmp_path, languages=("en", "fi", "el"))
    (tmp_path / "en-test.jsonl").unlink()
    (tmp_path / "el-train.jsonl").write_text("", encoding="utf-8")

    ended = synthner("validate", *as_json, folder=tmp_path)

    assert (ended.status, ended.stdout) == (1, "")
    first, second = ended.stderr.split("Error: ")[1:]
    assert first.startswith(f"{tmp_path / 'en-test.jsonl'}: there is no such file")
    assert second.startswith(f"{tmp_path / 'el-train.jsonl'}: ")


def test_ci_tries_the_quickstart_before_anything_brings_the_extras():
    workflow = yaml.safe_load((REPOSITORY / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    commands = [step["run"] for step in workflow["jobs"]["test"]["steps"] if "run" in step]
    assert commands == ["make quickstart", "make test"]

"""Bad input, through the command: each ends in a clear message or a counted reject, and harms nothing."""

import gzip
import json
from itertools import pairwise
from pathlib import Path

import pytest
from huggingface_hub import CommitOperationAdd

from synthner.hub.loopback import LoopbackHub
from synthner.tests import command_line
from synthner.tests.command_line import files_in
from synthner.tests.in_process import done, refused, synthner
from synthner.tests.loopback_clients import api_for
from synthner.tests.small_release import write_release

LABELS = "O,B-PER,I-PER,B-ORG,I-ORG,B-LOC,I-LOC,B-DATE,I-DATE"
HUNDRED_MEGABYTES = 100_000_000

BAD = {
    "empty": b"",
    "binary": bytes(range(256)) * 20,
    "wrong columns": b"one two three\nfour five six\n\n",
    "invalid UTF-8": b"caf\xe9 O\n",
    "cut gzip": gzip.compress(b"Juma B-PER\n" * 100)[:-12],
    "deep": b"[" * 200_000,
}

bad_content = pytest.mark.parametrize("content", BAD.values(), ids=list(BAD))


@pytest.fixture
def release(tmp_path: Path) -> Path:
    done("init", "release", folder=tmp_path)
    return tmp_path / "release"


@pytest.fixture(scope="session")
def long_line(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("long") / "line"
    path.write_bytes(b"x" * HUNDRED_MEGABYTES)
    return path


@bad_content
def test_a_data_file_that_is_none(tmp_path, content):
    (tmp_path / "data").write_bytes(content)
    (tmp_path / "data.jsonl").write_bytes(content)

    assert refused("validate", "data", folder=tmp_path).startswith("data:")
    assert refused("validate", "data.jsonl", folder=tmp_path).startswith("data.jsonl:")


@pytest.mark.parametrize("content", [b"", b"PAR1 and nothing else PAR1"], ids=["empty", "cut"])
def test_parquet_that_is_none(tmp_path, content):
    (tmp_path / "data.parquet").write_bytes(content)

    assert "data.parquet: " in refused("validate", "data.parquet", folder=tmp_path)


def test_data_of_one_100_mb_line(tmp_path, long_line):
    (tmp_path / "data.conll").symlink_to(long_line)
    (tmp_path / "data.jsonl").symlink_to(long_line)

    assert "data.conll:1: the line is longer" in refused("validate", "data.conll", folder=tmp_path)
    assert "data.jsonl:1: the line is longer" in refused("validate", "data.jsonl", folder=tmp_path)


@bad_content
def test_gold_that_is_none(release, content):
    path = release / "gold" / "validation.conll"
    path.write_bytes(content)
    before = files_in(release)

    assert str(path) in refused("validate", folder=release)
    assert files_in(release) == before


def test_bad_gold_ends_a_run_with_every_answer_kept_and_nothing_half_built(release):
    path = release / "gold" / "validation.conll"
    path.write_bytes(BAD["invalid UTF-8"])
    done("generate", "--config", "swa_gpt4", folder=release)

    assert f"{path}:1" in refused("run", folder=release)

    assert done("status", "--json", folder=release).json["configs"]["swa_gpt4"] == {
        "splits": {
            "train": {"planned": 12, "answered": 12, "failed": 0},
            "validation": {"planned": 3, "answered": 3, "failed": 0},
        },
        "failures": {},
        "finish_reasons": {"stop": 13, "length": 1, "refusal": 1},
        "cost": None,
        "published": None,
    }
    assert not (release / "dataset").exists()
    assert not (release / "work" / "building").exists()


@bad_content
def test_recorded_responses_that_are_none(release, content):
    path = release / "responses" / "swa_train.jsonl"
    path.write_bytes(content)

    assert str(path) in refused("generate", folder=release)
    assert "not yet" in done("status", folder=release).stdout


@bad_content
def test_salvage_of_what_holds_no_responses(tmp_path, content):
    (tmp_path / "raw.jsonl").write_bytes(content)
    (tmp_path / "data.jsonl").write_text("as it was\n", encoding="utf-8")
    arguments = ("salvage", "raw.jsonl", "-o", "data.jsonl", "--rejects", "lost.jsonl", "--labels", LABELS)

    if content.strip():
        assert "raw.jsonl" in refused(*arguments, folder=tmp_path)
        assert sorted(files_in(tmp_path)) == ["data.jsonl", "raw.jsonl"]
        assert (tmp_path / "data.jsonl").read_text(encoding="utf-8") == "as it was\n"
    else:
        assert done(*arguments, "--json", folder=tmp_path).json["calls"] == 0


def test_responses_of_one_100_mb_line(tmp_path, long_line):
    (tmp_path / "raw.jsonl").symlink_to(long_line)

    message = refused("salvage", "raw.jsonl", "-o", "data.jsonl", "--labels", LABELS, folder=tmp_path)

    assert "raw.jsonl:1: the line is longer" in message
    assert not (tmp_path / "data.jsonl").exists()


@bad_content
def test_a_release_file_that_is_none(tmp_path, content):
    (tmp_path / "release.yaml").write_bytes(content)

    assert "release.yaml" in refused("run", folder=tmp_path)
    assert sorted(files_in(tmp_path)) == ["release.yaml"]


def test_a_release_file_of_100_mb(tmp_path, long_line):
    (tmp_path / "release.yaml").symlink_to(long_line)

    assert "release.yaml: the file is larger" in refused("validate", folder=tmp_path)


@pytest.mark.parametrize("content", [BAD["binary"], BAD["deep"], b"{}", b"1"])
def test_a_manifest_that_is_none(release, content):
    (release / "dataset").mkdir()
    path = release / "dataset" / "manifest.json"
    path.write_bytes(content)

    assert str(path) in refused("status", folder=release)
    assert path.read_bytes() == content


@pytest.mark.parametrize("content", [BAD["binary"], BAD["deep"]], ids=["binary", "deep"])
def test_a_journal_that_is_none(release, content):
    (release / "work").mkdir()
    path = release / "work" / "journal.sqlite"
    path.write_bytes(content)

    for command in ("run", "status"):
        assert str(path) in refused(command, folder=release)
    assert path.read_bytes() == content


def test_mixed_label_sets_are_counted(tmp_path):
    (tmp_path / "one.conll").write_text("Juma B-PER\nanaishi O\n\n", encoding="utf-8")
    (tmp_path / "two.conll").write_text("Asha B-person\nanaishi O\nTanga B-LOC\n\n", encoding="utf-8")

    found = done("validate", "one.conll", "two.conll", "--json", folder=tmp_path).json
    (problem,) = (problem for problem in found["problems"] if "type" in problem["kind"])
    assert (problem["count"], problem["first"]["file"], problem["first"]["line"]) == (2, "two.conll", 1)

    labels = ("--labels", "O,B-PER,I-PER,B-LOC,I-LOC")
    strict = synthner("validate", "one.conll", "two.conll", *labels, "--json", folder=tmp_path)
    assert strict.status == 1
    (problem,) = (problem for problem in strict.json["problems"] if problem["severity"] == "error")
    assert (problem["count"], problem["first"]["label"]) == (1, "B-person")
    assert "B-person" in synthner("validate", "one.conll", "two.conll", *labels, folder=tmp_path).stdout


def test_names_and_numbers_mixed_in_one_file(tmp_path):
    lines = [{"tokens": ["Juma"], "ner_tags": ["B-PER"]}, {"tokens": ["Asha"], "ner_tags": [1]}]
    (tmp_path / "data.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")

    assert "data.jsonl:2" in refused("validate", "data.jsonl", folder=tmp_path)
    labels = ("--labels", "O,B-PER,I-PER")
    assert done("validate", "data.jsonl", *labels, "--json", folder=tmp_path).json["entities"] == 2


def test_gold_with_errors_must_be_mended(release):
    path = release / "gold" / "train.conll"
    path.write_text(path.read_text(encoding="utf-8") + "\nTanga PLACE\n\n", encoding="utf-8")

    ended = synthner("validate", folder=release)

    assert ended.status == 1
    assert f"invalid tag: first at {path}:" in ended.stdout
    assert "Mend the errors in gold of swa: until then this ends with status 1." in ended.stdout


ROWS_WITH_ERRORS = "".join(
    json.dumps(row) + "\n"
    for row in (
        {"tokens": ["Ada", "bor", "i", "Ribe"], "ner_tags": ["B-PER", "O", "O", "I-LOC"]},
        {"tokens": ["Maja", "synger"], "ner_tags": ["PER", "O"]},
    )
)


def release_with_gold(folder: Path, hub: str) -> None:
    path = write_release(folder, {"gpt": {"examples": 1, "calls": {"train": 1}}}).path
    release = json.loads(path.read_text(encoding="utf-8"))
    release["languages"]["da"]["gold"] = {"hub": hub, "license": "cc0-1.0"}
    path.write_text(json.dumps(release), encoding="utf-8")


def gold_on_the_hub(hub: LoopbackHub, folder: Path, files: dict[str, str]) -> dict[str, str]:
    """Write a release whose gold is on a Hub; return the variables of who reads it there."""
    api = api_for(hub, hub.add_user("ada"))
    api.create_repo("ada/gold", repo_type="dataset")
    added = [CommitOperationAdd(name, text.encode()) for name, text in files.items()]
    api.create_commit("ada/gold", added, commit_message="Publish", repo_type="dataset")
    release_with_gold(folder, "ada/gold")
    return hub.environment(hub.add_user("eve"), folder / "home")


def test_errors_in_gold_that_others_keep_are_shown_and_do_not_fail(tmp_path, loopback_hub):
    environment = gold_on_the_hub(loopback_hub, tmp_path, {"train.jsonl": ROWS_WITH_ERRORS})

    told = command_line.done("validate", folder=tmp_path, **environment).stdout

    assert "orphan I- tag: first at" in told
    assert "invalid tag: first at" in told
    assert "Mend the errors" not in told


def test_a_file_on_the_hub_that_is_no_json_is_not_taken_for_a_login_page(tmp_path, loopback_hub):
    files = {"train.jsonl": ROWS_WITH_ERRORS, "dataset_infos.json": "<html>"}
    environment = gold_on_the_hub(loopback_hub, tmp_path, files)

    ended = command_line.synthner("validate", folder=tmp_path, **environment)

    assert "Error: ada/gold: a file of the dataset is no JSON" in ended.stderr
    assert "login" not in ended.stderr


def test_errors_in_gold_in_a_folder_must_be_mended(tmp_path, monkeypatch):
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path / "cache"))
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "train.jsonl").write_text(ROWS_WITH_ERRORS, encoding="utf-8")
    release_with_gold(tmp_path, str(tmp_path / "ours"))

    ended = synthner("validate", folder=tmp_path)

    assert ended.status == 1
    assert "Mend the errors in gold of da" in ended.stdout


EDITS = {
    "config name": ("gpt4:", '"../../gpt4":'),
    "language": ("swa:", '"../swa":'),
    "dataset name": ("your-name/quickstart-ner", "../../quickstart-ner"),
    "label": ("[PER, ORG", "[../PER, ORG"),
    "split": ("validation: gold/", "../validation: gold/"),
}


@pytest.mark.parametrize(("written", "instead"), EDITS.values(), ids=list(EDITS))
def test_a_name_that_leads_out_of_the_folder(release, written, instead):
    path = release / "release.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace(written, instead, 1), encoding="utf-8")
    before = files_in(release.parent)

    assert "release.yaml:" in refused("run", folder=release)
    assert files_in(release.parent) == before


def test_a_manifest_whose_files_lead_out_of_the_folder(release):
    done("run", folder=release)
    path = release / "dataset" / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["configs"]["swa_gpt4"]["provenance"]["files"][0]["file"] = "../release.yaml"
    path.write_text(json.dumps(manifest), encoding="utf-8")

    assert "../release.yaml" in refused("publish", "--to", "../there", folder=release)
    assert not (release.parent / "there").exists()

    # The next build makes it right, and removes nothing outside the dataset.
    done("build", folder=release)
    assert (release / "release.yaml").is_file()
    assert "../release.yaml" not in path.read_text(encoding="utf-8")


def _bomb() -> str:
    lines = ["l0: &l0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    for level in range(1, 10):
        lines.append(f"l{level}: &l{level} [{', '.join([f'*l{level - 1}'] * 9)}]")
    return "\n".join(lines)


YAML = {
    "bomb": (_bomb(), "unfolds to more than"),
    "alias of itself": ("name: &name [*name]", "release.yaml"),
    "python object": ("name: !!python/object/apply:os.system [echo]", "release.yaml:1"),
    "key twice": ("name: a\nseed: 1\nname: b\n", "release.yaml:3: the key `name` stands twice"),
    "tabs": ("name: a\n\tseed: 1\n", "release.yaml:2"),
    "two documents": ("name: a\n---\nname: b\n", "release.yaml:2"),
    "list as key": ("[a, b]: 1\n", "release.yaml"),
    "mapping as key": ("{a: 1}: 1\n", "release.yaml"),
    "unknown key": ("name: a\nsede: 1\n", "Did you mean `seed`?"),
    "date as value": ("name: 2026-01-01\n", "release.yaml"),
}


@pytest.mark.parametrize(("text", "message"), YAML.values(), ids=list(YAML))
def test_yaml_that_is_no_release(tmp_path, text, message):
    (tmp_path / "release.yaml").write_text(text, encoding="utf-8")

    assert message in refused("validate", folder=tmp_path)


HOSTILE = [
    "**Juma**",
    "[here](javascript:alert(1))",
    "<script>alert(1)</script>",
    "<!-- synthner: end generated -->",
    "---",
    "| a | b |",
    "```",
    "license: wtfpl",
    "{{ manifest }}",
    "&lt;",
]


def test_hostile_responses_are_counted_and_hostile_tokens_stay_text(release):
    tags = ["B-PER", *["O"] * (len(HOSTILE) - 1)]
    responses = [
        {"text": "[" * 10_000_000},
        {"text": json.dumps({"tokens": HOSTILE, "ner_tags": tags})},
        {"text": "\ud800 \x00 \x1b[31m"},
        {"text": json.dumps({"tokens": ["Juma\x1b[2J"], "ner_tags": ["B-PER"]})},
    ]
    (release / "responses" / "swa_train.jsonl").write_text(
        "\n".join(map(json.dumps, responses)) + "\n", encoding="utf-8"
    )

    ended = done("run", "--to", "../there", folder=release)

    assert "\x1b" not in ended.stdout
    steps = json.loads((release / "dataset" / "manifest.json").read_text(encoding="utf-8"))
    (train, *_) = steps["configs"]["swa_gpt4"]["waterfall"].values()
    counts = {step["step"]: step for step in train}
    assert (counts["requested"]["kept"], counts["published"]["kept"]) == (40, 1)
    assert counts["text"]["lost"] == {"control character": 1}
    for before, after in pairwise(train):
        lost = sum(after["lost"].values())
        more = before["step"] == "requested" and sum(after["notes"].values())
        assert before["kept"] == after["kept"] + lost - more, after["step"]
    with gzip.open(release / "work" / "rejects" / "swa_gpt4.jsonl.gz", "rt", encoding="utf-8") as rejects:
        assert sum(json.loads(line)["split"] == "train" for line in rejects) == 3

    import pyarrow.parquet

    rows = pyarrow.parquet.read_table(release.parent / "there/swa_gpt4/train-00000-of-00001.parquet")
    assert rows["tokens"].to_pylist() == [HOSTILE]
    card = (release.parent / "there" / "README.md").read_text(encoding="utf-8")
    assert "<script>" not in card
    assert card.count("<!-- synthner: end generated -->") == 1
    assert "](javascript:" not in card

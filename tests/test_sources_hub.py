"""Datasets of the Hub, read by the real client: from folders laid out like one, and out of reach."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from synthner.schema.errors import DataError
from synthner.schema.labels import LabelSet
from synthner.sources.gold import GoldSource, load_gold
from synthner.sources.hub import read_hub
from synthner.tests.loopback_clients import api_for, run_clients

NAMES = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
CARD = """---
configs:
- config_name: yor
  data_files:
  - {split: train, path: yor/train-*}
  - {split: dev, path: yor/dev-*}
- config_name: swa
  data_files:
  - {split: train, path: swa/train-*}
---
"""


@pytest.fixture(autouse=True)
def cache_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path / "cache"))


def write_split(path: Path, tokens: list, tags: list, names: list[str] | None = None):
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.table({"tokens": tokens, "ner_tags": tags})
    if names is not None:
        features = {
            "tokens": {"feature": {"dtype": "string", "_type": "Value"}, "_type": "List"},
            "ner_tags": {"feature": {"names": names, "_type": "ClassLabel"}, "_type": "List"},
        }
        noted = json.dumps({"info": {"features": features}}).encode()
        table = table.replace_schema_metadata({b"huggingface": noted})
    pyarrow.parquet.write_table(table, path)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    folder = tmp_path / "dataset"
    write_split(folder / "yor/train-0.parquet", [["Ada", "Obi"], ["in", "Èkó"]], [[1, 2], [0, 3]], NAMES)
    write_split(folder / "yor/dev-0.parquet", [["in", "Èkó"]], [[0, 4]], NAMES)
    write_split(folder / "swa/train-0.parquet", [["Asha"]], [[1]], NAMES)
    (folder / "README.md").write_text(CARD, encoding="utf-8")
    return folder


def test_rows_of_a_folder_that_changed_or_of_one_by_the_same_name_are_its_own(dataset: Path, tmp_path: Path):
    def words(folder: Path) -> list[list[str]]:
        return [list(each.tokens) for each in read_hub(str(folder), config="yor").sentences("validation")]

    assert words(dataset) == [["in", "Èkó"]]
    write_split(dataset / "yor/dev-0.parquet", [["Abuja"]], [[3]], NAMES)
    assert words(dataset) == [["Abuja"]]
    other = tmp_path / "other" / dataset.name
    shutil.copytree(dataset, other)
    write_split(other / "yor/dev-0.parquet", [["Ibadan"]], [[3]], NAMES)
    assert words(other) == [["Ibadan"]]
    assert words(dataset) == [["Abuja"]]


def test_a_dataset_is_read_by_config_and_split(dataset: Path):
    data = read_hub(str(dataset), config="yor")
    assert {split: [sentence.tags for sentence in data.sentences(split)] for split in data.splits} == {
        "train": [("B-PER", "I-PER"), ("O", "B-LOC")],
        "validation": [("O", "I-LOC")],
    }


def test_gold_of_a_dataset_is_checked_like_files(dataset: Path):
    gold = load_gold(GoldSource(hub=str(dataset), config="yor"), "yor")
    assert gold.splits["validation"][0].ner_tags == ("O", "B-LOC")
    assert gold.labels == LabelSet.of_types(["PER", "LOC"])
    assert gold.revision.startswith("sha256:")
    assert [(problem.kind, problem.first.file, problem.first.line) for problem in gold.report.problems] == [
        ("orphan I- tag", f"{dataset}/validation", 1),
        ("two labellings", f"{dataset}/validation", 1),
        ("sentence in an earlier file", f"{dataset}/validation", 1),
        ("I- tag repaired", f"{dataset}/validation", 1),
    ]


def test_gold_in_a_folder_is_called_by_its_name_and_not_by_where_it_is(dataset: Path):
    gold = load_gold(GoldSource(hub=str(dataset), config="yor"), "yor")
    assert (gold.title, gold.hub) == (dataset.name, None)


def test_integer_tags_without_names_need_labels(tmp_path: Path):
    write_split(tmp_path / "bare/train.parquet", [["Ada"]], [[1]])
    source = GoldSource(hub=str(tmp_path / "bare"), labels=LabelSet.of_types(["LOC"]))
    assert load_gold(source, "yor").splits["train"][0].ner_tags == ("B-LOC",)
    with pytest.raises(DataError, match="integers"):
        load_gold(GoldSource(hub=str(tmp_path / "bare")), "yor")


@pytest.mark.parametrize(
    ("config", "message"), [("ibo", "ibo"), (None, "yor")], ids=["unknown config", "no config"]
)
def test_a_config_that_is_not_there_is_an_error_that_names_those_that_are(
    dataset: Path, config: str | None, message: str
):
    with pytest.raises(DataError, match="cannot be loaded") as error:
        read_hub(str(dataset), config=config)
    assert message in str(error.value)
    assert "swa" in str(error.value)


def test_a_dataset_without_our_splits_is_an_error(tmp_path: Path):
    folder = tmp_path / "odd"
    write_split(folder / "data.parquet", [["Ada"]], [[1]], NAMES)
    (folder / "README.md").write_text(
        "---\nconfigs:\n- config_name: default\n  data_files:\n  - {split: half, path: data.parquet}\n---\n",
        encoding="utf-8",
    )
    with pytest.raises(DataError, match="half"):
        read_hub(str(folder))


def test_a_name_that_is_no_id_is_an_error():
    with pytest.raises(DataError, match="neither a folder nor the id of a dataset"):
        read_hub("one/two/three")


def test_a_dataset_out_of_reach_says_what_to_do(tmp_path: Path):
    # The client reads its environment when it is imported.
    program = (
        "from synthner.schema.errors import DataError\n"
        "from synthner.sources.gold import GoldSource, load_gold\n"
        "try:\n"
        "    load_gold(GoldSource(corpus='masakhaner2'), 'yor')\n"
        "except DataError as error:\n"
        "    print(error)\n"
    )
    offline = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    outcome = subprocess.run(
        [sys.executable, "-c", program],
        env=offline,
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert outcome.stdout.startswith("masakhane/masakhaner2 (yor) at refs/convert/parquet: the Hub cannot be")
    assert "HF_HUB_OFFLINE" in outcome.stdout
    assert outcome.stderr == ""


ASK = {
    "dataset": """
        from synthner.sources.hub import read_hub
        ask = lambda name, revision: read_hub(name, revision=revision)
    """,
    "model": """
        from synthner.sources.model_downloads import downloaded_model
        ask = lambda name, revision: downloaded_model(name, revision, ["*.json"])
    """,
}
SAY = """
        import json
        from synthner.schema.errors import DataError
        try:
            ask(*ASKED)
        except DataError as error:
            print(json.dumps(str(error)))
    """


@pytest.mark.parametrize("kind", ["dataset", "model"])
@pytest.mark.parametrize(
    ("asked", "settings", "said"),
    [
        pytest.param(
            ("acme/nmaes", None),
            {},
            "acme/nmaes: the Hub has no such {kind}, or you may not see it\nCheck the spelling",
            id="no such name",
        ),
        pytest.param(
            ("acme/names", None),
            {"visibility": "private"},
            "acme/names: the Hub has no such {kind}, or you may not see it\nCheck the spelling "
            "`organisation/name`; for a private {kind} log in with `hf auth login`.",
            id="private",
        ),
        pytest.param(
            ("acme/names", None),
            {"gated": "manual"},
            "acme/names: the {kind} is gated\nAsk for access",
            id="gated",
        ),
        pytest.param(
            ("acme/names", "v9"),
            {},
            "acme/names at v9: the {kind} has no such revision\nName a commit",
            id="no such revision",
        ),
    ],
)
def test_what_the_hub_does_not_give_is_said(loopback_hub, tmp_path, kind, asked, settings, said):
    api = api_for(loopback_hub, loopback_hub.add_user("ada", organizations=["acme"]))
    api.create_repo("acme/names", repo_type=kind)
    row = b'{"tokens": ["Ada"], "ner_tags": ["B-PER"]}'
    api.upload_file(path_or_fileobj=row, path_in_repo="a.json", repo_id="acme/names", repo_type=kind)
    if settings:
        api.update_repo_settings("acme/names", repo_type=kind, **settings)

    code = (ASK[kind] + SAY).replace("ASKED", repr(asked))

    assert run_clients(loopback_hub, None, tmp_path, code).startswith(said.format(kind=kind))

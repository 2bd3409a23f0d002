"""Joint configs: what a generator made in several languages in one config, from release.yaml to the Hub."""

import gzip
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from synthner.builders.build import build
from synthner.builders.changes import compare_releases
from synthner.builders.findings import find_obstacles
from synthner.cards.dataset_card import write_card
from synthner.cards.job_summary import job_summary
from synthner.evaluation.grid.cells import cell_data, plan_cells
from synthner.evaluation.grid.data import GridData
from synthner.evaluation.report.systems import read_systems
from synthner.evaluation.report.usable import usable_records
from synthner.generation.generate import generate
from synthner.release import read_release
from synthner.schema.errors import DataError, ReleaseError
from synthner.schema.manifest import check_manifest, listed_files, read_manifest
from synthner.sources.gold import load_gold
from synthner.tests.command_line import files_in
from synthner.tests.grid_release import results_in, run_here
from synthner.tests.hub_publishing import change_release
from synthner.tests.in_process import done, refused
from synthner.tests.terminal import on_a_terminal

pytest_plugins = ["synthner.tests.publishing_fixtures"]

JOINT = "nordic_gpt4"
LABELS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG", "I-ORG"]

# Words with their labels after a slash, where that is not O.
GOLD = {
    "da": {
        "train": ["Knud/B-PER bor i Odense/B-LOC .", "Grete/B-PER ser Fyn/B-LOC fra båden ."],
        "validation": ["Bo/B-PER läser ."],
        "test": ["Viggo/B-PER kender Lemvig/B-LOC .", "Else/B-PER går i Thy/B-LOC ."],
    },
    "sv": {
        "train": ["Karin/B-PER köpte Skoda/B-ORG .", "Sven/B-PER sålde Asea/B-ORG till Rut/B-PER ."],
        "test": ["eva SOV", "Gun/B-PER ritade åt Electrolux/B-ORG ."],
    },
    "nb": {"train": ["Nora/B-PER kom til Voss/B-LOC ."], "test": ["Odd/B-PER ser Moss/B-LOC ."]},
}
TYPES = {"da": ["PER", "LOC"], "sv": ["ORG", "PER"], "nb": ["PER", "LOC"]}

# What the models answer; a comment says where else a sentence stands, which keeps it out of the joint config.
ANSWERS = {
    ("da", "train"): [
        "Tove/B-PER rejste til Skive/B-LOC .",
        "Lars/B-PER Holm/I-PER bor i Vejle/B-LOC .",
        "Ida/B-PER arbejder hos Volvo .",  # in the Swedish test split
        "Eva/B-PER sov .",  # in gold test of Swedish, but for case and punctuation
        "Lund/B-LOC ligger der .",
        "Hej .",
        "Karin/B-PER köpte Skoda .",  # in gold train of Swedish
    ],
    ("da", "test"): ["Mads/B-PER fandt Ribe/B-LOC ."],
    ("sv", "train"): [
        "Astrid/B-PER startade Saab/B-ORG i dag .",
        "Lund ligger der .",  # in Danish train, with other labels
        "Mads/B-PER fandt Ribe !",  # in the Danish test split, but for punctuation
        "Hej .",  # in Danish train
    ],
    ("sv", "validation"): [
        "Nils/B-PER lämnade Ericsson/B-ORG .",
        "Bo/B-PER läser .",  # in gold validation of Danish
    ],
    ("sv", "test"): ["Ida/B-PER arbejder hos Volvo/B-ORG ."],
    ("nb", "train"): ["Liv/B-PER bor på Hamar/B-LOC ."],
}

JOINED_ROWS = {
    "train": [("da", 0), ("da", 1), ("da", 4), ("da", 5), ("sv", 0)],
    "validation": [("sv", 0)],
    "test": [("da", 0), ("sv", 0)],
}
LEFT_OUT = {
    "sv_gpt4-validation-0-1": ("contamination", "in gold validation"),
    "da_gpt4-train-0-2": ("duplicates", "also in test"),
    "da_gpt4-train-0-3": ("contamination", "in gold test, normalised"),
    "da_gpt4-train-0-6": ("contamination", "in gold train"),
    "sv_gpt4-train-0-1": ("duplicates", "duplicate with other labels"),
    "sv_gpt4-train-0-2": ("duplicates", "also in test but for case, spacing or punctuation"),
    "sv_gpt4-train-0-3": ("duplicates", "duplicate"),
}


def _labelled(sentence: str) -> tuple[list[str], list[str]]:
    words = [word.partition("/") for word in sentence.split()]
    return [token for token, _, _ in words], [tag or "O" for _, _, tag in words]


def _write_gold(folder: Path, code: str, split: str, sentences: list[str]) -> str:
    """Write a gold split; return the name of its file."""
    blocks = ["\n".join(map(" ".join, zip(*_labelled(each), strict=True))) for each in sentences]
    name = f"{code}-gold-{split}.conll"
    (folder / name).write_text("\n\n".join(blocks) + "\n", encoding="utf-8")
    return name


def _record(folder: Path, code: str, split: str, sentences: list[str]) -> None:
    """Write what a model has answered to the one call of a split."""
    datapoints = [dict(zip(("tokens", "ner_tags"), _labelled(each), strict=True)) for each in sentences]
    line = json.dumps({"call_idx": 0, "raw_output": json.dumps(datapoints, ensure_ascii=False)})
    (folder / f"{code}-{split}.jsonl").write_text(line + "\n", encoding="utf-8")


def _write(folder: Path, *, languages: tuple[str, ...] = ("da", "sv"), **settings: Any) -> Path:
    """Write a release of recorded answers, with a joint config of all of its languages by default."""
    folder.mkdir(parents=True, exist_ok=True)
    described = {}
    for code in languages:
        files = {split: _write_gold(folder, code, split, each) for split, each in GOLD[code].items()}
        described[code] = {"gold": {"files": files, "license": "cc0-1.0"}, "labels": TYPES[code]}
    for (code, split), sentences in ANSWERS.items():
        _record(folder, code, split, sentences)
    release = {
        "name": "acme/nordic-ner",
        "pretty_name": "Nordic names",
        "description": "Sentences for trying things out.",
        "authors": ["A. Author"],
        "seed": 3,
        "languages": described,
        "generators": {"gpt4": _generator()},
        "joint": {"nordic": {}},
        **settings,
    }
    content = {key: value for key, value in release.items() if value is not None}
    (folder / "release.yaml").write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return folder


def _generator(**settings: Any) -> dict[str, Any]:
    recorded = {"responses": "{language}-{split}.jsonl"}
    return {
        "method": "seeded",
        "engine": "recorded",
        "model": "small",
        "format": "paper",
        "recorded": recorded,
        **settings,
    }


def _built(folder: Path, **options: Any) -> dict[str, Any]:
    release = read_release(folder)
    generate(release)
    return build(release, **options)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a release with a joint config, generated, built, loaded back and published to a folder."""
    folder = _write(tmp_path_factory.mktemp("joint") / "release")
    done("run", folder, "--to", folder / "published", folder=folder)
    return folder


@pytest.fixture
def copy(built: Path, tmp_path: Path) -> Path:
    """Return a copy of the built release, to be changed."""
    return Path(shutil.copytree(built, tmp_path / "copy"))


def _loaded(dataset: Path, config: str, cache: Path) -> Any:
    import datasets

    return datasets.load_dataset(str(dataset), config, cache_dir=str(cache))


def _rejects(folder: Path, config: str = JOINT) -> list[dict[str, Any]]:
    text = gzip.decompress((folder / "work/rejects" / f"{config}.jsonl.gz").read_bytes()).decode("utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_a_joint_config_loads_with_its_languages_side_by_side(built, tmp_path):
    loaded = _loaded(built / "published", JOINT, tmp_path)

    assert list(loaded) == ["train", "validation", "test"]
    for split, expected in JOINED_ROWS.items():
        rows = loaded[split]
        assert list(rows.features) == ["id", "tokens", "ner_tags", "language"]
        assert rows.features["ner_tags"].feature.names == LABELS
        assert rows.features["language"].dtype == "string"
        assert [(row["id"], row["language"]) for row in rows] == [
            (f"{code}_gpt4-{split}-0-{item}", code) for code, item in expected
        ]
        assert [(row["tokens"], [LABELS[number] for number in row["ner_tags"]]) for row in rows] == [
            _labelled(ANSWERS[code, split][item]) for code, item in expected
        ]


def test_the_configs_that_are_joined_are_as_without_it(built, tmp_path):
    alone = _write(tmp_path / "alone", joint=None)
    manifest = _built(alone)
    joined = read_manifest(built / "dataset")

    assert list(manifest["configs"]) == ["da_gpt4", "sv_gpt4"]
    assert list(joined["configs"]) == ["da_gpt4", "sv_gpt4", JOINT]
    assert {name: joined["configs"][name] for name in manifest["configs"]} == manifest["configs"]
    files = files_in(built / "dataset")
    assert all(files[name] == (alone / "dataset" / name).read_bytes() for name in listed_files(manifest))


def test_what_leaks_between_languages_is_left_out_and_kept_with_its_reason(built):
    rejects = _rejects(built)

    assert {line["id"]: (line["step"], line["reason"]) for line in rejects} == LEFT_OUT
    for line in rejects:
        config, split, _, item = line["id"].split("-")
        assert (line["split"], line["item"]) == (split, int(item))
        assert (line["tokens"], line["tags"]) == _labelled(ANSWERS[config[:2], split][int(item)])
        [published] = [
            row
            for row in pq.read_table(built / "dataset/provenance" / f"{config}.parquet").to_pylist()
            if row["id"] == line["id"]
        ]
        assert line["call"] == published["call_key"]


def test_the_manifest_counts_what_was_joined_left_out_and_published(built):
    config = read_manifest(built / "dataset")["configs"][JOINT]

    assert config["joins"] == {"da": "da_gpt4", "sv": "sv_gpt4"}
    assert config["labels"] == LABELS
    assert config["totals"] == {"joined": 15, "published": 8}
    assert config["rejects"] == len(LEFT_OUT)
    steps = {split: {step["step"]: step for step in steps} for split, steps in config["waterfall"].items()}
    assert list(steps) == ["train", "validation", "test"]
    assert {name: step["kept"] for name, step in steps["train"].items()} == {
        "joined": 11,
        "duplicates": 7,
        "contamination": 5,
        "published": 5,
    }
    assert steps["train"]["joined"]["notes"] == {"da_gpt4": 7, "sv_gpt4": 4}
    for split, found in steps.items():
        assert list(found) == ["joined", "duplicates", "contamination", "published"]
        lost = [
            (name, reason)
            for name, step in found.items()
            for reason, number in step["lost"].items()
            for _ in range(number)
        ]
        assert sorted(lost) == sorted(why for id_, why in LEFT_OUT.items() if id_.split("-")[1] == split)
    assert {
        kind: (found["exact"], found["normalised"]) for kind, found in config["contamination"].items()
    } == {
        "gold_train": (1, 0),
        "gold_validation": (1, 0),
        "gold_test": (0, 1),
    }
    assert {split: facts["languages"] for split, facts in config["splits"].items()} == {
        "train": {"da": 4, "sv": 1},
        "validation": {"da": 0, "sv": 1},
        "test": {"da": 1, "sv": 1},
    }
    train = config["splits"]["train"]
    assert (train["examples"], train["tokens"], train["without_mentions"]) == (5, 23, 1)
    assert train["mentions"] == {"PER": 3, "LOC": 3, "ORG": 1}
    assert [(sample["id"], sample["language"]) for sample in train["samples"]] == [
        ("da_gpt4-train-0-0", "da"),
        ("sv_gpt4-train-0-0", "sv"),
        ("da_gpt4-train-0-1", "da"),
    ]


def test_held_out_gold_is_named_and_not_quoted(built):
    manifest = read_manifest(built / "dataset")

    described = json.dumps(manifest["configs"][JOINT], ensure_ascii=False)
    assert "item 1 of validation call 0 of sv_gpt4; held-out gold is not quoted" in described
    assert "Bo läser" not in described
    assert "Eva sov" not in described


def test_provenance_is_that_of_the_joined_configs(built):
    rows = {
        name: pq.read_table(built / "dataset/provenance" / f"{name}.parquet")
        for name in (JOINT, "da_gpt4", "sv_gpt4")
    }

    expected = [
        f"{code}_gpt4-{split}-0-{item}"
        for split in ("test", "validation", "train")
        for code, item in JOINED_ROWS[split]
    ]
    assert rows[JOINT].schema == rows["da_gpt4"].schema
    assert rows[JOINT]["id"].to_pylist() == expected
    known = {row["id"]: row for name in ("da_gpt4", "sv_gpt4") for row in rows[name].to_pylist()}
    assert rows[JOINT].to_pylist() == [known[id_] for id_ in expected]


def test_what_no_model_was_asked_for_is_joined_with_what_provenance_says_of_it(tmp_path):
    swap = {
        "method": "simple_augmentation",
        "simple_augmentation": {"operations": ["mention_replacement", "shuffle_within_segments"]},
    }
    folder = _write(tmp_path, generators={"swap": swap})
    for code, person in (("da", "Ib/B-PER"), ("sv", "Per-Olof/B-PER")):
        more = f"{person} så mange store skibe på havet i går ."
        _write_gold(folder, code, "train", [*GOLD[code]["train"], more])

    config = _built(folder)["configs"]["nordic_swap"]
    rows = [
        row
        for name in ("da_swap", "sv_swap")
        for row in pq.read_table(folder / "dataset/provenance" / f"{name}.parquet").to_pylist()
    ]
    joined = pq.read_table(folder / "dataset/provenance/nordic_swap.parquet").to_pylist()
    left_out = {line["id"] for line in _rejects(folder, "nordic_swap")}
    assert joined == [row for row in rows if row["id"] not in left_out]
    assert config["splits"]["train"]["languages"].keys() == {"da", "sv"}
    assert len({row["id"][:2] for row in joined}) == 2


def test_shards_hold_the_same_rows(tmp_path):
    whole = _built(_write(tmp_path / "whole"))["configs"][JOINT]
    folder = _write(tmp_path / "sharded")
    sharded = _built(folder, max_shard_bytes=200)["configs"][JOINT]

    for table in ("splits", "provenance"):
        found = [sharded[table]["train"] if table == "splits" else sharded[table]]
        assert all(len(each["files"]) > 1 for each in found)
    assert sharded["waterfall"] == whole["waterfall"]
    loaded = [
        row
        for shard in sharded["splits"]["train"]["files"]
        for row in pq.read_table(folder / "dataset" / shard["file"]).to_pylist()
    ]
    [file] = whole["splits"]["train"]["files"]
    assert loaded == pq.read_table(tmp_path / "whole/dataset" / file["file"]).to_pylist()
    origins = [
        row
        for shard in sharded["provenance"]["files"]
        for row in pq.read_table(folder / "dataset" / shard["file"])["id"].to_pylist()
    ]
    [file] = whole["provenance"]["files"]
    assert origins == pq.read_table(tmp_path / "whole/dataset" / file["file"])["id"].to_pylist()


def test_the_same_answers_give_the_same_bytes_and_nothing_is_built_twice(copy, built):
    before = files_in(copy / "dataset")
    stamps = {path: path.stat().st_mtime_ns for path in (copy / "dataset").rglob("*.parquet")}

    done("build", copy, folder=copy)
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps

    (copy / "work/build.json").unlink()
    done("build", copy, folder=copy)
    assert files_in(copy / "dataset") == before == files_in(built / "dataset")


def test_what_watches_a_build_is_told_of_the_rows_that_are_joined(tmp_path):
    heard = []
    _built(_write(tmp_path), joining=lambda *told: heard.append(told))

    names, read, of = zip(*heard, strict=True)
    assert set(names) == {JOINT}
    assert list(read) == sorted(read)
    assert (read[0], read[-1]) == (0, 15)
    assert set(of) == {15}


def test_a_terminal_shows_a_bar_of_the_rows_that_are_joined(copy):
    (copy / "work/build.json").unlink()
    shown = on_a_terminal("build", copy)

    assert shown.status == 0
    assert re.search(rf"Joining {JOINT}.*15/15.*rows/s", shown.terminal)


def test_a_joint_config_that_is_taken_out_leaves_nothing_behind(copy):
    change_release(copy, joint={"other": {}})
    done("build", copy, folder=copy)
    assert not [name for name in (*files_in(copy / "dataset"), *files_in(copy / "work")) if JOINT in name]
    assert len(_rejects(copy, "other_gpt4")) == len(LEFT_OUT)


def test_a_split_of_which_nothing_is_left_is_left_out_with_the_reason(tmp_path):
    folder = _write(tmp_path)
    _write_gold(folder, "da", "validation", ["Bo/B-PER läser .", "Nils/B-PER lämnade Ericsson ."])

    config = _built(folder)["configs"][JOINT]
    assert list(config["splits"]) == ["train", "test"]
    assert config["splits_left_out"] == {
        "validation": "each of its sentences stands in another split, or in gold data"
    }
    assert "`nordic_gpt4` has no validation split" in _card(folder)


def test_a_joint_config_of_which_nothing_is_left_is_an_error(tmp_path):
    folder = _write(tmp_path)
    for code, copied in (("da", "Karin/B-PER köpte Skoda ."), ("sv", "Knud/B-PER bor i Odense .")):
        for split in ("train", "validation", "test"):
            (folder / f"{code}-{split}.jsonl").unlink(missing_ok=True)
        _record(folder, code, "train", [copied])

    with pytest.raises(DataError, match="no datapoint is left: each stands in the gold data") as error:
        _built(folder)
    assert error.value.where == JOINT
    assert not (folder / "dataset").exists()


def _card(folder: Path) -> str:
    return write_card(folder / "dataset").read_text(encoding="utf-8")


def test_the_card_describes_it(built):
    card = (built / "published/README.md").read_text(encoding="utf-8")
    metadata = yaml.safe_load(card.split("---\n")[1])
    body = re.sub(" +", " ", card.split("---\n", 2)[2])

    configs = {config["config_name"]: config for config in metadata["configs"]}
    assert list(configs) == ["da_gpt4", "sv_gpt4", JOINT]
    assert configs[JOINT] == {
        "config_name": JOINT,
        "data_files": [
            {"split": split, "path": f"{JOINT}/{split}-*"} for split in ("train", "validation", "test")
        ],
    }
    infos = {info["config_name"]: info for info in metadata["dataset_info"]}
    assert infos[JOINT]["features"][2:] == [
        {
            "name": "ner_tags",
            "list": {"class_label": {"names": {str(place): name for place, name in enumerate(LABELS)}}},
        },
        {"name": "language", "dtype": "string"},
    ]
    assert len(infos["da_gpt4"]["features"]) == 3
    assert (metadata["language"], metadata["multilinguality"]) == (["da", "sv"], ["multilingual"])
    for line in (
        "| `nordic_gpt4` | Danish, Swedish | small | 5 | 1 | 2 |",
        "| `nordic_gpt4` | `da` | Danish | `da_gpt4` | 4 | 0 | 1 |",
        "| `nordic_gpt4` | `sv` | Swedish | `sv_gpt4` | 1 | 1 | 1 |",
        "- `nordic_gpt4`: `ORG` is not labelled in Danish",
        "- `nordic_gpt4`: `LOC` is not labelled in Swedish",
        "| **joined** | 11 | 2 | 2 |",
        "| − also in test | 1 |",
        "- `sv`: <b>Astrid</b><sub>PER</sub> startade <b>Saab</b><sub>ORG</sub> i dag .",
    ):
        assert line in body, line
    assert "In `nordic_gpt4` it also has the code of its `language`." in body
    [contamination] = [line for line in body.splitlines() if line.startswith("| `nordic_gpt4` | – | 1 + 0")]
    assert contamination == "| `nordic_gpt4` | – | 1 + 0 | 1 + 0 | 0 + 1 |"
    assert "Bo läser" not in card


def test_a_card_without_joint_configs_does_not_speak_of_them(tmp_path):
    folder = _write(tmp_path, joint=None)
    _built(folder)
    card = _card(folder)
    assert "oint" not in card.replace("datapoint", "").replace("Datapoint", "")
    assert "`language`" not in card


def test_the_commands_show_it(copy):
    validated = done("validate", copy, "--json", folder=copy).json
    assert validated["configs"] == ["da_gpt4", "sv_gpt4", JOINT]
    assert validated["dataset"][JOINT] == {"train": 5, "validation": 1, "test": 2}
    assert f"sv_gpt4, {JOINT}." in done("validate", copy, folder=copy).stdout

    status = done("status", copy, "--json", folder=copy).json["configs"]
    assert list(status) == ["da_gpt4", "sv_gpt4", JOINT]
    assert status[JOINT] == {
        "joins": ["da_gpt4", "sv_gpt4"],
        "published": {"train": 5, "validation": 1, "test": 2},
    }
    assert re.search(rf"{JOINT} +train +joined +5", done("status", copy, folder=copy).stdout)

    ended = done("build", copy, folder=copy).stdout
    assert re.search(r"joined +11 +2 +2", ended)
    assert re.search(r"− also in test +1", ended)

    planned = done("generate", copy, "--dry-run", "--json", folder=copy).json
    assert list(planned["configs"]) == ["da_gpt4", "sv_gpt4"]
    assert "It is made by `synthner build`" in refused(
        "generate", copy, "--config", JOINT, folder=copy, status=2
    )


def test_a_release_that_is_not_built_has_the_joint_config_in_its_status(tmp_path):
    folder = _write(tmp_path)
    status = done("status", folder, "--json", folder=folder).json["configs"]
    assert status[JOINT] == {"joins": ["da_gpt4", "sv_gpt4"], "published": None}
    assert re.search(rf"{JOINT} +joined +not built", done("status", folder, folder=folder).stdout)


@pytest.mark.parametrize(
    ("id_", "outcome", "shown"),
    [
        pytest.param(
            "da_gpt4-train-0-0", {"kept": True, "step": "", "reason": ""}, "in nordic_gpt4, too", id="joined"
        ),
        pytest.param(
            "da_gpt4-train-0-2",
            {"kept": False, "step": "duplicates", "reason": "also in test"},
            "left out of nordic_gpt4 at duplicates: also in test",
            id="left out",
        ),
    ],
)
def test_explain_tells_what_became_of_a_datapoint_in_joint_configs(built, id_, outcome, shown):
    explained = done("build", built, "--explain", id_, "--json", folder=built).json["explained"]
    assert explained["kept"]
    assert explained["joint"] == {JOINT: outcome}
    assert shown in done("build", built, "--explain", id_, folder=built).stdout


def test_the_summary_of_a_ci_job_asks_for_nothing_in_its_name(built):
    printed = json.dumps(read_manifest(built / "dataset"))
    summary = job_summary("build", 0, printed, "")
    assert "| `nordic_gpt4` | `train` | – | 5 |" in re.sub(" +", " ", summary)


def test_the_usable_share_is_of_what_was_asked_for(built):
    records = usable_records(read_manifest(built / "dataset"))
    assert [record["config"] for record in records] == ["da_gpt4", "sv_gpt4"]


def test_rows_of_gold_test_of_any_language_keep_a_release_back(copy):
    release = read_release(copy)
    manifest = read_manifest(release.dataset)
    gold = {config.language.code: load_gold(config.gold, config.language.code) for config in release.configs}
    test = {code: data.splits["test"] for code, data in gold.items()}
    assert find_obstacles(release.dataset, manifest, test) == []

    [facts] = manifest["configs"][JOINT]["splits"]["train"]["files"]
    rows = pq.read_table(release.dataset / facts["file"])
    words = [["Gun", "ritade", "åt", "Electrolux", "."], *rows["tokens"].to_pylist()[1:]]
    tags = [[0] * 5, *rows["ner_tags"].to_pylist()[1:]]
    changed = rows.to_pydict() | {"tokens": words, "ner_tags": tags}
    pq.write_table(rows.from_pydict(changed, schema=rows.schema), release.dataset / facts["file"])
    [finding] = find_obstacles(release.dataset, manifest, test)
    assert finding.name == "contamination"
    assert "da_gpt4-train-0-0" in finding.message


def test_a_config_that_becomes_a_joint_one_breaks_what_reads_it(built):
    manifest = read_manifest(built / "dataset")
    former = {**manifest, "configs": {JOINT: {**manifest["configs"]["da_gpt4"], "labels": LABELS}}}
    present = {**manifest, "configs": {JOINT: manifest["configs"][JOINT]}}

    changes = compare_releases(
        former,
        present,
        published_file=lambda name: built / "dataset" / name,
        built_file=lambda name: built / "dataset" / name,
    )
    [change] = changes.configs
    assert change.columns_changed


def test_a_manifest_whose_joint_config_joins_nothing_is_refused(built):
    manifest = read_manifest(built / "dataset")
    manifest["configs"][JOINT]["joins"]["da"] = "da_gpt5"
    with pytest.raises(DataError, match="nordic_gpt4 joins `da_gpt5`, which is no config of it"):
        check_manifest(manifest, where="manifest.json")


# release.yaml


def _names(folder: Path) -> dict[str, list[str]]:
    release = read_release(folder)
    return {joint.name: [config.name for config in joint.joined] for joint in release.joint}


def test_languages_and_generators_decide_what_is_joined(tmp_path):
    joint = {
        "all": {},
        "two": {"languages": ["sv", "da"]},
        "three": {"languages": ["nb", "da", "sv"], "generators": ["gpt4"]},
    }
    generators = {
        "gpt4": _generator(),
        "llama": _generator(languages=["sv", "da"]),
        "aya": _generator(languages=["nb"]),
    }
    folder = _write(tmp_path, languages=("da", "sv", "nb"), generators=generators, joint=joint)

    assert _names(folder) == {
        "all_gpt4": ["da_gpt4", "sv_gpt4", "nb_gpt4"],
        "all_llama": ["da_llama", "sv_llama"],
        "two_gpt4": ["sv_gpt4", "da_gpt4"],
        "two_llama": ["sv_llama", "da_llama"],
        "three_gpt4": ["nb_gpt4", "da_gpt4", "sv_gpt4"],
    }


def test_rows_and_labels_come_in_the_order_of_the_languages(tmp_path):
    folder = _write(tmp_path, joint={"nordic": {"languages": ["sv", "da"]}})
    config = _built(folder)["configs"][JOINT]

    assert config["labels"] == ["O", "B-ORG", "I-ORG", "B-PER", "I-PER", "B-LOC", "I-LOC"]
    [file] = config["splits"]["train"]["files"]
    languages = pq.read_table(folder / "dataset" / file["file"])["language"].to_pylist()
    assert languages == sorted(languages, reverse=True)
    # What stands in train of both stays in the language that comes first.
    assert "da_gpt4-train-0-5" in {line["id"] for line in _rejects(folder)}


YAML = """\
name: acme/nordic-ner
seed: 3
languages:
  da: {gold: {files: {train: da.conll}}}
  sv: {gold: {files: {train: sv.conll}}}
  nb: {gold: {files: {train: nb.conll}}}
generators:
  gpt4: {method: seeded, engine: openai, model: m, calls: {train: 1}}
  llama: {method: seeded, engine: openai, model: m, calls: {train: 1}, languages: [da]}
"""


@pytest.mark.parametrize(
    ("joint", "line", "message"),
    [
        pytest.param("  nordic: {languages: [da, se]}", 11, "`se` is no language", id="language"),
        pytest.param("  nordic: {generators: [gpt5]}", 11, "`gpt5` is no generator", id="generator"),
        pytest.param("  nordic: {languages: [da]}", 11, "languages", id="one language"),
        pytest.param("  nordic: {languages: [da, da]}", 11, "languages", id="twice"),
        pytest.param("  nordic: {language: [da, sv]}", 11, "unknown key `language`", id="unknown key"),
        pytest.param("  nordic:", 11, "joint.nordic", id="nothing"),
        pytest.param("  all: {}\n  sv: {}", 12, "a language of this release is called `sv`", id="collides"),
        pytest.param("  SV: {}", 11, "a language of this release is called `sv`", id="collides in case"),
        pytest.param("  nordic_all: {}", 10, "nordic_all", id="underscore"),
        pytest.param(
            "  nordic:\n    languages: [da, sv]\n    generators:\n      - gpt4\n      - llama",
            15,
            "joint.nordic.generators.1: `llama` makes 1 of its languages, not 2",
            id="generator of another language",
        ),
        pytest.param(
            "  nordic: {generators: [llama]}",
            11,
            "`llama` makes 1 of its languages, not 2",
            id="generator of one language",
        ),
    ],
)
def test_a_joint_config_that_cannot_be_is_refused_with_its_line(tmp_path, joint, line, message):
    (tmp_path / "release.yaml").write_text(f"{YAML}joint:\n{joint}\n", encoding="utf-8")
    with pytest.raises(ReleaseError) as error:
        read_release(tmp_path)
    assert message in error.value.message
    assert error.value.where == f"{tmp_path / 'release.yaml'}:{line}"
    assert error.value.hint


def test_languages_that_no_generator_makes_together_are_refused(tmp_path):
    text = YAML.replace("gpt4: {method", "gpt4: {languages: [sv], method")
    (tmp_path / "release.yaml").write_text(f"{text}joint:\n  nordic: {{}}\n", encoding="utf-8")
    with pytest.raises(ReleaseError, match="no generator makes 2 of its languages"):
        read_release(tmp_path)


# Evaluation


def _evaluated(folder: Path, **settings: Any) -> Path:
    sources = {"gpt4": {"generator": "gpt4"}, "together": {"joint": JOINT}}
    evaluation = {"sources": sources, "settings": ["scratch", "multilingual"], "sizes": [3, 100], "seeds": 1}
    change_release(folder, evaluation={**evaluation, **settings})
    _built(folder)
    return folder / "release.yaml"


def test_a_joint_config_is_a_source_of_all_of_its_languages(copy):
    path = _evaluated(copy)
    data = GridData(read_release(path).grid)
    plan = plan_cells(data)

    assert not plan.left_out
    together = [each.cell for each in plan.cells if each.cell.source == "together"]
    assert {(cell.language, cell.setting) for cell in together} == {("da", "scratch"), ("sv", "scratch")}
    whole = {cell.language: cell_data(cell, data).train[0] for cell in together if cell.size == 100}
    assert {code: (part.language, len(part.examples)) for code, part in whole.items()} == {
        "da": ("mul", 5),
        "sv": ("mul", 5),
    }
    assert {type_ for each in whole["da"].examples for type_ in (tag[2:] for tag in each.ner_tags)} == {
        "",
        "PER",
        "LOC",
    }

    assert run_here(path).done == len(plan.cells)
    [system] = [
        each
        for each in read_systems(copy / "runs")
        if (each.language, each.source, each.size) == ("sv", "together", 100)
    ]
    assert (system.true_size, system.is_smaller) == (5, True)


def test_a_source_that_is_no_joint_config_is_refused_with_its_line(tmp_path):
    text = f"{YAML}joint:\n  nordic: {{}}\nevaluation:\n  sources:\n    together: {{joint: nordic_gpt5}}\n"
    (tmp_path / "release.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ReleaseError, match="`nordic_gpt5` is no joint config of this release") as error:
        read_release(tmp_path)
    assert error.value.where == f"{tmp_path / 'release.yaml'}:14"
    assert error.value.hint == "Did you mean `nordic_gpt4`?"


# The Hub


def test_the_card_of_a_model_names_what_was_joined(publisher, repository, copy):
    path = _evaluated(copy, sources={"together": {"joint": JOINT}}, sizes=[100])
    run_here(path)
    [cell] = [cell for cell, result in results_in(copy).items() if result["cell"]["language"] == "sv"]
    pushed = publisher.synthner("push-model", cell, "--to", repository, "--release", str(path), "--json")
    assert pushed.status == 0, pushed.stderr

    card = Path(publisher.api.hf_hub_download(repository, "README.md", cache_dir=copy / "hub")).read_text(
        encoding="utf-8"
    )
    metadata = yaml.safe_load(card.split("---\n")[1])
    assert metadata["language"] == ["sv", "da"]
    assert "| mul | together | dataset/nordic_gpt4/train-00000-of-00001.parquet |" in re.sub(
        "[ `]+", " ", card
    )


def _rebuild(folder: Path) -> None:
    release = read_release(folder)
    build(release)
    write_card(release.dataset)


def test_it_is_published_loaded_back_and_versioned(publisher, repository, copy):
    change_release(copy, name=repository)
    _rebuild(copy)
    first = publisher.published(copy)

    assert first["loaded_back"] == ["da_gpt4", "sv_gpt4", JOINT]
    assert first["configs"][JOINT] == {"train": 5, "validation": 1, "test": 2}
    assert publisher.load(repository, JOINT, "v1.0.0")["test"] == [
        ["Mads", "fandt", "Ribe", "."],
        ["Ida", "arbejder", "hos", "Volvo", "."],
    ]
    assert publisher.python(
        f"""
import datasets, json
rows = datasets.load_dataset({repository!r}, {JOINT!r}, split="train", streaming=True)
print(json.dumps([row["language"] for row in rows]))
"""
    ) == ["da", "da", "da", "da", "sv"]

    change_release(copy, joint={"nordic": {}, "again": {}})
    _rebuild(copy)
    plan = publisher.published(copy, "--dry-run")
    assert plan["version"] == "1.1.0"
    assert [change["name"] for change in plan["changes"] if change["kind"] == "added"] == ["again_gpt4"]
    assert publisher.published(copy)["loaded_back"] == ["again_gpt4"]

    change_release(copy, joint={"nordic": {}})
    _rebuild(copy)
    outcome = publisher.published(copy)
    assert (outcome["version"], outcome["loaded_back"]) == ("2.0.0", [])
    assert not [name for name in publisher.files(repository) if "again" in name]

import gzip
import json
import os
import shutil
import subprocess
import sys
import unicodedata
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from datasets import ClassLabel, Dataset, Features, List, Value, load_dataset
from filelock import FileLock
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import synthner
from synthner.builders.build import build
from synthner.generation.calls import Call, Reply
from synthner.generation.generate import generate
from synthner.generation.journal import Journal
from synthner.release import read_release
from synthner.schema.errors import DataError, ReleaseError
from synthner.schema.iob2 import violations
from synthner.schema.validation import first_error
from synthner.sources.gold import load_gold

NAMES = ["O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC"]
GOLD = {
    "train": [("Grete bor i Horsens .", [1, 0, 0, 5, 0]), ("Firmaet Nordlys åbner .", [0, 3, 0, 0])],
    "validation": [("Vejret i Ribe er godt .", [0, 0, 5, 0, 0, 0])],
    "test": [("Ulla Holm rejser til Skive .", [1, 2, 0, 0, 5, 0])],
}


def _row(text: str, tags: list) -> dict:
    return {"tokens": text.split(), "ner_tags": tags}


def _release(folder: Path, responses: dict[str, list], *, configs=("mock",), gates="{}", extra="") -> Path:
    """Write a Danish release of recorded responses: a response is a text, or a list of datapoints."""
    for split, sentences in GOLD.items():
        lines = [
            "".join(f"{token} {NAMES[tag]}\n" for token, tag in zip(text.split(), tags, strict=True))
            for text, tags in sentences
        ]
        (folder / f"{split}.txt").write_text("\n".join(lines), encoding="utf-8")
    for split, texts in responses.items():
        lines = [
            json.dumps({"raw_output": text if isinstance(text, str) else json.dumps({"rows": text})})
            for text in texts
        ]
        (folder / f"{split}.jsonl").write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    generators = "".join(
        f"""
  {name}:
    method: seeded
    engine: recorded
    model: mock-1
    datapoints: 2
    recorded: {{responses: "{{split}}.jsonl"}}"""
        for name in configs
    )
    path = folder / "release.yaml"
    path.write_text(
        f"""
name: somebody/danish-synthetic
seed: 7
gates: {gates}
{extra}
languages:
  da:
    labels: [PER, ORG, LOC]
    gold:
      files: {{train: train.txt, validation: validation.txt, test: test.txt}}
      license: cc-by-sa-4.0
generators:{generators}
""",
        encoding="utf-8",
    )
    return path


def _built(path: Path) -> dict:
    release = read_release(path)
    generate(release)
    return build(release)


def _load(folder: Path, manifest: dict, config: str = "da_mock") -> Any:
    files = {
        split: str(folder / "dataset" / s["files"][0]["file"])
        for split, s in manifest["configs"][config]["splits"].items()
    }
    return load_dataset("parquet", data_files=files, cache_dir=str(folder / "cache"))


def _rejects(folder: Path, config: str = "da_mock") -> list[dict]:
    with gzip.open(folder / "work" / "rejects" / f"{config}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def _steps(manifest: dict, split: str, config: str = "da_mock") -> dict:
    return {step["step"]: step for step in manifest["configs"][config]["waterfall"][split]}


def _files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


SOUND = [_row("Inger bor i Lemvig .", [1, 0, 0, 5, 0]), _row("Det regner .", [0, 0, 0])]


def test_a_build_loads_as_published(tmp_path):
    manifest = _built(
        _release(
            tmp_path,
            {
                "train": [SOUND, [_row("Bent Friis smiler .", [1, 1, 0, 0])]],
                "test": [[_row("Ida ler .", [1, 0, 0])]],
            },
        )
    )

    data = _load(tmp_path, manifest)

    assert data["train"].features == Features(
        {"id": Value("string"), "tokens": List(Value("string")), "ner_tags": List(ClassLabel(names=NAMES))}
    )
    assert data["train"].column_names == ["id", "tokens", "ner_tags"]
    assert data["train"][0] == {
        "id": "da_mock-train-0-0",
        "tokens": SOUND[0]["tokens"],
        "ner_tags": [1, 0, 0, 5, 0],
    }
    assert data["train"]["id"][-1] == "da_mock-train-1-0"
    split = manifest["configs"]["da_mock"]["splits"]["train"]
    made_in_memory = Dataset.from_list(data["train"].to_list(), features=data["train"].features)
    assert split["num_bytes"] == made_in_memory.data.nbytes
    assert (split["examples"], split["tokens"], split["without_mentions"]) == (3, 12, 1)
    assert split["mentions"] == {"PER": 3, "ORG": 0, "LOC": 1}
    assert "validation" not in data


def test_parquet_is_written_as_datasets_writes_it(tmp_path):
    manifest = _built(_release(tmp_path, {"train": [SOUND]}))
    ours = tmp_path / "dataset" / manifest["configs"]["da_mock"]["splits"]["train"]["files"][0]["file"]
    _load(tmp_path, manifest)["train"].to_parquet(tmp_path / "theirs.parquet")

    assert ours.read_bytes() == (tmp_path / "theirs.parquet").read_bytes()
    assert Features.from_arrow_schema(pq.read_schema(ours))["ner_tags"].feature.names == NAMES
    assert pq.ParquetFile(ours).metadata.row_group(0).column(0).has_column_index


def test_the_same_input_gives_the_same_bytes(tmp_path):
    responses = {
        "train": [SOUND, "no JSON here", [_row("Ib ler .", [2, 0, 0, 0])]],
        "test": [[_row("Ida ler .", [1, 0, 0])]],
    }
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        _built(_release(tmp_path / name, responses))

    assert _files(tmp_path / "first" / "dataset") == _files(tmp_path / "second" / "dataset")
    assert _files(tmp_path / "first" / "work" / "rejects") == _files(tmp_path / "second" / "work" / "rejects")


def test_provenance_says_where_a_row_comes_from_and_what_was_repaired(tmp_path):
    manifest = _built(
        _release(tmp_path, {"train": ['Sure!\n```json\n{"tokens": ["Ane", "Bo"], "ner_tags": [2, 6]}\n```']})
    )

    [row] = pq.read_table(
        tmp_path / "dataset" / manifest["configs"]["da_mock"]["provenance"]["files"][0]["file"]
    ).to_pylist()

    assert (row["id"], row["split"], row["item"], row["parse_path"]) == (
        "da_mock-train-0-0",
        "train",
        0,
        "fenced",
    )
    assert (row["engine"], row["model"], row["prompt_sha256"]) == ("recorded", "mock-1", None)
    assert json.loads(row["repairs"]) == [
        {"step": "iob2", "position": 0, "before": "I-PER", "after": "B-PER"},
        {"step": "iob2", "position": 1, "before": "I-LOC", "after": "B-LOC"},
    ]


def test_gold_is_never_published(tmp_path):
    manifest = _built(
        _release(
            tmp_path,
            {
                "train": [
                    [
                        _row("Grete bor i Horsens .", [1, 0, 0, 5, 0]),
                        _row("GRETE bor, i Horsens !", [1, 0, 0, 5, 0]),
                        _row("Vejret i Ribe er godt .", [0, 0, 5, 0, 0, 0]),
                        _row("Ulla Holm rejser til Ski ve", [1, 2, 0, 0, 5, 6]),
                        _row("Grete bor i Horsens nu", [1, 0, 0, 5, 0]),
                    ]
                ]
            },
        )
    )

    counts = manifest["configs"]["da_mock"]["contamination"]
    assert {kind: (found["exact"], found["normalised"]) for kind, found in counts.items()} == {
        "seed_copies": (0, 0),
        "gold_train": (1, 1),
        "gold_validation": (1, 0),
        "gold_test": (0, 1),
    }
    assert counts["gold_train"]["examples"] == ["Grete bor i Horsens .", "GRETE bor, i Horsens !"]
    assert _steps(manifest, "train")["contamination"]["kept"] == 1
    assert [tuple(row["tokens"][-1:]) for row in _load(tmp_path, manifest)["train"]] == [("nu",)]


def test_a_prompt_is_told_from_the_rest_of_gold(tmp_path):
    path = _release(tmp_path, {"train": [SOUND]})
    release = read_release(path)
    gold = load_gold(release.configs[0].gold, "da")
    first, second = gold.splits["train"]
    calls = [
        Call(
            config="da_mock",
            split="train",
            index=index,
            engine="openai",
            model="mock",
            messages=(
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": f"Number {index}"},
            ),
            schema=None,
            sampling={"temperature": 1},
            base_url="http://localhost:1/v1",
            seed_ids=(first.id,),
            seed_revision=gold.revision,
            datapoints=2,
        )
        for index in range(4)
    ]
    rows = [
        {"tokens": list(first.tokens), "ner_tags": [1, 0, 0, 5, 0]},
        {"tokens": [token.upper() for token in first.tokens[:-1]], "ner_tags": [1, 0, 0, 5]},
        {"tokens": list(second.tokens), "ner_tags": [0, 3, 0, 0]},
        *SOUND,
    ]
    replies = [
        Reply("{}", json.dumps(rows), "mock-2\ud800", {"prompt_tokens": 5}, "stop", None, 100.0, 101.5),
        Reply("{}", None, None, {}, None, "the server said no", 102.0, 103.0),
        Reply("{}", "", "mock-2", {"prompt_tokens": 6}, "length", None, 99.0, 104.0),
    ]
    with Journal(release.journal) as journal:
        journal.plan("da_mock", calls)
        for call, reply in zip(calls, replies, strict=False):
            journal.record(call, reply)

    manifest = build(release)

    _check_invariants(tmp_path, manifest, "da_mock")
    config = manifest["configs"]["da_mock"]
    counts = config["contamination"]
    assert (counts["seed_copies"]["exact"], counts["seed_copies"]["normalised"]) == (1, 1)
    assert (counts["gold_train"]["exact"], counts["gold_train"]["normalised"]) == (1, 0)
    assert config["calls"] == {"train": {"planned": 4, "answered": 2, "failed": 1}}
    assert config["prompt"] == {"system": "Be brief.", "user": "Number 0"}
    assert config["usage"] == {"prompt_tokens": 11}
    assert config["asked"] == {"first": 99.0, "last": 104.0}
    assert config["model_snapshots"] == {"mock-2": 1, "mock-2\\ud800": 1}
    steps = _steps(manifest, "train")
    assert steps["requested"]["kept"] == 6
    assert steps["returned"]["lost"] == {"call failed": 2, "empty response": 2}
    assert steps["returned"]["notes"] == {"more than requested": 3}
    [row, _] = pq.read_table(tmp_path / "dataset" / config["provenance"]["files"][0]["file"]).to_pylist()
    assert (row["call_key"], row["seed_ids"], row["item"]) == (calls[0].key, [first.id], 3)
    assert (row["sampling"], row["finish_reason"]) == ('{"temperature": 1}', "stop")


def test_punctuation_alone_matches_no_gold_but_the_same(tmp_path, monkeypatch):
    monkeypatch.setitem(GOLD, "test", [*GOLD["test"], ("! ?", [0, 0])])
    manifest = _built(_release(tmp_path, {"train": [[_row("! ?", [0, 0]), _row("? !", [0, 0])]]}))

    assert [row["tokens"] for row in _load(tmp_path, manifest)["train"]] == [["?", "!"]]


def test_duplicates_are_published_once(tmp_path):
    ler = "Ida ler ."
    manifest = _built(
        _release(
            tmp_path,
            {
                "train": [
                    [_row(ler, [1, 0, 0]), _row(ler, [1, 0, 0]), _row("Ida går .", [1, 0, 0])],
                    [_row(ler, [3, 0, 0]), _row("IDA sover !", [1, 0, 0]), _row("Bo sover .", [1, 0, 0])],
                ],
                "validation": [[_row("Bo sover .", [1, 0, 0]), _row("Kaj ser .", [1, 0, 0])]],
                "test": [[_row("Ida sover .", [1, 0, 0]), _row("Kaj ser .", [3, 0, 0])]],
            },
        )
    )

    lost = {split: _steps(manifest, split)["duplicates"]["lost"] for split in ("train", "validation", "test")}
    assert lost == {
        "train": {
            "duplicate": 1,
            "duplicate with other labels": 1,
            "also in test but for case, spacing or punctuation": 1,
            "also in validation": 1,
        },
        "validation": {"also in test": 1},
        "test": {},
    }
    data = _load(tmp_path, manifest)
    assert [" ".join(row["tokens"]) for row in data["train"]] == ["Ida ler .", "Ida går ."]


def test_duplicates_are_found_across_batches(tmp_path, monkeypatch):
    monkeypatch.setattr("synthner.builders.reading.BATCH_SENTENCES", 3)
    monkeypatch.setattr("synthner.builders.vocabulary.LARGEST_VOCABULARY", 4)
    rows = [
        [_row(f"Nummer {n % 10} ler .", [0, 0, 0, 0]), _row(f"Ida nåede {n} .", [1, 0, 0, 0])]
        for n in range(40)
    ]
    manifest = _built(_release(tmp_path, {"train": rows}))

    assert _steps(manifest, "train")["duplicates"]["lost"] == {"duplicate": 30}
    tokens = [tuple(row["tokens"]) for row in _load(tmp_path, manifest)["train"]]
    assert len(tokens) == len(set(tokens)) == 50


def test_composition_is_a_policy_and_a_repair(tmp_path):
    decomposed = unicodedata.normalize("NFD", "Åse")
    responses = {
        "train": [
            [
                {"tokens": [decomposed, "ler"], "ner_tags": [1, 0]},
                {"tokens": ["Åse", "ler"], "ner_tags": [1, 0]},
            ]
        ]
    }
    manifest = _built(_release(tmp_path, responses, gates="{unicode: nfc}"))

    [row] = _load(tmp_path, manifest)["train"]
    assert row["tokens"] == ["Åse", "ler"]
    assert _steps(manifest, "train")["text"]["notes"]["composed to NFC"] == 1
    assert _steps(manifest, "train")["duplicates"]["lost"] == {"duplicate": 1}
    provenance = pq.read_table(tmp_path / "dataset/provenance/da_mock.parquet").to_pylist()
    assert json.loads(provenance[0]["repairs"]) == [
        {"step": "text", "position": 0, "before": decomposed, "after": "Åse"}
    ]


def test_a_split_that_nothing_reaches_is_left_out_and_said(tmp_path):
    manifest = _built(_release(tmp_path, {"train": [SOUND], "test": ["I am sorry."]}))

    config = manifest["configs"]["da_mock"]
    assert list(config["splits"]) == ["train"]
    assert config["splits_left_out"] == {"test": "no datapoint passed the gates"}
    assert _steps(manifest, "test")["returned"]["lost"] == {"no datapoint in the response": 2}
    assert not list((tmp_path / "dataset" / "da_mock").glob("test*"))


def test_a_config_that_nothing_reaches_is_an_error_that_leaves_the_former_build(tmp_path):
    path = _release(tmp_path, {"train": [SOUND]})
    _built(path)
    before = _files(tmp_path / "dataset")
    _release(tmp_path, {"train": [[_row("Ida ler", [1])]]})

    with pytest.raises(DataError, match=r"no datapoint is left.*\n.*lengths: one tag too few"):
        _built(path)

    assert _files(tmp_path / "dataset") == before
    assert not (tmp_path / "work" / "building").exists()


def test_an_interrupted_build_leaves_the_former_one(tmp_path):
    path = _release(tmp_path, {"train": [SOUND]})
    _built(path)
    before = _files(tmp_path)
    _release(tmp_path, {"train": [[_row("Ida ler .", [1, 0, 0])]] * 3})
    release = read_release(path)
    generate(release)

    def interrupt(_calls):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(release, advance=interrupt)

    after = _files(tmp_path)
    data = [name for name in before if name.startswith(("dataset", "work/rejects"))]
    assert {name: after[name] for name in data} == {name: before[name] for name in data}
    assert {name for name in after if name.startswith("dataset")} == {
        name for name in data if name.startswith("dataset")
    }


def test_a_finished_build_is_not_repeated_until_something_changes(tmp_path):
    path = _release(tmp_path, {"train": [SOUND]})
    first = _built(path)
    release = read_release(path)

    def counted() -> tuple[dict, int]:
        calls: list[int] = []
        return build(release, advance=calls.append), sum(calls)

    assert counted() == (first, 0)
    (tmp_path / "dataset" / "da_mock" / "train-00000-of-00001.parquet").write_bytes(b"")
    assert counted() == (first, 1)
    (tmp_path / "train.txt").write_text("Ny O\nsætning O\nom O\nHans B-PER\n", encoding="utf-8")
    changed, calls = counted()
    assert calls == 1
    assert changed["configs"]["da_mock"]["gold"]["splits"]["train"] == 1


@pytest.mark.parametrize(
    "changed",
    ["builders/build.py", "projection/model_folders.py", "release.py"],
    ids=["a builder", "what it stands on", "what reads the release"],
)
def test_a_build_by_another_version_is_repeated(tmp_path, changed):
    path = _release(tmp_path, {"train": [SOUND]})
    _built(path)
    copied = tmp_path / "newer" / "synthner"
    left_out = shutil.ignore_patterns(".*", "__pycache__", "tests", "docs", "benchmarks", "examples")
    shutil.copytree(Path(synthner.__file__).parent, copied, ignore=left_out)
    count = (
        "import sys, pathlib, synthner.builders.build, synthner.release\n"
        "release = synthner.release.read_release(pathlib.Path(sys.argv[1]))\n"
        "synthner.builders.build.build(release, advance=print)\n"
    )

    def calls() -> str:
        command = [sys.executable, "-c", count, str(path)]
        variables = {**os.environ, "PYTHONPATH": str(tmp_path / "newer")}
        return subprocess.run(command, capture_output=True, check=True, env=variables, text=True).stdout

    assert calls() == ""
    with (copied / changed).open("a", encoding="utf-8") as file:
        file.write("# Changed.\n")
    assert calls() == "1\n"


def test_files_of_a_former_build_are_removed_and_others_stay(tmp_path):
    path = _release(
        tmp_path, {"train": [SOUND], "test": [[_row("Ida ler .", [1, 0, 0])]]}, configs=("mock", "other")
    )
    _built(path)
    (tmp_path / "dataset" / "README.md").write_text("a card")
    (tmp_path / "test.jsonl").unlink()
    _release(tmp_path, {"train": [SOUND]})

    _built(path)

    assert sorted(_files(tmp_path / "dataset")) == [
        "README.md",
        "da_mock/train-00000-of-00001.parquet",
        "manifest.json",
        "provenance/da_mock.parquet",
    ]
    assert [file.name for file in (tmp_path / "work" / "rejects").iterdir()] == ["da_mock.jsonl.gz"]


def test_without_answers_there_is_no_build(tmp_path):
    release = read_release(_release(tmp_path, {"train": [SOUND]}))
    with pytest.raises(ReleaseError, match="nothing was generated yet"):
        build(release)
    assert not (tmp_path / "dataset").exists()


def test_two_builds_do_not_meet(tmp_path):
    path = _release(tmp_path, {"train": [SOUND]})
    release = read_release(path)
    generate(release)

    with FileLock(release.work / "build.lock"), pytest.raises(DataError, match="another build"):
        build(release)

    build(release)


def test_huge_rubbish_is_one_line_among_the_rejects(tmp_path):
    manifest = _built(
        _release(tmp_path, {"train": [SOUND, "[" * 1_000_000, '{"tokens": ["' + "x" * 100_000]})
    )

    assert _steps(manifest, "train")["published"]["kept"] == 2
    assert all(len(json.dumps(line)) < 10_000 for line in _rejects(tmp_path))
    assert {line["reason"] for line in _rejects(tmp_path)} >= {"cut at the end"}


def test_real_responses_build(tmp_path, shared):
    folder = shared / "data" / "llm_responses" / "kamath_vajjala" / "gpt-4"
    gold = shared / "data" / "uner" / "da_ddt"
    files = {
        split: next(iter(sorted(gold.glob(f"*{name}*"))))
        for split, name in (("train", "train"), ("validation", "dev"), ("test", "test"))
    }
    release = {
        "name": "somebody/danish",
        "seed": 1,
        "languages": {
            "da": {
                "gold": {
                    "files": {split: str(path) for split, path in files.items()},
                    "license": "cc-by-sa-4.0",
                }
            }
        },
        "generators": {
            "gpt4": {
                "method": "seeded",
                "engine": "recorded",
                "model": "gpt-4.1",
                "recorded": {"responses": f"{folder}/da_{{split}}_gpt-4.1-2025-04-14_raw.jsonl.gz"},
            }
        },
    }
    (tmp_path / "release.yaml").write_text(json.dumps(release), encoding="utf-8")
    manifest = _built(tmp_path)

    _check_invariants(tmp_path, manifest, "da_gpt4")
    assert manifest["configs"]["da_gpt4"]["splits"]["train"]["examples"] > 3000


GARBAGE_TOKENS = st.one_of(
    st.text(st.characters(exclude_categories=()), max_size=4),
    st.sampled_from(
        ["Ida", "Oslo", ".", "", " ", "\t", "\x00", "\ufffd", "\ud800", "# *x* <b>", "- a: &b", "\u200d"]
    ),
    st.none() | st.integers() | st.booleans(),
)
GARBAGE_TAGS = st.one_of(
    st.sampled_from([0, 1, 2, 5, 6, 9, -1, "1", "B-PER", "I-LOC", "", "X", True, 1.0, None, "\ud800"])
)
GARBAGE = st.one_of(
    st.fixed_dictionaries(
        {"tokens": st.lists(GARBAGE_TOKENS, max_size=5), "ner_tags": st.lists(GARBAGE_TAGS, max_size=5)}
    ),
    st.lists(
        st.tuples(st.sampled_from(["Ida", "Bo", "ler"]), st.sampled_from([0, 1, 2, 5, 6])),
        min_size=1,
        max_size=4,
    ).map(lambda pairs: {"tokens": [token for token, _ in pairs], "ner_tags": [tag for _, tag in pairs]}),
    st.fixed_dictionaries({"tokens": st.integers() | st.text()}),
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    train=st.lists(st.one_of(st.lists(GARBAGE, max_size=4), st.text(max_size=30)), max_size=3),
    test=st.lists(st.lists(GARBAGE, max_size=4), max_size=2),
)
def test_whatever_comes_in_is_published_sound_or_rejected_once(tmp_path_factory, train, test):
    folder = tmp_path_factory.mktemp("release")
    manifest = _built(
        _release(folder, {"train": [SOUND, *train], "test": [[_row("Eva ser Ry .", [1, 0, 5, 0])], *test]})
    )

    _check_invariants(folder, manifest, "da_mock")


def _check_invariants(folder: Path, manifest: dict, config: str) -> None:
    assert first_error("manifest", manifest) is None
    assert json.loads((folder / "dataset" / "manifest.json").read_text(encoding="utf-8")) == manifest
    described = manifest["configs"][config]
    data = _load(folder, manifest, config)
    published: Counter[tuple] = Counter()
    sentences = set()
    for rows in data.values():
        for row in rows:
            names = [described["labels"][tag] for tag in row["ner_tags"]]
            assert first_error("datapoint", {**row, "ner_tags": names}) is None
            assert len(row["tokens"]) == len(names)
            assert violations(names) == []
            for token in row["tokens"]:
                assert token.strip()
                assert not {"Cc", "Cn", "Co", "Cs"} & {unicodedata.category(character) for character in token}
            sentences.add(tuple(row["tokens"]))
            published[row["id"]] += 1
    assert set(published.values()) == {1}
    assert len(sentences) == len(published)
    provenance = pq.read_table(folder / "dataset" / described["provenance"]["files"][0]["file"]).to_pylist()
    assert sorted(row["id"] for row in provenance) == sorted(published)

    rejects = _rejects(folder, config)
    assert len(rejects) == described["rejects"]
    outcomes = Counter((row["split"], row["call_key"], row["item"]) for row in provenance)
    outcomes.update(
        (line["split"], line["call"], line["item"]) for line in rejects if line["item"] is not None
    )
    assert set(outcomes.values()) == {1}
    assert outcomes.total() == sum(
        _steps(manifest, split, config)["parsed"]["kept"] for split in described["waterfall"]
    )

    for split, steps in described["waterfall"].items():
        for before, step in pairwise(steps[1:]):
            assert step["kept"] + sum(step["lost"].values()) == before["kept"], (split, step["step"])
        reasons = Counter(
            (line["step"], line["reason"])
            for line in rejects
            if line["split"] == split and line["item"] is not None
        )
        assert reasons == {
            (step["step"], reason): count for step in steps[3:] for reason, count in step["lost"].items()
        }
        assert steps[-1]["kept"] == described["splits"].get(split, {"examples": 0})["examples"]

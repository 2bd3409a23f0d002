"""A release too large for one file a split: shards that are bounded, that load, and that go up only once."""

import hashlib
import json
import random
import shutil
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from synthner.builders.build import build
from synthner.builders.changes import RowChanges, compare_releases
from synthner.builders.explain import explain
from synthner.builders.findings import find_obstacles
from synthner.builders.parquet import MAX_SHARD_BYTES
from synthner.cards.dataset_card import write_card
from synthner.generation.generate import generate
from synthner.hub.folder import publish_to_folder
from synthner.hub.verification import verify_folder
from synthner.release import Release, read_release
from synthner.schema.example import Example
from synthner.schema.manifest import listed_files
from synthner.tests.command_line import start
from synthner.tests.hub_publishing import Publisher
from synthner.tests.small_release import gold_lines

pytest_plugins = ["synthner.tests.publishing_fixtures"]

CONFIG = "da_large"
ROWS = 2_000
ROWS_A_CALL = 20
TINY, SMALL, LARGER = 10_000, 20_000, 60_000
ONE_FILE = [f"{CONFIG}/train-00000-of-00001.parquet"]


def _write_release(folder: Path, rows: int = ROWS, repository: str = "acme/large", seed: int = 1) -> Release:
    """Write a release whose train holds `rows` sentences that nothing compresses, and ask for its answers."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "gold.conll").write_text(gold_lines(4), encoding="utf-8")
    letters = random.Random(seed)
    answers = []
    for first in range(0, rows, ROWS_A_CALL):
        datapoints = [
            {
                "tokens": ["Tove", "så", *("".join(letters.choices("bdfgklmnprst", k=12)) for _ in range(4))],
                "ner_tags": [1, 0, 0, 0, 0, 0],
            }
            for _ in range(first, min(rows, first + ROWS_A_CALL))
        ]
        answers.append(json.dumps({"call_idx": len(answers), "raw_output": json.dumps(datapoints)}))
    (folder / "train.jsonl").write_text("\n".join(answers), encoding="utf-8")
    release = {
        "name": repository,
        "description": "Sentences that make a split large.",
        "authors": ["A. Author"],
        "seed": 5,
        "languages": {
            "da": {"gold": {"files": {"train": "gold.conll"}, "license": "cc0-1.0"}, "labels": ["PER"]}
        },
        "generators": {
            "large": {
                "method": "seeded",
                "engine": "recorded",
                "model": "small",
                "format": "paper",
                "datapoints": ROWS_A_CALL,
                "recorded": {"responses": "{split}.jsonl"},
            }
        },
    }
    (folder / "release.yaml").write_text(json.dumps(release), encoding="utf-8")
    opened = read_release(folder)
    generate(opened)
    return opened


def _built(release: Release, max_shard_bytes: int = SMALL):
    manifest = build(release, max_shard_bytes=max_shard_bytes)
    write_card(release.dataset)
    return manifest


def _train(manifest):
    return manifest["configs"][CONFIG]["splits"]["train"]["files"]


def _provenance(manifest):
    return manifest["configs"][CONFIG]["provenance"]["files"]


def _files(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*.parquet")
    }


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Return a built release of many shards; nobody may change it."""
    release = _write_release(tmp_path_factory.mktemp("small"))
    return release, _built(release)


@pytest.fixture
def copied(small, tmp_path):
    """Return a copy of that release, to change."""
    shutil.copytree(small[0].folder, tmp_path / "copy")
    return read_release(tmp_path / "copy")


def test_a_split_and_its_provenance_become_shards_within_the_bound(small):
    release, manifest = small
    shards, provenance = _train(manifest), _provenance(manifest)

    assert len(shards) > 2
    assert len(provenance) > 1
    assert all(SMALL / 2 < shard["bytes"] <= SMALL for shard in shards[:-1])
    assert [shard["file"] for shard in shards] == [
        f"{CONFIG}/train-{number:05}-of-{len(shards):05}.parquet" for number in range(len(shards))
    ]
    assert [shard["file"] for shard in provenance] == [
        f"provenance/{CONFIG}-{number:05}-of-{len(provenance):05}.parquet"
        for number in range(len(provenance))
    ]
    assert _files(release.dataset) == listed_files(manifest)
    for shard in (*shards, *provenance):
        path = release.dataset / shard["file"]
        assert (path.stat().st_size, pq.read_metadata(path).num_rows) == (shard["bytes"], shard["rows"])
    assert sum(shard["rows"] for shard in shards) == sum(shard["rows"] for shard in provenance) == ROWS


def test_shards_hold_the_rows_of_the_one_file_in_their_order(small, copied):
    release, manifest = small
    whole = _built(copied, MAX_SHARD_BYTES)

    assert [shard["file"] for shard in _train(whole)] == ONE_FILE
    assert [shard["file"] for shard in _provenance(whole)] == [f"provenance/{CONFIG}.parquet"]
    for of_whole, of_shards in (
        (_train(whole), _train(manifest)),
        (_provenance(whole), _provenance(manifest)),
    ):
        rows = [
            row for shard in of_shards for row in pq.read_table(release.dataset / shard["file"]).to_pylist()
        ]
        assert rows == pq.read_table(copied.dataset / of_whole[0]["file"]).to_pylist()


def test_a_rebuild_has_the_same_shards_and_more_rows_change_the_last_only(small, tmp_path):
    _, manifest = small
    assert _built(_write_release(tmp_path / "again")) == manifest

    longer = _built(_write_release(tmp_path / "longer", ROWS + 200))

    hashes, of_longer = ([shard["sha256"] for shard in _train(one)] for one in (manifest, longer))
    assert len(of_longer) > len(hashes)
    assert of_longer[: len(hashes) - 1] == hashes[:-1]


def test_shards_that_a_rebuild_does_not_have_go(copied):
    before = set(_files(copied.dataset))
    # What a build leaves that was killed while it moved its files.
    orphan = copied.dataset / CONFIG / "train-00007-of-00099.parquet"
    shutil.copy(copied.dataset / sorted(before)[0], orphan)
    (copied.dataset / CONFIG / "notes.txt").write_text("mine")

    manifest = _built(copied, LARGER)

    assert 1 < len(_train(manifest)) < len(before)
    assert _files(copied.dataset) == listed_files(manifest)
    assert (copied.dataset / CONFIG / "notes.txt").exists()
    assert verify_folder(copied.dataset)[0].examples == {"train": ROWS}


def test_a_folder_of_shards_loads_and_a_smaller_release_replaces_it(copied, tmp_path):
    target = tmp_path / "published"
    publish_to_folder(copied.dataset, target)
    assert verify_folder(target)[0].examples == {"train": ROWS}
    assert "path: da_large/train-*\n" in (target / "README.md").read_text(encoding="utf-8")

    manifest = _built(copied, LARGER)
    publish_to_folder(copied.dataset, target)

    assert _files(target) == listed_files(manifest)
    assert verify_folder(target)[0].examples == {"train": ROWS}


def test_the_card_says_how_to_load_provenance_of_several_files(small, tmp_path):
    from datasets import load_dataset

    release, manifest = small
    card = (release.dataset / "README.md").read_text(encoding="utf-8")
    [line] = [line for line in card.splitlines() if "data_files=" in line]
    pattern = line.partition('data_files="')[2].partition('"')[0]

    rows = load_dataset(
        "parquet", data_files=str(release.dataset / pattern), split="train", cache_dir=str(tmp_path)
    )

    assert pattern.endswith(f"-of-{len(_provenance(manifest)):05}.parquet")
    assert len(rows) == ROWS


def test_a_datapoint_in_any_shard_is_explained(small):
    release, manifest = small

    for shard in (_train(manifest)[0], _train(manifest)[-1]):
        row = pq.read_table(release.dataset / shard["file"]).to_pylist()[-1]
        found = explain(release, manifest, row["id"]).as_json()
        assert (found["id"], found["published"]["tokens"]) == (row["id"], row["tokens"])


def test_a_finding_counts_the_rows_of_all_shards(small):
    release, manifest = small
    held_out = []
    for shard in (_train(manifest)[0], _train(manifest)[-1]):
        row = pq.read_table(release.dataset / shard["file"]).to_pylist()[0]
        held_out.append(Example(row["id"], tuple(row["tokens"]), ("O",) * len(row["tokens"])))

    [finding] = find_obstacles(release.dataset, manifest, {"da": held_out})

    assert finding.message == f"{CONFIG}, train: 2 rows are sentences of gold test, first {held_out[0].id}"


def test_only_shards_that_differ_are_read_to_compare(small, tmp_path):
    release, manifest = small
    longer = _write_release(tmp_path / "longer", ROWS + 200)
    built = _built(longer)
    read = []

    def published(name):
        read.append(name)
        return release.dataset / name

    changes = compare_releases(
        manifest, built, published_file=published, built_file=lambda name: longer.dataset / name
    )

    assert changes.rows == RowChanges(added=200)
    assert read == [_train(manifest)[-1]["file"]]


def test_a_shard_that_is_gone_has_its_rows_replaced(small, copied):
    release, manifest = small
    whole = _built(copied, MAX_SHARD_BYTES)
    gone = _train(manifest)[1]

    changes = compare_releases(
        manifest,
        whole,
        published_file=lambda name: None if name == gone["file"] else release.dataset / name,
        built_file=lambda name: copied.dataset / name,
    )

    assert changes.rows == RowChanges(added=gone["rows"], removed=gone["rows"])


def test_the_hub_gets_fewer_shards_and_loses_the_old_ones(publisher, repository, tmp_path):
    release = _write_release(tmp_path / "release", repository=repository, seed=2)
    shards = _train(_built(release))
    publisher.published(release.folder)
    manifest = _built(release, LARGER)

    outcome = publisher.published(release.folder)

    assert {shard["file"] for shard in shards} <= set(outcome["removed"])
    there = {name for name in publisher.files(repository) if name.endswith(".parquet")}
    assert there == listed_files(manifest).keys()
    assert outcome["version"] == "1.0.1", "the rows are the same"
    assert len(publisher.load(repository, CONFIG)["train"]) == ROWS
    streamed = publisher.python(f"""
import datasets, json
rows = datasets.load_dataset({repository!r}, {CONFIG!r}, split="train", streaming=True)
print(json.dumps([rows.num_shards, sum(1 for _ in rows)]))
""")
    assert streamed == [len(_train(manifest)), ROWS]


def test_what_was_uploaded_before_a_kill_is_not_sent_again(publisher, repository, tmp_path):
    release = _write_release(tmp_path / "release", repository=repository, seed=3)
    files = {sha: release.dataset / name for name, sha in listed_files(_built(release, TINY)).items()}
    before_kill = 3
    publisher.hub.fail("lfs-upload", hang=0.0, times=before_kill)
    publisher.hub.fail("lfs-upload", hang=3, times=5)  # the client sends five files at a time
    since = len(publisher.hub.requests)

    killed = start("publish", release.folder, folder=Path.cwd(), **publisher.variables)
    deadline = time.monotonic() + 60
    while len(publisher.calls("lfs-upload", since=since)) < before_kill:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(0.5)
    killed.kill()
    killed.communicate()
    time.sleep(3)  # until the Hub has taken in what was on its way
    arrived = [call for call in publisher.calls("lfs-upload", since=since) if call.status == 200]
    assert publisher.commits(repository) == ["initial commit"]
    since = len(publisher.hub.requests)

    publisher.published(release.folder)

    sent = publisher.calls("lfs-upload", since=since)
    assert before_kill <= len(arrived) < len(files)
    assert len(sent) == len(files) - len(arrived)
    assert sum(call.received for call in (*arrived, *sent)) == sum(
        path.stat().st_size for path in files.values()
    )
    assert len(publisher.load(repository, CONFIG)["train"]) == ROWS


@pytest.mark.parametrize(
    ("at_once", "uploads"), [(250_000, 3), (500_000, 2), (10**9, 1)], ids=["each", "two", "all"]
)
def test_large_files_go_to_xet_some_at_a_time(tmp_path, at_once, uploads):
    names = [f"{CONFIG}/train-{number:05}-of-00003.parquet" for number in range(3)]
    for number, name in enumerate(names):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(random.Random(number).randbytes(200_000))
    with Publisher.on_a_hub(tmp_path, xet=True) as publisher:
        publisher.api.create_repo("acme/shards", repo_type="dataset")
        publisher.python(f"""
from pathlib import Path
from synthner.hub.repository import Repository
repository = Repository("acme/shards", upload_at_once={at_once})
files = {{name: Path({str(tmp_path)!r}) / name for name in {names!r}}}
repository.commit(files | {{"note.txt": b"Hej"}}, (), parent=repository.read().commit, title="Shards")
print("true")
""")

        assert len(publisher.calls("xet-token")) == uploads
        assert publisher.commits("acme/shards") == ["Shards", "initial commit"]
        assert set(names) | {"note.txt"} <= set(publisher.files("acme/shards"))

"""Curation inside a build: through `build`, on a release of recorded responses written for these tests."""

import gzip
import json
import re
import shutil
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from synthner.builders.build import build
from synthner.builders.curation.curate import STEPS
from synthner.builders.curation.near_duplicates import near_duplicates
from synthner.builders.curation.repairs import REPAIRS
from synthner.builders.curation.selection import SHARES
from synthner.builders.explain import explain
from synthner.cards.dataset_card import render_dataset_card
from synthner.generation.generate import generate
from synthner.release import read_release
from synthner.schema.errors import DataError, ReleaseError
from synthner.schema.example import Example
from synthner.schema.iob2 import violations
from synthner.schema.validation import first_error

from .curation_sentences import LABELS, relabelled, sentences, write
from .terminal import on_a_terminal
from .tiny_encoder import save_tiny_encoder

CONFIG = "en_mock"
A_CALL = 10

GOLD = {
    "train": sentences(36, name="gold"),
    "validation": sentences(15, name="gold validation"),
    "test": sentences(15, name="gold test"),
}


def _fresh(count: int, name: str, others: list[Example]) -> list[Example]:
    """Return sentences that nearly repeat neither each other nor others."""
    found = sentences(6 * count, name=name)
    repeats = near_duplicates([*others, *found])[len(others) :]
    fresh = [example for example, repeated in zip(found, repeats, strict=True) if repeated is None]
    return fresh[:count]


ALL_GOLD = [example for examples in GOLD.values() for example in examples]
SOUND = _fresh(160, "synthetic", ALL_GOLD)
HELD_BACK = _fresh(20, "synthetic validation", [*ALL_GOLD, *SOUND])


def _swapped(tags: tuple[str, ...]) -> list[str]:
    other = {"PER": "LOC", "LOC": "PER"}
    return [tag if tag == "O" else tag[:2] + other[tag[2:]] for tag in tags]


def _with_one_more_word(example: Example) -> Example:
    return Example(example.id, (*example.tokens, "so"), (*example.ner_tags, "O"))


MISLABELLED = [
    relabelled([example], _swapped)[0] if number % 8 == 0 else example for number, example in enumerate(SOUND)
]
REPEATED = [_with_one_more_word(example) for example in SOUND[:3]]
LEAKING = [_with_one_more_word(example) for example in GOLD["test"][:4]]
FOREIGN = sentences(5, name="foreign", language="finnish")
MIXED = [*FOREIGN, *MISLABELLED[:80], *LEAKING, *MISLABELLED[80:], *REPEATED]

MISLEADING = relabelled(SOUND, lambda tags: ["B-LOC"] * len(tags))
WITHOUT_MENTIONS = relabelled(SOUND, lambda tags: ["O"] * len(tags))


def _build(folder: Path, responses: dict[str, list[Example]], *, generator: str = "curation: true") -> dict:
    _write_release(folder, responses, generator)
    release = read_release(folder)
    generate(release)
    return build(release)


def _write_release(folder: Path, responses: dict[str, list[Example]], generator: str) -> None:
    folder.mkdir(exist_ok=True)
    for split, examples in GOLD.items():
        write(folder / f"gold-{split}.jsonl", examples)
    for split, examples in responses.items():
        calls = [examples[first : first + A_CALL] for first in range(0, len(examples), A_CALL)]
        lines = [json.dumps({"raw_output": json.dumps(list(map(_datapoint, call)))}) for call in calls]
        (folder / f"{split}.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    (folder / "release.yaml").write_text(
        f"""
name: somebody/curated
seed: 7
languages:
  en:
    labels: [LOC, PER]
    gold:
      files: {{train: gold-train.jsonl, validation: gold-validation.jsonl, test: gold-test.jsonl}}
      license: cc0-1.0
generators:
  mock:
    method: seeded
    engine: recorded
    model: mock-1
    datapoints: {A_CALL}
    {generator}
    recorded: {{responses: "{{split}}.jsonl"}}
""",
        encoding="utf-8",
    )


def _datapoint(example: Example) -> dict[str, Any]:
    return {"tokens": example.tokens, "ner_tags": LABELS.encode(example.ner_tags)}


def _rows(folder: Path, manifest: dict, split: str = "train") -> dict[str, tuple[tuple, tuple]]:
    facts = manifest["configs"][CONFIG]
    rows = pq.read_table(folder / "dataset" / facts["splits"][split]["files"][0]["file"]).to_pylist()
    names = facts["labels"]
    return {
        row["id"]: (tuple(row["tokens"]), tuple(names[number] for number in row["ner_tags"])) for row in rows
    }


def _repairs(folder: Path) -> dict[str, list[dict]]:
    rows = pq.read_table(folder / "dataset" / "provenance" / f"{CONFIG}.parquet").to_pylist()
    return {row["id"]: json.loads(row["repairs"]) for row in rows}


def _train_steps(manifest: dict) -> list[dict]:
    return manifest["configs"][CONFIG]["waterfall"]["train"]


def _rejects(folder: Path) -> list[dict]:
    with gzip.open(folder / "work" / "rejects" / f"{CONFIG}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def _dropped(folder: Path) -> list[dict]:
    return [line for line in _rejects(folder) if line["step"].startswith("curation: ")]


def _curation_steps(manifest: dict) -> dict[str, dict]:
    return {step["name"]: step for step in manifest["configs"][CONFIG]["curation"]["steps"]}


def _explained(folder: Path, manifest: dict, id_: str) -> dict:
    return explain(read_release(folder), manifest, id_).as_json()


def _files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def curated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("curated")
    return folder, _build(folder, {"train": MIXED, "validation": HELD_BACK})


@pytest.fixture(scope="module")
def uncurated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("uncurated")
    return folder, _build(folder, {"train": MIXED, "validation": HELD_BACK}, generator="curation: false")


@pytest.fixture
def little_gold(monkeypatch):
    """Leave enough gold to know its language, and too little for its folds to judge what is kept."""
    monkeypatch.setitem(GOLD, "train", GOLD["train"][:20])


def test_published_rows_are_some_of_those_without_curation(curated, uncurated):
    kept, all_rows = _rows(*curated), _rows(*uncurated)

    assert 0 < len(kept) < len(all_rows)
    assert list(kept) == [id_ for id_ in all_rows if id_ in kept]
    assert all(tokens == all_rows[id_][0] for id_, (tokens, _) in kept.items())
    assert not any(violations(tags) for _, tags in kept.values())


def test_every_repair_is_in_the_provenance_with_the_label_that_was_there(curated, uncurated):
    kept, all_rows = _rows(*curated), _rows(*uncurated)
    repairs = _repairs(curated[0])

    changed = {id_ for id_, (_, tags) in kept.items() if tags != all_rows[id_][1]}
    assert changed
    for id_ in kept:
        tags = list(all_rows[id_][1])
        for repair in repairs[id_]:
            assert repair["step"].startswith("curation: ")
            assert tags[repair["position"]] == repair["before"]
            tags[repair["position"]] = repair["after"]
        assert tuple(tags) == kept[id_][1]


def test_swapped_types_are_put_right(curated):
    right = {example.tokens: example.ner_tags for example in SOUND}
    wrong = {example.tokens: example.ner_tags for example in MISLABELLED if example not in SOUND}

    published = dict(_rows(*curated).values())
    outcomes = Counter(published[tokens] == right[tokens] for tokens in wrong if tokens in published)
    assert outcomes[True] > outcomes[False]


def test_what_is_dropped_is_among_the_rejects_with_its_reason(curated, uncurated):
    kept, all_rows = _rows(*curated), _rows(*uncurated)
    dropped = _dropped(curated[0])

    assert Counter(tuple(line["tokens"]) for line in dropped) == Counter(
        tokens for id_, (tokens, _) in all_rows.items() if id_ not in kept
    )
    assert {line["id"] for line in dropped} == set(all_rows) - set(kept)
    reason_of = {tuple(line["tokens"]): line["reason"] for line in dropped}
    id_of = {tokens: id_ for id_, (tokens, _) in all_rows.items()}
    for first, again in zip(SOUND, REPEATED, strict=False):
        assert reason_of[again.tokens] == f"repeats {id_of[first.tokens]}"
    assert {reason_of[example.tokens] for example in LEAKING} == {"repeats a sentence of gold test"}
    assert {reason_of[example.tokens] for example in FOREIGN} == {"not written like gold"}
    assert Counter(line["step"].removeprefix("curation: ") for line in dropped) == {
        name: step["lost"] for name, step in _curation_steps(curated[1]).items() if step["lost"]
    }


def test_the_waterfall_adds_up(curated):
    folder, manifest = curated
    steps = _train_steps(manifest)
    names = [step["step"] for step in steps]
    step = steps[names.index("curation")]

    assert names[-3:] == ["contamination", "curation", "published"]
    for before, after in pairwise(steps[1:]):
        assert after["kept"] + sum(after["lost"].values()) == before["kept"]
    assert sum(step["lost"].values()) == len(_dropped(folder))
    assert step["lost"]["repeats another sentence"] == len(REPEATED)
    assert step["lost"]["repeats a sentence of gold test"] == len(LEAKING)
    assert step["lost"]["not written like gold"] == len(FOREIGN)
    repaired = Counter(
        change["step"].replace("curation", "repaired")
        for id_, changes in _repairs(folder).items()
        for change in {change["step"]: change for change in changes}.values()
    )
    assert step["notes"] == repaired
    assert step["examples"] == []


def test_each_step_says_what_it_did(curated):
    folder, manifest = curated
    steps = _curation_steps(manifest)
    repairs = [f"repairs: {repair}" for repair in REPAIRS]
    before_repairs, after_repairs = STEPS[: STEPS.index("repairs")], STEPS[STEPS.index("repairs") + 1 :]

    assert list(steps) == [*before_repairs, *repairs, *after_repairs]
    for before, after in pairwise(steps.values()):
        assert after["kept"] + after["lost"] == before["kept"]
    assert steps["repeats"]["kept"] + steps["repeats"]["lost"] == len(MIXED)
    assert steps["selection"]["kept"] == len(_rows(folder, manifest))
    assert (steps["repeats"]["lost"], steps["held-out"]["lost"], steps["language"]["lost"]) == (
        *(len(REPEATED), len(LEAKING), len(FOREIGN)),
    )
    assert steps["repairs: types"]["changed"] >= 10
    for name, step in steps.items():
        assert len(step["examples"]) == min(3, step["lost"] + step["changed"]), name
        assert step["changed"] == 0 or name in repairs


def test_a_loss_is_shown_with_its_reason_and_a_repair_before_and_after(curated):
    folder, manifest = curated
    steps, repairs = _curation_steps(manifest), _repairs(folder)
    dropped = {line["id"]: line for line in _dropped(folder)}

    for name in ("repeats", "language"):
        examples = [example.partition(": ") for example in steps[name]["examples"]]
        # One that is much like a sentence of held-out gold is named and not quoted.
        quoted = [(id_, rest) for id_, _, rest in examples if rest != dropped[id_]["reason"]]
        assert quoted
        for id_, rest in quoted:
            assert rest.startswith(dropped[id_]["reason"] + ": ")
            assert dropped[id_]["tokens"][0] in rest.removeprefix(dropped[id_]["reason"])
    for example in steps["repairs: types"]["examples"]:
        id_, _, rest = example.partition(": ")
        before, after = ([word.rpartition("/")[2] for word in side.split()] for side in rest.split(" → "))
        of_types = sorted(
            (change for change in repairs[id_] if change["step"] == "curation: types"),
            key=lambda change: change["position"],
        )
        assert before == [change["before"] for change in of_types]
        assert after == [change["after"] for change in of_types]


@pytest.mark.usefixtures("little_gold")
def test_sentences_of_held_out_gold_are_never_shown(tmp_path):
    again = [_with_one_more_word(_with_one_more_word(example)) for example in LEAKING]
    manifest = _build(tmp_path, {"train": [*SOUND, *LEAKING, *again, *FOREIGN]})
    steps = _curation_steps(manifest)

    assert steps["repeats"]["lost"] == steps["held-out"]["lost"] == len(LEAKING)
    card = re.sub(r"/[BI]-\w+", "", render_dataset_card(manifest))
    assert " ".join(FOREIGN[0].tokens) in card  # so would one of gold be
    assert not [example for example in GOLD["test"] if " ".join(example.tokens) in card]
    for example in steps["held-out"]["examples"]:
        assert example.endswith(": repeats a sentence of gold test")
    for example in steps["repeats"]["examples"]:
        assert example.partition(": repeats ")[2].startswith(f"{CONFIG}-train-16-")


def test_curation_can_be_asked_about_every_sentence(curated, uncurated):
    folder, manifest = curated
    rows = _rows(folder, manifest)
    repairs, dropped = _repairs(folder), {line["id"]: line for line in _dropped(folder)}
    repaired = [id_ for id_ in rows if repairs[id_]]

    for id_ in (next(iter(rows)), *repaired[:3]):
        found = _explained(folder, manifest, id_)
        assert (found["kept"], found["changes"]) == (True, repairs[id_])
        assert found["published"] == {"tokens": list(rows[id_][0]), "ner_tags": list(rows[id_][1])}
        assert found["ner_tags"] == LABELS.encode(_rows(*uncurated)[id_][1])
        assert 0 <= found["agreement"] <= 1
    for id_, line in dropped.items():
        found = _explained(folder, manifest, id_)
        assert (found["kept"], found["step"], found["reason"]) == (False, line["step"], line["reason"])
        assert (found["agreement"] is None) == (found["step"] != "curation: selection")
    validation = next(iter(_rows(folder, manifest, "validation")))
    assert _explained(folder, manifest, validation)["agreement"] is None


def test_what_selection_drops_has_its_changes_and_its_agreement(tmp_path, monkeypatch):
    monkeypatch.setitem(GOLD, "train", [example for example in GOLD["train"] if example.mentions][:8])
    manifest = _build(tmp_path, {"train": MISLABELLED})
    lines = [line for line in _dropped(tmp_path) if line["step"] == "curation: selection"]
    judged = [_explained(tmp_path, manifest, line["id"]) for line in lines]
    kept = [_explained(tmp_path, manifest, id_) for id_ in list(_rows(tmp_path, manifest))[:10]]

    agrees_less = [each for each in judged if each["reason"] == "agrees less with gold than what is kept"]
    with_mentions = [each for each in kept if set(each["published"]["ner_tags"]) != {"O"}]
    assert max(each["agreement"] for each in agrees_less) <= min(each["agreement"] for each in with_mentions)
    changed = [each for each in judged if each["changes"]]
    assert changed
    for each in changed:
        tags = LABELS.decode(each["ner_tags"])
        for change in each["changes"]:
            assert tags[change["position"]] == change["before"]
            tags[change["position"]] = change["after"]
    assert all("(agreement 0." in example for example in _curation_steps(manifest)["selection"]["examples"])


@pytest.mark.usefixtures("little_gold")
def test_the_agreement_of_a_former_build_does_not_stay(tmp_path):
    _build(tmp_path, {"train": SOUND})
    assert [path.name for path in (tmp_path / "work" / "agreement").iterdir()] == [f"{CONFIG}.jsonl.gz"]

    manifest = _build(tmp_path, {"train": SOUND}, generator="curation: false")

    assert not list((tmp_path / "work" / "agreement").iterdir())
    assert _explained(tmp_path, manifest, f"{CONFIG}-train-0-0")["agreement"] is None


def test_another_process_builds_the_same_files_and_tells_a_terminal_what_is_curated(curated, tmp_path):
    folder = shutil.copytree(curated[0], tmp_path / "copy")
    (folder / "dataset" / "manifest.json").unlink()
    shown = on_a_terminal("build", folder, "--json")

    assert shown.status == 0
    assert f"Curating {CONFIG}" in shown.terminal
    assert json.loads(shown.stdout)["configs"]
    assert _files(folder / "dataset").items() >= _files(curated[0] / "dataset").items()


def test_only_train_is_curated(curated, uncurated):
    (folder, manifest), (other_folder, other_manifest) = curated, uncurated

    assert _rows(folder, manifest, "validation") == _rows(other_folder, other_manifest, "validation")
    steps = manifest["configs"][CONFIG]["waterfall"]["validation"]
    assert "curation" not in [step["step"] for step in steps]


def test_the_manifest_says_what_was_found(curated):
    manifest = curated[1]
    curation = manifest["configs"][CONFIG]["curation"]

    assert first_error("manifest", manifest) is None
    assert curation["share"] in SHARES
    assert list(curation["gains"]) == [str(share) for share in SHARES]
    assert any("folds of gold gain" in finding for finding in curation["findings"])


def test_a_split_is_curated_across_batches(curated, tmp_path, monkeypatch):
    monkeypatch.setattr("synthner.builders.reading.BATCH_SENTENCES", 16)
    monkeypatch.setattr("synthner.builders.vocabulary.LARGEST_VOCABULARY", 5)
    _build(tmp_path, {"train": MIXED, "validation": HELD_BACK})

    assert _files(tmp_path / "dataset") == _files(curated[0] / "dataset")
    assert _rejects(tmp_path) == _rejects(curated[0])


@pytest.mark.parametrize("generator", ["curation: false", "sampling: {}"], ids=["false", "not said"])
def test_without_curation_nothing_is_judged(uncurated, tmp_path, generator):
    manifest = _build(tmp_path, {"train": MIXED, "validation": HELD_BACK}, generator=generator)
    config = manifest["configs"][CONFIG]

    assert config["curation"] is None
    assert config["splits"]["train"]["examples"] == len(MIXED)
    assert all(step["step"] != "curation" for steps in config["waterfall"].values() for step in steps)
    assert config["splits"] == uncurated[1]["configs"][CONFIG]["splits"]
    assert "## Curation" not in render_dataset_card(manifest)


def test_the_card_shows_what_curation_did(curated):
    section = _curation_section(render_dataset_card(curated[1]))

    assert f"`{CONFIG}`" in section
    gains = curated[1]["configs"][CONFIG]["curation"]["gains"]
    assert all(f" {gain['gain']:+.3f} |" in section for gain in gains.values())
    steps = _curation_steps(curated[1])
    headings = [line.removeprefix("#### ") for line in section.splitlines() if line.startswith("#### ")]
    assert headings == [name for name, step in steps.items() if step["lost"] or step["changed"]]
    for name in headings:
        under = section.partition(f"#### {name}\n")[2].partition("\n#### ")[0]
        step = steps[name]
        assert (
            f"went in: {step['kept'] + step['lost']}. Dropped: {step['lost']}. Left: {step['kept']}" in under
        )
        assert f"{step['changed']} of them with other labels" in under or not step["changed"]
        assert all(example in under for example in step["examples"])
    [idle] = [line for line in section.splitlines() if line.startswith("Nothing to do: ")]
    assert idle == f"Nothing to do: {', '.join(name for name in steps if name not in headings)}."
    assert section.count(f"\n- `{CONFIG}`: ") == len(curated[1]["configs"][CONFIG]["curation"]["findings"])


def test_the_card_shows_conflicts_and_findings_as_text(curated):
    manifest = json.loads(json.dumps(curated[1]))
    curation = manifest["configs"][CONFIG]["curation"]
    curation["findings"] = ["<b>bold</b>"]
    curation["steps"] = [
        {"name": "a|b</details>", "kept": 1, "lost": 1, "changed": 0, "examples": ["```\n</details>\u202e"]},
        {"name": "<i>idle</i>", "kept": 1, "lost": 0, "changed": 0, "examples": []},
    ]
    curation["conflicts"] = [{"surface": "a|b</details>", "types": {"PER": 3, "LOC": 1}, "gold": {}}]

    section = _curation_section(render_dataset_card(manifest))
    assert f"- `{CONFIG}`: &lt;b&gt;bold&lt;/b&gt;" in section
    assert "a&#124;b&lt;/details&gt;" in section
    assert "PER 3<br>LOC 1" in section
    assert "#### a&#124;b&lt;/details&gt;\n" in section
    assert "````text\n``` </details>⟨U+202E⟩\n````" in section
    assert "Nothing to do: &lt;i&gt;idle&lt;/i&gt;." in section
    assert [line for line in section.splitlines() if "</details>" in line] == [
        *("``` </details>⟨U+202E⟩", "</details>", "</details>")
    ]


def _curation_section(card: str) -> str:
    return card.partition("\n## Curation\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize(
    ("train", "reason", "counted_as"),
    [
        pytest.param(
            WITHOUT_MENTIONS,
            "no share of the data is likely enough to help",
            "nothing of it helps",
            id="nothing helps",
        ),
        pytest.param(
            FOREIGN * 2, "not written like gold", "not written like gold", id="nothing in the language"
        ),
    ],
)
def test_train_is_left_out_if_nothing_of_it_is_kept(tmp_path, train, reason, counted_as):
    manifest = _build(tmp_path, {"train": train, "validation": HELD_BACK})
    config = manifest["configs"][CONFIG]

    assert list(config["splits"]) == ["validation"]
    assert config["splits_left_out"] == {"train": f"curation: {reason}"}
    assert config["curation"]["share"] == 0
    assert not (tmp_path / "dataset" / CONFIG / "train-00000-of-00001.parquet").exists()
    [step] = [step for step in _train_steps(manifest) if step["step"] == "curation"]
    assert (step["kept"], list(step["lost"])) == (0, [counted_as])
    assert f"has no train split: curation: {reason}." in render_dataset_card(manifest)


def test_with_little_gold_the_better_share_is_kept(tmp_path, monkeypatch):
    monkeypatch.setitem(GOLD, "train", [example for example in GOLD["train"] if example.mentions][:8])
    manifest = _build(tmp_path, {"train": SOUND})
    [step] = [step for step in _train_steps(manifest) if step["step"] == "curation"]
    with_mentions = sum(bool(example.mentions) for example in SOUND)

    assert manifest["configs"][CONFIG]["curation"]["gains"] == {}
    assert step["lost"]["agrees too little with gold"] == pytest.approx(
        (1 - SHARES[0]) * with_mentions, abs=1
    )
    assert sum(step["lost"].values()) == len(_dropped(tmp_path))


def test_a_config_that_curation_leaves_nothing_of_is_refused(tmp_path):
    with pytest.raises(DataError) as refused:
        _build(tmp_path, {"train": MISLEADING})

    assert "no datapoint is left after curation: " in str(refused.value)
    assert "`curation: false`" in (refused.value.hint or "")
    assert not (tmp_path / "dataset").exists()


def test_an_example_of_a_loss_holds_no_part_of_a_held_out_sentence(tmp_path):
    held_out, sound = GOLD["test"][0], SOUND[0]
    longer = Example("", (*held_out.tokens, *sound.tokens), (*held_out.ner_tags, *sound.ner_tags))

    manifest = _build(tmp_path, {"train": [longer, _with_one_more_word(longer), *SOUND[1:]]})

    steps = {step["name"]: step for step in manifest["configs"][CONFIG]["curation"]["steps"]}
    assert (steps["repeats"]["lost"], steps["held-out"]["lost"]) == (1, 0)
    [example] = steps["repeats"]["examples"]
    assert not {word.partition("/")[0] for word in example.split()} & set(longer.tokens)


def test_gold_without_mentions_is_refused(tmp_path, monkeypatch):
    monkeypatch.setitem(GOLD, "train", relabelled(GOLD["train"], lambda tags: ["O"] * len(tags)))

    with pytest.raises(DataError, match="gold train has no mention"):
        _build(tmp_path, {"train": SOUND})


def test_gold_without_mentions_is_refused_before_another_config_is_curated(tmp_path):
    _write_release(tmp_path, {"train": SOUND}, "curation: true")
    write(tmp_path / "plain.jsonl", relabelled(GOLD["train"], lambda tags: ["O"] * len(tags)))
    path = tmp_path / "release.yaml"
    other = "  nl: {labels: [LOC, PER], gold: {files: {train: plain.jsonl}, license: cc0-1.0}}\n"
    path.write_text(path.read_text("utf-8").replace("generators:", f"{other}generators:"), encoding="utf-8")
    release = read_release(path)
    generate(release)
    curated = []

    with pytest.raises(DataError, match="gold train has no mention") as refused:
        build(release, curating=curated.append)

    assert (refused.value.where, curated) == ("nl_mock", [])


def test_train_that_no_datapoint_reaches_is_not_curated(tmp_path):
    manifest = _build(tmp_path, {"train": GOLD["train"], "validation": HELD_BACK})
    config = manifest["configs"][CONFIG]

    assert config["curation"] is None
    assert config["splits_left_out"] == {"train": "no datapoint passed the gates"}


def test_curation_is_yes_or_no(tmp_path):
    with pytest.raises(ReleaseError, match=r"generators\.mock\.curation"):
        _build(tmp_path, {"train": SOUND}, generator="curation: strict")


def test_an_encoder_can_be_the_judge_of_a_build(curated, tmp_path):
    (tmp_path / "model").mkdir()
    save_tiny_encoder(tmp_path / "model", [each.tokens for each in SOUND])
    by_encoder = _build(
        tmp_path / "encoder",
        {"train": MIXED, "validation": HELD_BACK},
        generator=f"curation: {{judge: {tmp_path / 'model'}}}",
    )
    built = [curated, (tmp_path / "encoder", by_encoder)]
    curations = [manifest["configs"][CONFIG]["curation"] for _, manifest in built]
    assert curations[0]["gains"] == curations[1]["gains"]
    kept = [set(_rows(folder, manifest)) for folder, manifest in built]
    assert len(kept[0]) == len(kept[1])
    assert kept[0] != kept[1]


def test_a_judge_that_is_not_there_is_missed_before_anything_is_curated(tmp_path):
    with pytest.raises(DataError, match="no folder with a model"):
        _build(tmp_path, {"train": SOUND}, generator="curation: {judge: ./nowhere}")
    assert not (tmp_path / "dataset").exists()

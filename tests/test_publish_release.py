"""From recorded responses to a published dataset that loads back: every stage, with nothing between them."""

import gzip
import json
from pathlib import Path

import datasets
import pytest
from huggingface_hub import DatasetCard

from synthner.builders.build import build
from synthner.cards.dataset_card import card_to_publish, write_card
from synthner.generation.generate import generate
from synthner.hub.folder import publish_to_folder
from synthner.hub.verification import verify_folder
from synthner.release import read_release

GOLD = "Kemi B-PER\nra O\nẹja O\n. O\n\nMo O\nwà O\nní O\nÌbàdàn B-LOC\n. O\n\n"

RESPONSES = [
    '[{"tokens": ["Dàpọ̀", "gbé", "ní", "Èkó", "."], "ner_tags": [1, 0, 0, 3, 0]},'
    ' {"tokens": ["Ojú", "ọjọ́", "dára", "."], "ner_tags": [0, 0, 0]}]',
    '[{"tokens": ["Bísí", "<script>", "a|b", "`", "---"], "ner_tags": [1, 0, 0, 0, 0]}]',
]

RELEASE = """
name: example/recorded
seed: 7
license: cc0-1.0
languages:
  yor:
    gold: {files: {train: gold.conll}, license: cc0-1.0}
generators:
  one: &recorded
    method: seeded
    engine: recorded
    model: model-one
    format: paper
    datapoints: 2
    recorded: {responses: "{language}-{split}.jsonl"}
  two:
    <<: *recorded
    model: model-two
"""

KAMATH_VAJJALA = """
name: example/kamath-vajjala
seed: 7
languages:
  yor:
    gold: {{files: {{train: {gold}}}, license: cc-by-nc-4.0}}
generators:
  llama:
    method: seeded
    engine: recorded
    model: Llama-3.1-8B-Instruct
    format: paper
    calls: {{train: 40, test: 10}}
    recorded:
      responses: "{responses}/{{language}}_{{split}}_Llama-3.1-8B-Instruct_raw_outputs.jsonl.gz"
"""


def publish(folder: Path, target: Path):
    release = read_release(folder)
    generate(release)
    manifest = build(release)
    write_card(release.dataset)
    return manifest, publish_to_folder(
        release.dataset, target, card_to_publish(release.dataset, target / "README.md")
    )


@pytest.fixture
def release(tmp_path):
    folder = tmp_path / "release"
    folder.mkdir()
    (folder / "release.yaml").write_text(RELEASE, encoding="utf-8")
    (folder / "gold.conll").write_text(GOLD, encoding="utf-8")
    for split in ("train", "validation"):
        lines = [
            json.dumps({"call_idx": index, "raw_output": text.replace("Èkó", f"Èkó {split}")})
            for index, text in enumerate(RESPONSES)
        ]
        (folder / f"yor-{split}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return folder


def test_a_release_of_recorded_responses_is_published_and_loads_back(release, tmp_path):
    target = tmp_path / "published"
    manifest, published = publish(release, target)

    assert [config.name for config in verify_folder(target)] == ["yor_one", "yor_two"]
    assert DatasetCard.load(target / "README.md").data.to_dict()["license"] == "cc0-1.0"
    loaded = datasets.load_dataset(str(target), "yor_two", cache_dir=str(tmp_path / "cache"))
    assert {split: rows.num_rows for split, rows in loaded.items()} == {
        split: facts["examples"] for split, facts in manifest["configs"]["yor_two"]["splits"].items()
    }
    card = (target / "README.md").read_text(encoding="utf-8")
    assert "- <b>Bísí</b><sub>PER</sub> &lt;script&gt; a&#124;b &#96; &#45;--\n" in card
    assert "The prompts of `yor_one`, `yor_two` are not known" in card
    assert set(published.written) >= {"README.md", "manifest.json"}


def test_publishing_a_finished_release_again_changes_nothing(release, tmp_path):
    publish(release, tmp_path / "published")

    _, again = publish(release, tmp_path / "published")

    assert again.written == again.removed == ()


def test_real_responses_are_published_and_load_back(shared, tmp_path):
    gold = tmp_path / "gold.conll"
    gold.write_bytes(gzip.decompress((shared / "data/masakhaner2/yor/train.txt.gz").read_bytes()))
    responses = shared / "data/llm_responses/kamath_vajjala/Llama-3.1-8B-Instruct"
    text = KAMATH_VAJJALA.format(gold=gold, responses=responses)
    (tmp_path / "release.yaml").write_text(text, encoding="utf-8")

    manifest, _ = publish(tmp_path, tmp_path / "published")
    (verified,) = verify_folder(tmp_path / "published")

    waterfall = manifest["configs"]["yor_llama"]["waterfall"]
    assert {split: steps[0]["kept"] for split, steps in waterfall.items()} == {"train": 800, "test": 200}
    assert verified.examples == {split: steps[-1]["kept"] for split, steps in waterfall.items()}
    assert verified.labels == ("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC", "B-DATE", "I-DATE")
    card = (tmp_path / "published" / "README.md").read_text(encoding="utf-8")
    assert f"{verified.examples['train']:,} of 800 = " in card
    assert DatasetCard(card).data.to_dict()["license"] == "cc-by-nc-4.0"

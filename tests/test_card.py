"""The dataset card: its metadata, its numbers, and what it keeps of what people wrote."""

import copy
import itertools
import json
import re
from functools import cache

import pytest
import yaml
from datasets import ClassLabel, Features, List, Value
from datasets.info import DatasetInfosDict
from datasets.utils.metadata import MetadataConfigs
from huggingface_hub import DatasetCard, DatasetCardData
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from synthner.cards.dataset_card import card_to_publish, render_dataset_card, write_card
from synthner.cards.money import money
from synthner.schema.errors import DataError
from synthner.schema.provenance import PROVENANCE_COLUMNS
from synthner.schema.validation import first_error
from synthner.tests.built_dataset import LABELS, ROWS, manifest_of, write_dataset, write_manifest

BEGIN = "<!-- synthner: begin generated -->"
END = "<!-- synthner: end generated -->"


@pytest.fixture
def manifest():
    manifest = manifest_of({"yor_gpt4": ROWS, "yor_aya": {"train": ROWS["train"]}})
    assert first_error("manifest", manifest) is None
    return manifest


def body_of(card):
    return DatasetCard(card).text


def data_of(card) -> DatasetCardData:
    data = DatasetCard(card).data
    assert isinstance(data, DatasetCardData)
    return data


def tables_of(markdown):
    """Return the tables of a text as rows of the cells' inline source."""
    tokens = MarkdownIt("commonmark").enable("table").parse(markdown)
    tables = []
    for token, inner in itertools.pairwise(tokens):
        if token.type == "table_open":
            tables.append([])
        elif token.type == "tr_open":
            tables[-1].append([])
        elif token.type in ("td_open", "th_open"):
            tables[-1][-1].append(inner.content)
    return tables


def test_the_hub_and_datasets_read_the_metadata(manifest):
    data = data_of(render_dataset_card(manifest))

    assert data.language == ["yo"]
    assert data.license == "cc-by-4.0"
    assert data.pretty_name == "Synthetic NER"
    assert data.annotations_creators == ["machine-generated"]
    assert data.multilinguality == ["monolingual"]
    assert data.size_categories == ["n<1K"]
    assert data.task_categories == ["token-classification"]
    assert data.task_ids == ["named-entity-recognition"]
    assert "synthetic" in data["tags"]
    configs = MetadataConfigs.from_dataset_card_data(data)
    assert list(configs) == ["yor_gpt4", "yor_aya"]
    assert configs.get_default_config_name() == "yor_gpt4"
    assert configs["yor_gpt4"]["data_files"][1] == {"split": "validation", "path": "yor_gpt4/validation-*"}
    infos = DatasetInfosDict.from_dataset_card_data(data)
    assert infos["yor_gpt4"].features == Features(
        {
            "id": Value("string"),
            "tokens": List(Value("string")),
            "ner_tags": List(ClassLabel(names=list(LABELS.names))),
        }
    )
    assert {split: info.num_examples for split, info in (infos["yor_gpt4"].splits or {}).items()} == {
        "train": 3,
        "validation": 1,
    }
    assert infos["yor_gpt4"].download_size == 4_000


def test_a_single_config_has_its_info_as_a_mapping():
    data = data_of(render_dataset_card(manifest_of({"yor_gpt4": ROWS})))

    assert isinstance(data["dataset_info"], dict)
    assert list(DatasetInfosDict.from_dataset_card_data(data)) == ["yor_gpt4"]


@pytest.mark.parametrize(
    ("examples", "category"),
    [(999, "n<1K"), (1_000, "1K<n<10K"), (9_999, "1K<n<10K"), (50_000, "10K<n<100K")],
)
def test_the_size_category_is_that_of_all_examples(examples, category):
    manifest = manifest_of({"yor_gpt4": {"train": ROWS["train"]}})
    manifest["configs"]["yor_gpt4"]["splits"]["train"]["examples"] = examples

    assert data_of(render_dataset_card(manifest)).size_categories == [category]


def test_languages_are_codes_and_their_details_tags(manifest):
    manifest["configs"]["yor_aya"]["language"]["tag"] = "sr-Latn"
    manifest["configs"]["yor_gpt4"]["language"]["tag"] = "no"
    data = data_of(render_dataset_card(manifest))

    assert data.language == ["no", "sr"]
    assert data["language_details"] == ["no", "sr-Latn"]
    assert data.multilinguality == ["multilingual"]


def test_what_a_former_card_generated_is_not_taken_for_what_people_wrote(manifest):
    manifest["configs"]["yor_gpt4"]["language"]["tag"] = "sr-Latn"
    former = render_dataset_card(manifest).replace("tags:", "thumbnail: yes.png\ntags:", 1)
    assert {"license", "language_details"} <= data_of(former).to_dict().keys()

    manifest["configs"]["yor_gpt4"]["language"]["tag"] = "yo"
    manifest |= {"license": None, "license_problem": "none is known"}
    metadata = data_of(render_dataset_card(manifest, former)).to_dict()

    assert not {"license", "language_details"} & metadata.keys()
    assert metadata["thumbnail"] == "yes.png"


def test_a_dataset_without_a_licence_says_so(manifest):
    manifest |= {"license": None, "license_from": None, "license_problem": "gold of two kinds | mixed"}
    card = render_dataset_card(manifest)

    assert data_of(card).license is None
    assert "has no licence and cannot be published" in card
    assert "gold of two kinds &#124; mixed" in card


def test_the_usable_share_and_the_waterfall_are_in_the_card(manifest):
    manifest["configs"]["yor_gpt4"]["waterfall"]["train"][0]["kept"] = 4
    body = body_of(render_dataset_card(manifest))

    assert ["`yor_gpt4`", "3 of 4 = 75.0 %", "1 of 5,008 = 0.0 %", "4 of 10,016 = 0.0 %"] in [
        row for t in tables_of(body) for row in t
    ]
    assert ["− fewer tags than words", "7", "7"] in [row for table in tables_of(body) for row in table]
    assert "lengths (train): Ayọ̀ | rí | Túndé → B-PER O" in body


def test_every_number_in_the_tables_stands_in_the_manifest(manifest):
    def numbers_in(value):
        if isinstance(value, dict):
            for key, inner in value.items():
                yield from map(int, re.findall(r"\d+", key))
                yield from numbers_in(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from numbers_in(inner)
        else:
            yield from map(int, re.findall(r"\d+", str(value)))

    known = set(numbers_in(manifest)) | {0}
    for table in tables_of(body_of(render_dataset_card(manifest))):
        for text in (text for row in table[1:] for text in row):
            counted = re.sub(r"= [\d.]+ %|\(m\)|sha256", "", text).replace(",", "")
            assert {int(number) for number in re.findall(r"\d+", counted)} <= known, text


def test_a_mention_is_bold_and_typed(manifest):
    body = body_of(render_dataset_card(manifest))

    assert "- <b>Adé</b><sub>PER</sub> lọ sí <b>Ìbàdàn</b><sub>LOC</sub> ." in body
    assert "- <b>Ṣadé Ọláyẹmí</b><sub>PER</sub> ti dé" in body


def test_a_sentence_from_right_to_left_is_not_cut_by_its_labels(manifest):
    sample = {"id": "0", "tokens": ["لاہور", "میں", "بارش"], "ner_tags": ["B-LOC", "O", "O"]}
    manifest["configs"]["yor_gpt4"]["splits"]["train"]["samples"] = [sample]

    shown = '- <span dir="auto"><b>لاہور</b><sub>LOC</sub> میں بارش</span>'
    assert shown in render_dataset_card(manifest)


COST = {
    "currency": "USD",
    "known": 12.5,
    "per_published_datapoint": 0.0021,
    "calls_without_known_cost": 3,
    "prices": {"input": 2.0, "output": 8.0, "cached_input": None},
}


def test_what_it_took_is_in_one_table_with_the_columns_that_anybody_has(manifest):
    manifest["configs"]["yor_gpt4"] |= {
        "usage": {"input_tokens": 123_456, "output_tokens": 78_900},
        "cost": COST,
        "seconds": 3_601.4,
        "finish_reasons": {"length": 2, "stop": 297},
    }
    manifest["configs"]["yor_aya"] |= {"cost": None, "seconds": None, "finish_reasons": {}}
    assert first_error("manifest", manifest) is None

    tables = tables_of(body_of(render_dataset_card(manifest)))

    header, *rows = next(table for table in tables if "Tokens in" in table[0])
    assert header == [
        *("Config", "Tokens in", "Tokens out", "Cost", "Cost per published datapoint"),
        *("Time, all calls summed", "Answers ended by"),
    ]
    assert rows == [
        [
            *("`yor_gpt4`", "123,456", "78,900", "12.50 USD and 3 calls of unknown cost", "0.0021 USD"),
            *("3,601 s", "stop 297<br>length 2"),
        ],
        ["`yor_aya`", "123,456", "–", "–", "–", "–", "–"],
    ]


def test_a_card_of_a_former_manifest_shows_what_that_knows(manifest):
    tables = tables_of(body_of(render_dataset_card(manifest)))

    assert next(table for table in tables if "Tokens in" in table[0])[0] == ["Config", "Tokens in"]


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (0, "0 USD"),
        (0.000000000001, "0.00 USD"),
        (0.0000123, "0.000012 USD"),
        (0.00999, "0.01 USD"),
        (0.5, "0.50 USD"),
        (7, "7.00 USD"),
        (1234.567, "1,234.57 USD"),
    ],
)
def test_money_is_shown_with_the_decimals_that_it_needs(amount, shown):
    assert money(amount, "USD") == shown


def test_prompts_are_shown_and_unknown_ones_are_said_to_be(manifest):
    manifest["configs"]["yor_gpt4"]["prompt"]["user"] = "Write:\n```json\n{}\n```\n</details>"
    manifest["configs"]["yor_aya"]["prompt"] = None
    body = body_of(render_dataset_card(manifest))

    assert "````text\nWrite:\n```json\n{}\n```\n</details>\n````" in body
    assert "The prompts of `yor_aya` are not known" in body


def test_seeds_of_other_gold_splits_are_named(manifest):
    assert "not from gold train" not in render_dataset_card(manifest)

    manifest["configs"]["yor_gpt4"]["seeds_from"]["validation"] = "test"

    assert "- `yor_gpt4`, validation: from gold test" in render_dataset_card(manifest)


def test_a_gold_split_that_does_not_exist_was_not_compared_with(manifest):
    rows = [row for table in tables_of(body_of(render_dataset_card(manifest))) for row in table]

    assert ["`yor_gpt4`", "2 + 1", "2 + 1", "–", "2 + 1"] in rows


def test_a_split_that_is_left_out_is_named_with_its_reason(manifest):
    manifest["configs"]["yor_aya"]["splits_left_out"] = {"test": "no call was answered"}

    assert "- `yor_aya` has no test split: no call was answered." in render_dataset_card(manifest)


def test_every_column_of_the_provenance_is_explained(manifest):
    body = body_of(render_dataset_card(manifest))

    assert [row[0] for table in tables_of(body) if table[0][0] == "Column" for row in table[1:]] == [
        f"`{column}`" for column in PROVENANCE_COLUMNS
    ]


def test_optional_facts_may_be_missing(manifest):
    config = manifest["configs"]["yor_aya"]
    config |= {"prompt": None, "asked": None, "base_url": None, "format": None, "sampling": {}, "usage": {}}
    config["model_snapshots"] = {}
    config["gold"] |= {"license": None, "citation": None, "corpus": None, "files": {"train": "train.conll"}}
    manifest["release"] |= {"description": "", "authors": [], "contact": "someone@example.org"}
    assert first_error("manifest", manifest) is None

    body = body_of(render_dataset_card(manifest))

    assert "Questions: someone<wbr>@example.org" in body
    assert "not stated" in body


hostile = st.text(max_size=40) | st.sampled_from(
    [
        "<script>alert(1)</script>",
        "<img src=x>",
        "a | b",
        "``` `",
        "---",
        "key: value\n---\nlicense: mit",
        "\u2028---\u2028",
        "\x85---\x85",
        "[a](https://example.org)",
        "\u202e",
        END,
        "{{ 7 * 7 }}",
        "{% raw %}",
    ]
)


@cache
def plain_card() -> str:
    return render_dataset_card(manifest_of({"yor_gpt4": {"train": ROWS["train"]}}))


@settings(max_examples=40, deadline=None)
@given(hostile)
def test_hostile_text_anywhere_stays_where_it_is(text):
    names = {"yor_gpt4": {"train": ROWS["train"]}}
    manifest = manifest_of(names)
    config = manifest["configs"]["yor_gpt4"]
    manifest["release"] |= {"pretty_name": text, "description": text, "authors": [text], "contact": text}
    manifest["license_problem"] = text
    config |= {"model": text, "model_snapshots": {text: 1}, "base_url": text, "sampling": {text: text}}
    config |= {"prompt": {"system": text, "user": text}, "usage": {text: 1}, "method": text}
    config["finish_reasons"] = {text: 1}
    config["language"]["name"] = text
    config["gold"] |= {"title": text, "hub": text, "revision": text, "citation": text, "left_out": {text: 1}}
    config["splits"]["train"]["samples"][0]["tokens"][0] = text
    config["splits_left_out"] = {"test": text}
    config["waterfall"]["train"][1]["lost"] = {text: 1}
    config["waterfall"]["train"][1]["examples"] = [text]

    card = render_dataset_card(manifest)
    card.encode("utf-8")
    data, plain_data = data_of(card).to_dict(), data_of(plain_card()).to_dict()
    body = body_of(card)

    for key in ("pretty_name", "source_datasets"):
        del data[key], plain_data[key]
    assert data == plain_data
    assert [len({len(row) for row in table}) for table in tables_of(body)] == [1] * 10
    outside_fences = re.sub(r"^(`{3,})\w*\n.*?\n\1$", "", body, flags=re.MULTILINE | re.DOTALL)
    assert set(re.findall(r"<(/?[a-z!]+)", outside_fences)) <= {
        *("!", "b", "/b", "br", "code", "/code", "details", "/details", "sub", "/sub", "span", "/span"),
        *("summary", "/summary", "wbr", "config"),
    }
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", card)
    assert render_dataset_card(manifest, card) == card


def test_what_people_wrote_is_kept(manifest):
    card = render_dataset_card(manifest)
    edited = (
        card.replace("tags:\n", "extra_gated_prompt: Please ask.\ntags:\n")
        .replace(BEGIN, f"By hand, above.\n\n{BEGIN}")
        .replace(END, f"{END}\n\n## News\n\nBy hand, below.")
    )
    manifest["release"]["pretty_name"] = "Another title"
    again = render_dataset_card(manifest, edited)

    assert data_of(again)["extra_gated_prompt"] == "Please ask."
    assert data_of(again).pretty_name == "Another title"
    assert again.count("By hand, above.") == again.count("By hand, below.") == again.count(BEGIN) == 1
    assert again.index("By hand, above.") < again.index("# Another title") < again.index("By hand, below.")
    assert render_dataset_card(manifest, again) == again


def test_a_card_written_by_hand_is_kept_below(manifest):
    card = render_dataset_card(manifest, "---\nviewer: false\n---\n# Mine\n\nText.\n")

    assert data_of(card)["viewer"] is False
    assert card.index(END) < card.index("# Mine\n\nText.")
    assert render_dataset_card(manifest, card) == card


@pytest.mark.parametrize(
    "existing",
    [f"{BEGIN}\ntext", f"text\n{END}\n", "---\na: [\n---\n", "---\n- a\n---\n"],
    ids=["no end", "no beginning", "no YAML", "no keys"],
)
def test_a_broken_card_is_not_overwritten(manifest, tmp_path, existing):
    write_manifest(tmp_path, manifest)
    (tmp_path / "README.md").write_text(existing, encoding="utf-8")

    with pytest.raises(DataError) as refusal:
        write_card(tmp_path)

    assert refusal.value.where == str(tmp_path / "README.md")

    assert (tmp_path / "README.md").read_text(encoding="utf-8") == existing


def test_the_card_is_written_beside_the_manifest(tmp_path):
    manifest = write_dataset(tmp_path, {"yor_gpt4": ROWS})

    assert write_card(tmp_path).read_text(encoding="utf-8") == render_dataset_card(manifest)


def test_the_published_card_says_what_to_keep(tmp_path, manifest):
    write_manifest(tmp_path, manifest)
    published = tmp_path / "published.md"
    published.write_text("Thanks to all.", encoding="utf-8")

    write_card(tmp_path)

    assert "Thanks to all." in card_to_publish(tmp_path, published)


def test_text_written_into_both_cards_is_never_lost(tmp_path, manifest):
    write_manifest(tmp_path, manifest)
    card, published = write_card(tmp_path), tmp_path / "published.md"
    card.write_text(card.read_text(encoding="utf-8") + "\nWritten here.\n", encoding="utf-8")
    published.write_text("Written there.", encoding="utf-8")

    with pytest.raises(DataError, match="different text"):
        card_to_publish(tmp_path, published)

    published.write_text(BEGIN, encoding="utf-8")
    with pytest.raises(DataError, match="only one of the two lines") as refusal:
        card_to_publish(tmp_path, published)
    assert refusal.value.where == str(published)

    published.write_text(card.read_text(encoding="utf-8"), encoding="utf-8")
    assert card_to_publish(tmp_path, published) == card.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "not JSON"), ('{"manifest_version": 2}', "is missing"), ("[" * 100_000, "not JSON")],
    ids=["cut short", "incomplete", "nested"],
)
def test_a_manifest_that_is_none_is_refused(tmp_path, text, message):
    (tmp_path / "manifest.json").write_text(text, encoding="utf-8")

    with pytest.raises(DataError, match=message):
        write_card(tmp_path)


def test_the_same_manifest_gives_the_same_card(manifest):
    reread = json.loads(json.dumps(manifest))

    assert render_dataset_card(copy.deepcopy(manifest)) == render_dataset_card(reread)
    assert yaml.safe_load(render_dataset_card(manifest).split("---\n")[1])["configs"][0]["default"] is True

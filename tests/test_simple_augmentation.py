"""Simple augmentation: what each operation may change, what never comes out, and a release made with it."""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from datasets import load_dataset
from hypothesis import given
from hypothesis import strategies as st

from synthner.builders.build import build
from synthner.generation.generate import generate
from synthner.generation.methods.simple_augmentation import (
    MENTIONS,
    OPERATIONS,
    SHUFFLE,
    SYNONYMS,
    TOKENS,
    Settings,
    SimpleAugmentation,
    read_synonyms,
)
from synthner.generation.plan import plan_summary
from synthner.release import Release, read_release
from synthner.schema.errors import DataError, ReleaseError
from synthner.schema.example import Example
from synthner.schema.iob2 import OUTSIDE, mentions, violations
from synthner.sources.gold import GoldSource, load_gold
from synthner.sources.normal_forms import normalised

Tokens = Sequence[str]
Splits = Mapping[str, Sequence[Example]]

# So few words that they repeat within a sentence, as a name here and no name or another name there.
WORDS = ("Ada", "ada", "Bo", "Thy", "til", "i", ".", ",", "Nørre", "Snede")
LEXICON = {"til": [("hen", "til"), ("mod",)], "Bo": [("Bosse",)], "Thy": [("det", "nordlige", "Jylland")]}


def labelled(text: str) -> Example:
    """Read `Ada/B-PER sings`, in which a word without a label is O."""
    words = [word.partition("/") for word in text.split()]
    return Example(text, tuple(word for word, _, _ in words), tuple(tag or OUTSIDE for _, _, tag in words))


def shown(variants: Iterable[tuple[Tokens, Tokens, str]]) -> list[str]:
    """Write variants as `labelled` reads them."""
    return [
        " ".join(word if tag == OUTSIDE else f"{word}/{tag}" for word, tag in zip(tokens, tags, strict=True))
        for tokens, tags, _ in variants
    ]


def gate_text(tokens: Tokens) -> str:
    """Return what the contamination gate compares."""
    return "".join(map(normalised, tokens)) or "\n".join(tokens)


class GoldFacts:
    """What variants are checked against: labelled words and mentions of gold train, and texts of all gold."""

    def __init__(self, splits: Splits) -> None:
        train = splits["train"]
        self.words = {pair for each in train for pair in zip(each.tokens, each.ner_tags, strict=True)}
        self.mentions = {name for each in train for name in names_in(each.tokens, each.ner_tags)}
        self.texts = {gate_text(each.tokens) for split in splits.values() for each in split}


def names_in(tokens: Tokens, tags: Tokens) -> list[tuple[str, Tokens]]:
    return [(one.type, tuple(tokens[one.start : one.end])) for one in mentions(tags)]


def segments(tokens: Tokens, tags: Tokens) -> list[Tokens]:
    """Split a sentence into its mentions and what stands between them."""
    starts = [
        place
        for place, tag in enumerate(tags)
        if tag[0] == "B" or (tag == OUTSIDE and (place == 0 or tags[place - 1] != OUTSIDE))
    ]
    ends = [*starts[1:], len(tags)]
    return [tuple(tokens[start:end]) for start, end in zip(starts, ends, strict=True)]


def are_replaced_alike(before: Sequence[object], after: Sequence[object]) -> bool:
    return len(set(zip(before, after, strict=True))) == len(set(before))


def check_token_replacement(source: Example, tokens: Tokens, tags: Tokens, gold: GoldFacts) -> None:
    assert tuple(tags) == source.ner_tags
    assert are_replaced_alike(source.tokens, tokens)
    assert gold.words.issuperset(zip(tokens, tags, strict=True))


def check_mention_replacement(source: Example, tokens: Tokens, tags: Tokens, gold: GoldFacts) -> None:
    before, after = names_in(source.tokens, source.ner_tags), names_in(tokens, tags)
    assert gold.mentions.issuperset(after)
    assert are_replaced_alike([words for _, words in before], [words for _, words in after])
    between = [each for each in zip(tokens, tags, strict=True) if each[1] == OUTSIDE]
    assert between == [
        each for each in zip(source.tokens, source.ner_tags, strict=True) if each[1] == OUTSIDE
    ]
    assert [tag for tag in tags if tag[0] != "I"] == [tag for tag in source.ner_tags if tag[0] != "I"]


def check_shuffle(source: Example, tokens: Tokens, tags: Tokens, _gold: GoldFacts) -> None:
    assert tuple(tags) == source.ner_tags
    before, after = segments(source.tokens, source.ner_tags), segments(tokens, tags)
    assert list(map(Counter, before)) == list(map(Counter, after))
    assert are_replaced_alike(before, after)


def check_synonym_replacement(source: Example, tokens: Tokens, tags: Tokens, _gold: GoldFacts) -> None:
    words = sorted(LEXICON.keys() & set(source.tokens))
    possible = []
    for choice in product(*([(word,), *LEXICON[word]] for word in words)):
        chosen = dict(zip(words, choice, strict=True))
        possible.append(
            [
                (word, tag if number == 0 or tag == OUTSIDE else f"I-{tag[2:]}")
                for token, tag in zip(source.tokens, source.ner_tags, strict=True)
                for number, word in enumerate(chosen.get(token, (token,)))
            ]
        )
    assert list(zip(tokens, tags, strict=True)) in possible


CHECKS: dict[str, Callable[[Example, Tokens, Tokens, GoldFacts], None]] = {
    TOKENS: check_token_replacement,
    SYNONYMS: check_synonym_replacement,
    MENTIONS: check_mention_replacement,
    SHUFFLE: check_shuffle,
}


def check_variants(
    source: Example, augmentation: SimpleAugmentation, operation: str, gold: GoldFacts, seed: object
) -> int:
    """Check what an operation makes of a sentence, and return how many variants that is."""
    made = augmentation.variants(source, random.Random(str(seed)))
    for tokens, tags, name in made:
        assert name == operation
        assert len(tokens) == len(tags)
        assert violations(tags) == []
        assert [one.type for one in mentions(tags)] == [one.type for one in source.mentions]
        CHECKS[operation](source, tokens, tags, gold)
    texts = [gate_text(tokens) for tokens, *_ in made]
    assert gold.texts.isdisjoint(texts)
    assert len(set(texts)) == len(texts)
    assert augmentation.variants(source, random.Random(str(seed))) == made
    return len(made)


@st.composite
def sentences(draw: st.DrawFn) -> Example:
    tokens, tags = [], []
    for type_ in draw(st.lists(st.sampled_from(["", "", "PER", "LOC"]), min_size=1, max_size=8)):
        part = draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=3))
        tokens += part
        tags += [f"B-{type_}", *[f"I-{type_}"] * (len(part) - 1)] if type_ else [OUTSIDE] * len(part)
    return Example("", tuple(tokens), tuple(tags))


@st.composite
def gold_data(draw: st.DrawFn) -> dict[str, list[Example]]:
    train = draw(st.lists(sentences(), min_size=1, max_size=6))
    return {"train": train, "test": draw(st.lists(sentences(), max_size=6))}


@pytest.mark.parametrize("operation", OPERATIONS)
@given(splits=gold_data(), probability=st.sampled_from([0.3, 0.8, 1.0]), seed=st.integers(0, 9))
def test_an_operation_changes_what_it_may_and_nothing_else(operation, splits, probability, seed):
    gold = GoldFacts(splits)
    augmentation = SimpleAugmentation(Settings((operation,), probability, variants=3), splits, LEXICON)
    for source in splits["train"]:
        assert check_variants(source, augmentation, operation, gold, seed) <= 3


@pytest.mark.parametrize(
    ("language", "names"),
    [
        pytest.param("yor", "masakhaner2/yor/{}.txt.gz", id="MasakhaNER Yoruba"),
        pytest.param("da", "uner/da_ddt/da_ddt-ud-{}.iob2.gz", id="Universal NER Danish"),
    ],
)
def test_real_gold_is_changed_only_where_it_may_be(shared: Path, language, names):
    files = {"train": "train", "validation": "dev", "test": "test"}
    source = GoldSource(files={split: shared / "data" / names.format(name) for split, name in files.items()})
    splits = load_gold(source, language).splits
    gold = GoldFacts(splits)
    sources = splits["train"][:2_000]
    for operation in (TOKENS, MENTIONS, SHUFFLE):
        augmentation = SimpleAugmentation(Settings((operation,), variants=2), splits)
        made = sum(check_variants(each, augmentation, operation, gold, each.id) for each in sources)
        assert made > 0.25 * len(sources)


GOLD = {
    "train": [
        labelled("Ada/B-PER Krogh/I-PER flyttede til Thy/B-LOC ."),
        labelled("Bo/B-PER synger i Nørre/B-LOC Snede/I-LOC"),
    ]
}


REPLACEMENTS = [labelled("Ada/B-PER Krogh/I-PER før"), labelled("Bo/B-PER Holm/I-PER"), labelled("nu")]


@pytest.mark.parametrize(
    ("operation", "train", "expected"),
    [
        pytest.param(TOKENS, REPLACEMENTS, "Bo/B-PER Holm/I-PER nu", id="tokens"),
        pytest.param(
            MENTIONS, GOLD["train"], "Bo/B-PER flyttede til Nørre/B-LOC Snede/I-LOC .", id="mentions"
        ),
        pytest.param(
            SYNONYMS,
            GOLD["train"],
            "Ada/B-PER Krogh/I-PER flyttede hen til det/B-LOC nordlige/I-LOC Jylland/I-LOC .",
            id="synonyms",
        ),
    ],
)
def test_with_certainty_all_units_are_replaced(operation, train, expected):
    lexicon = {"til": [("hen", "til")], "Thy": LEXICON["Thy"]}
    augmentation = SimpleAugmentation(Settings((operation,), 1.0), {"train": train}, lexicon)
    assert shown(augmentation.variants(train[0], random.Random(3))) == [expected]


def test_a_shuffled_segment_keeps_its_place_and_its_tags():
    source = labelled("en to tre fire fem seks Ada/B-PER Krogh/I-PER Holm/I-PER Dam/I-PER syv")
    augmentation = SimpleAugmentation(Settings((SHUFFLE,), 1.0), {"train": [source]})
    ((tokens, tags, _),) = augmentation.variants(source, random.Random(1))
    assert tuple(tags) == source.ner_tags
    assert sorted(tokens[:6]) == sorted(source.tokens[:6])
    assert tuple(tokens[:6]) != source.tokens[:6]
    assert sorted(tokens[6:10]) == sorted(source.tokens[6:10])
    assert tuple(tokens[6:10]) != source.tokens[6:10]
    assert tokens[10] == "syv"


def test_a_name_that_stands_twice_is_shuffled_alike():
    name = "Ada/B-PER Krogh/I-PER Holm/I-PER Dam/I-PER"
    source = labelled(f"{name} og {name}")
    augmentation = SimpleAugmentation(Settings((SHUFFLE,), 0.9), {"train": [source]})
    made = [variant for seed in range(20) for variant in augmentation.variants(source, random.Random(seed))]
    assert len(made) > 10
    assert all(tokens[:4] == tokens[5:] for tokens, *_ in made)


def test_a_name_that_stands_twice_is_replaced_twice():
    source = labelled("Thy/B-LOC og Thy/B-LOC")
    splits = {"train": [source, labelled("Nørre/B-LOC Snede/I-LOC")]}
    augmentation = SimpleAugmentation(Settings((MENTIONS,), 1.0), splits)
    made = augmentation.variants(source, random.Random(1))
    assert shown(made) == ["Nørre/B-LOC Snede/I-LOC og Nørre/B-LOC Snede/I-LOC"]


def test_a_word_is_replaced_as_often_as_the_release_says():
    words = " ".join(f"ord{number}" for number in range(1_000))
    augmentation = SimpleAugmentation(Settings((TOKENS,), 0.3), {"train": [labelled(words)]})
    ((tokens, *_),) = augmentation.variants(labelled(words), random.Random(1))
    assert 250 < sum(a != b for a, b in zip(tokens, words.split(), strict=True)) < 350


def test_words_and_mentions_are_drawn_by_frequency_and_never_stay():
    train = [
        labelled("sjælden/B-LOC"),
        *[labelled("ofte/B-LOC")] * 30,
        *[labelled("til/B-LOC tider/I-LOC")] * 10,
    ]
    augmentation = SimpleAugmentation(Settings((MENTIONS,), 1.0), {"train": train})
    source = Example("", ("ja", "sjælden"), ("O", "B-LOC"))
    drawn = Counter(
        text for seed in range(2_000) for text in shown(augmentation.variants(source, random.Random(seed)))
    )
    assert drawn.keys() == {"ja ofte/B-LOC", "ja til/B-LOC tider/I-LOC"}
    assert 0.7 < drawn["ja ofte/B-LOC"] / 2_000 < 0.8

    words = [*train, labelled("nej nej nej ja nå jo")]
    augmentation = SimpleAugmentation(Settings((TOKENS,), 1.0), {"train": words})
    drawn = Counter(
        tokens[0]
        for seed in range(2_000)
        for tokens, *_ in augmentation.variants(labelled("ja"), random.Random(seed))
    )
    assert drawn.keys() == {"nej", "nå", "jo"}
    assert 0.55 < drawn["nej"] / 2_000 < 0.65


@pytest.mark.parametrize("operation", [TOKENS, MENTIONS])
def test_a_word_with_several_labels_in_a_sentence_stays(operation):
    splits = {"train": [labelled("Thy/B-LOC Thy/B-ORG"), labelled("Bo/B-ORG og Møn/B-LOC")]}
    augmentation = SimpleAugmentation(Settings((operation,), 1.0, variants=20), splits)
    assert augmentation.variants(splits["train"][0], random.Random(1)) == []
    assert shown(augmentation.variants(splits["train"][1], random.Random(1))) == ["Thy/B-ORG og Thy/B-LOC"]


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_a_gold_sentence_never_comes_out_however_it_is_typed(split):
    splits = {"train": [labelled("Ada/B-PER synger"), labelled("Bo/B-PER")]}
    augmentation = SimpleAugmentation(Settings((MENTIONS,), 1.0, variants=50), splits)
    assert shown(augmentation.variants(splits["train"][0], random.Random(1))) == ["Bo/B-PER synger"]

    splits[split] = [*splits.get(split, []), labelled("BO/B-PER , synger !")]
    augmentation = SimpleAugmentation(Settings((MENTIONS,), 1.0, variants=50), splits)
    assert augmentation.variants(splits["train"][0], random.Random(1)) == []


def test_more_variants_begin_with_those_of_fewer():
    few, more = (
        SimpleAugmentation(Settings(OPERATIONS, 0.5, variants), GOLD, LEXICON) for variants in (2, 5)
    )
    for seed in range(20):
        first = few.variants(GOLD["train"][0], random.Random(seed))
        assert more.variants(GOLD["train"][0], random.Random(seed))[: len(first)] == first


def write_release(folder: Path, settings: str = "", *, seed: int = 4, generator: str = "") -> Path:
    """Write a release with some Danish gold and a lexicon.

    Args:
        folder: Where to.
        settings: Settings of the method, as YAML in one line.
        seed: The release's seed.
        generator: A further line of the generator.
    """
    people, places = ("Ada Krogh", "Bo", "Maja Holm", "Ib"), ("Thy", "Nørre Snede", "Læsø")
    verbs = ("bor", "synger", "cykler", "arbejder", "sover")
    for split, numbers in (("train", range(40)), ("validation", range(40, 45)), ("test", range(45, 50))):
        blocks = []
        for number in numbers:
            person, place = people[number % 4].split(), places[number % 3].split()
            lines = [f"{word} {'I' if at else 'B'}-PER" for at, word in enumerate(person)]
            lines += [f"{verbs[number % 5]} O", "i O"]
            lines += [f"{word} {'I' if at else 'B'}-LOC" for at, word in enumerate(place)]
            blocks.append("\n".join([*lines, "siden O", f"{1900 + number} O", ". O", ""]))
        (folder / f"{split}.conll").write_text("\n".join(blocks), encoding="utf-8")
    (folder / "da.tsv").write_text("bor\tlever\n\nsynger\tkvidrer\ttraller glad\n", encoding="utf-8")
    path = folder / "release.yaml"
    path.write_text(
        f"""\
name: synth-ner
seed: {seed}
languages:
  da:
    gold:
      files: {{train: train.conll, validation: validation.conll, test: test.conll}}
      license: cc0-1.0
generators:
  simple:
    method: simple_augmentation
    {generator}
    {f"simple_augmentation: {settings}" if settings else ""}
""",
        encoding="utf-8",
    )
    return path


ALL = f"{{operations: [{', '.join(OPERATIONS)}], variants: 2, lexicon: '{{language}}.tsv'}}"


def made_and_built(path: Path) -> Release:
    release = read_release(path)
    assert generate(release).is_complete
    build(release)
    return release


def rows_of(release: Release) -> list[dict]:
    files = sorted(map(str, (release.dataset / "da_simple").glob("train-*.parquet")))
    rows = load_dataset("parquet", data_files=files, split="train", cache_dir=str(release.work / "cache"))
    return rows.to_list()


def test_a_release_without_a_model_is_made_built_and_loaded(tmp_path):
    release = made_and_built(write_release(tmp_path, ALL))
    gold = load_gold(release.configs[0].gold, "da")
    rows = rows_of(release)
    provenance = pq.read_table(release.dataset / "provenance" / "da_simple.parquet").to_pylist()

    assert [row["id"] for row in rows] == [row["id"] for row in provenance]
    assert len(rows) > 2 * len(gold.splits["train"])
    by_id = {example.id: example for example in gold.splits["train"]}
    for row, origin in zip(rows, provenance, strict=True):
        (seed_id,) = origin["seed_ids"]
        types = [one.type for one in by_id[seed_id].mentions]
        assert [one.type for one in mentions(gold.labels.decode(row["ner_tags"]))] == types
        assert origin["repairs"] == "[]"
    assert {"lever", "traller"} & {token for row in rows for token in row["tokens"]}
    assert {origin["split"] for origin in provenance} == {"train"}


def test_nothing_is_lost_to_gold_at_the_gates(tmp_path):
    release = read_release(write_release(tmp_path, ALL))
    generate(release)
    described = build(release)["configs"]["da_simple"]

    assert {
        kind: (each["exact"], each["normalised"]) for kind, each in described["contamination"].items()
    } == dict.fromkeys(("seed_copies", "gold_train", "gold_validation", "gold_test"), (0, 0))
    (waterfall,) = described["waterfall"].values()
    # What no model was asked for cannot be missing.
    assert waterfall[0]["kept"] == waterfall[-1]["kept"] > 40
    assert not any(step["lost"] for step in waterfall)


def files_of(release: Release) -> dict[str, bytes]:
    paths = sorted(release.dataset.rglob("*.parquet"))
    return {path.relative_to(release.dataset).as_posix(): path.read_bytes() for path in paths}


def test_the_same_seed_gives_the_same_bytes_and_another_other_rows(tmp_path):
    releases = []
    for name, seed in (("one", 4), ("same", 4), ("other", 5)):
        (tmp_path / name).mkdir()
        releases.append(made_and_built(write_release(tmp_path / name, ALL, seed=seed)))
    one, same, other = releases

    assert files_of(one) == files_of(same)
    assert rows_of(one) != rows_of(other)


def test_a_plan_counts_calls_and_datapoints_and_asks_nobody(tmp_path):
    plan = plan_summary(read_release(write_release(tmp_path, "{variants: 3}"))).configs["da_simple"]

    assert (plan.engine, plan.first_prompt, plan.estimate) == ("offline", None, None)
    assert {split: (each.calls, each.datapoints) for split, each in plan.splits.items()} == {
        "train": (40, 40 * 3 * 3)
    }


def test_nothing_is_made_of_a_sentence_that_is_held_out_as_well(tmp_path):
    path = write_release(tmp_path, f"{{operations: [{MENTIONS}], probability: 1}}")
    blocks = (tmp_path / "train.conll").read_text(encoding="utf-8").split("\n\n")
    (tmp_path / "test.conll").write_text("\n\n".join(blocks[:7]).replace(". O", "! O"), encoding="utf-8")

    rows = rows_of(made_and_built(path))

    years = {token for row in rows for token in row["tokens"] if token.isdecimal()}
    assert years == {str(1907 + number) for number in range(33)}
    (tmp_path / "test.conll").write_text("\n\n".join(blocks), encoding="utf-8")
    with pytest.raises(ReleaseError, match="each sentence of that stands in held-out gold as well"):
        plan_summary(read_release(path))


def to_make(release: Release) -> int:
    return plan_summary(release).configs["da_simple"].splits["train"].to_ask


@pytest.mark.parametrize("changed", ["train.conll", "test.conll", "da.tsv"])
def test_what_decides_the_outcome_is_made_anew_where_it_changed(tmp_path, changed):
    release = read_release(write_release(tmp_path, ALL))
    generate(release)
    assert to_make(release) == 0

    path = tmp_path / changed
    path.write_text(path.read_text(encoding="utf-8").replace("bor", "boede"), encoding="utf-8")
    assert to_make(release) == 40


@pytest.mark.parametrize(
    ("settings", "line", "message"),
    [
        pytest.param("{probabilty: 0.5}", 12, "Did you mean `probability`?", id="unknown key"),
        pytest.param("{operations: [mention_replacment]}", 12, f"Did you mean `{MENTIONS}`?", id="operation"),
        pytest.param("{operations: []}", 12, "operations", id="no operation"),
        pytest.param("{probability: 0}", 12, "probability", id="never"),
        pytest.param("{variants: 0}", 12, "variants", id="no variants"),
        pytest.param(f"{{operations: [{SYNONYMS}]}}", 12, "the key `lexicon` is missing", id="no lexicon"),
    ],
)
def test_a_wrong_setting_is_named_with_its_line(tmp_path, settings, line, message):
    path = write_release(tmp_path, settings)
    with pytest.raises(ReleaseError) as caught:
        read_release(path)
    assert f"release.yaml:{line}: generators.simple.simple_augmentation" in str(caught.value)
    assert message in str(caught.value)


def test_an_engine_has_nothing_to_do_here(tmp_path):
    path = write_release(tmp_path, generator="engine: openai")
    with pytest.raises(
        ReleaseError, match=r"release\.yaml:11: generators\.simple\.engine: .*asks no chat model"
    ):
        read_release(path)


def test_a_lexicon_that_nothing_uses_is_refused(tmp_path):
    release = read_release(write_release(tmp_path, "{lexicon: da.tsv}"))
    with pytest.raises(ReleaseError, match=f"da_simple: .*only `{SYNONYMS}` uses it"):
        generate(release)


def test_synonyms_are_of_all_words_on_a_line_and_of_all_lines(tmp_path):
    path = tmp_path / "words.tsv"
    path.write_text("bil\tvogn\tfire hjul\n\nvogn\tkærre\n", encoding="utf-8")
    assert read_synonyms(path) == {
        "bil": [("fire", "hjul"), ("vogn",)],
        "kærre": [("vogn",)],
        "vogn": [("bil",), ("fire", "hjul"), ("kærre",)],
    }


def test_a_lexicon_and_gold_may_write_accents_differently():
    splits = {"train": [labelled("cafe\u0301 nu")]}
    augmentation = SimpleAugmentation(Settings((SYNONYMS,), 1.0), splits, {"caf\u00e9": [("bar",)]})
    assert shown(augmentation.variants(splits["train"][0], random.Random(1))) == ["bar nu"]


@pytest.mark.parametrize(
    ("text", "where"),
    [
        pytest.param("bil\tvogn\nvogn\n", "words.tsv:2", id="one word"),
        pytest.param("bil\tbil\n", "words.tsv:1", id="the same word"),
        pytest.param("bil\tvogn\t\n", "words.tsv:1", id="an empty word"),
        pytest.param("fire hjul\tto hjul\n", "words.tsv", id="no single word"),
        pytest.param("\n", "words.tsv", id="empty"),
    ],
)
def test_a_faulty_lexicon_is_named_with_its_line(tmp_path, text, where):
    (tmp_path / "words.tsv").write_text(text, encoding="utf-8")
    settings = f"{{operations: [{SYNONYMS}], lexicon: words.tsv}}"
    release = read_release(write_release(tmp_path, settings))
    with pytest.raises(DataError) as caught:
        generate(release)
    assert f"{tmp_path / where}: " in str(caught.value)


def test_a_lexicon_that_is_not_there_is_named(tmp_path):
    settings = f"{{operations: [{SYNONYMS}], lexicon: '{{language}}-words.tsv'}}"
    release = read_release(write_release(tmp_path, settings))
    with pytest.raises(DataError, match=r"da-words\.tsv: there is no such file"):
        generate(release)

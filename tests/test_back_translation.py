"""Back-translation: what may change and what may not, with a real translator, and a release made with it."""

import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoModelForSeq2SeqLM

from synthner.generation.generate import generate
from synthner.generation.journal import Journal
from synthner.generation.methods import METHODS
from synthner.generation.methods.back_translation import (
    BackTranslation,
    Settings,
    Variant,
    segments,
    words_of,
)
from synthner.generation.plan import method_context, plan_summary
from synthner.projection.model_folders import named_model
from synthner.projection.translation import Decoding, Translator, load_translation_model
from synthner.release import Release, read_release
from synthner.schema.errors import DataError, ReleaseError, WrongUsageError
from synthner.schema.example import Example
from synthner.schema.iob2 import OUTSIDE, mentions, violations
from synthner.sources.gold import GoldSource, load_gold
from synthner.sources.normal_forms import NormalForms
from synthner.tests.in_process import done, refused
from synthner.tests.tiny_translator import (
    DANISH,
    DICTIONARY,
    ENGLISH,
    save_tiny_translator,
    there_and_back,
)

WORDS = [word for word in DICTIONARY if word.isalpha()]
NAMES = ("Ada", "Krogh", "Thy", "Læsø")
NORMAL = NormalForms()


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return save_tiny_translator(tmp_path_factory.mktemp("translator"))


@pytest.fixture(scope="module")
def translators(folder):
    return translators_of(folder)


def translators_of(folder: Path, decoding: Decoding | None = None) -> tuple[Translator, Translator]:
    model = load_translation_model(named_model(str(folder), beside=folder))
    return Translator(model, DANISH, ENGLISH, decoding), Translator(model, ENGLISH, DANISH, decoding)


def method(translators, gold: Sequence[Example], **changes: int) -> BackTranslation:
    model = named_model("some/model", beside=Path())
    return BackTranslation(
        replace(Settings(model, model), **changes),
        *translators,
        known={token for example in gold for token in example.tokens},
        never={NORMAL.comparable(example.tokens) for example in gold},
    )


def labelled(text: str) -> Example:
    """Read `Ada/B-PER sings`, in which a word without a label is O."""
    words = [word.partition("/") for word in text.split()]
    return Example(text, tuple(word for word, _, _ in words), tuple(tag or OUTSIDE for _, _, tag in words))


def shown(variant: Variant) -> str:
    return " ".join(
        word if tag == OUTSIDE else f"{word}/{tag}"
        for word, tag in zip(variant.tokens, variant.tags, strict=True)
    )


def mentions_of(tokens: Sequence[str], tags: Sequence[str]) -> list[tuple[str, tuple[str, ...]]]:
    return [(each.type, tuple(tokens[each.start : each.end])) for each in mentions(tags)]


@st.composite
def sentences(draw: st.DrawFn) -> Example:
    tokens, tags = [], []
    for type_ in draw(st.lists(st.sampled_from(["", "PER", "LOC"]), min_size=1, max_size=5)):
        words = WORDS if not type_ else NAMES
        part = draw(st.lists(st.sampled_from(words), min_size=1, max_size=2 if type_ else 5))
        tokens += part
        tags += [f"B-{type_}", *[f"I-{type_}"] * (len(part) - 1)] if type_ else [OUTSIDE] * len(part)
    return Example("", tuple(tokens), tuple(tags))


@settings(max_examples=15)
@given(gold=st.lists(sentences(), min_size=1, max_size=8), variants=st.integers(1, 3))
def test_context_changes_and_mentions_do_not(translators, gold, variants):
    translation = method(translators, gold, variants=variants)
    made = translation.variants(gold, "seed")
    texts = {NORMAL.comparable(example.tokens) for example in gold}
    for example, of_one in zip(gold, made, strict=True):
        assert len(of_one) <= variants
        assert len({NORMAL.comparable(variant.tokens) for variant in of_one}) == len(of_one)
        for variant in of_one:
            assert len(variant.tokens) == len(variant.tags)
            assert violations(variant.tags) == []
            assert mentions_of(variant.tokens, variant.tags) == mentions_of(example.tokens, example.ner_tags)
            assert NORMAL.comparable(variant.tokens) not in texts
            before, after = segments(example.ner_tags), segments(variant.tags)
            for (start, end), (first, last) in zip(before, after, strict=True):
                if end - start < 3:
                    assert example.tokens[start:end] == variant.tokens[first:last]
    assert translation.variants(gold, "seed") == made


def test_a_segment_says_the_same_in_other_words(translators):
    source = labelled("Ada/B-PER Krogh/I-PER bor nu ved Thy/B-LOC og Læsø/B-LOC kører stadig ofte .")
    ((variant,),) = method(translators, [source]).variants([source], "seed")
    assert shown(variant) == (
        "Ada/B-PER Krogh/I-PER lever straks nær Thy/B-LOC og Læsø/B-LOC kører fortsat tit ."
    )
    assert (variant.translated, variant.cut_short) == (2, 0)


@pytest.mark.parametrize(
    ("least_words", "expected"), [(1, "lever på Thy/B-LOC straks"), (2, "lever på Thy/B-LOC nu")]
)
def test_short_segments_stay(translators, least_words, expected):
    source = labelled("bor i Thy/B-LOC nu")
    ((variant,),) = method(translators, [source], least_words=least_words).variants([source], "seed")
    assert shown(variant) == expected
    assert method(translators, [source]).variants([source], "seed") == [[]]


def test_mentions_side_by_side_stay_two(translators):
    source = labelled("bor nu ofte Ada/B-PER Krogh/B-PER Thy/B-LOC")
    ((variant,),) = method(translators, [source]).variants([source], "seed")
    assert shown(variant) == "lever straks tit Ada/B-PER Krogh/B-PER Thy/B-LOC"


def test_a_sentence_of_gold_never_comes_out(translators):
    source = labelled("Ada/B-PER bor nu ofte")
    other = labelled("ADA/B-PER Lever , straks tit !")
    assert method(translators, [source, other]).variants([source], "seed") == [[]]


def test_what_is_drawn_follows_from_the_seed(folder):
    drawing = translators_of(folder, Decoding(temperature=2.0))
    gold = [labelled(f"Ada/B-PER {' '.join(WORDS[place : place + 5])}") for place in range(8)]
    translation = method(drawing, gold, variants=3)
    assert translation.variants(gold, "one") == translation.variants(gold, "one")
    assert translation.variants(gold, "one") != translation.variants(gold, "other")
    assert sum(map(len, translation.variants(gold, "one"))) > 12


@pytest.mark.parametrize(
    ("text", "segment", "expected"),
    [
        ("Received his doctorate from.", "received his PhD from", "received his doctorate from"),
        ("He got it, in fact.", "He got it .", "He got it , in fact ."),
        ("„Mr. Holm“ (from Thy)", "the Mr. from Thy", "„ Mr. Holm “ ( from Thy"),
        ("UN said so", "un said so", "UN said so"),
        ("l'eau, don't!", "water not", "l'eau , don't"),
        ("a\u200bb\u0007 c\u200cd", "a b c", "a b c\u200cd"),
        ("... !", "a b c", ""),
        ("", "a b c", ""),
    ],
)  # fmt: skip
def test_translations_are_written_as_gold_is(text, segment, expected):
    assert words_of(text, segment.split(), {"Mr.", "don't"}) == tuple(expected.split())


def write_release(
    folder: Path, method_settings: str, *, language: str = "da", seed: int = 4, sentences: int = 40
) -> Path:
    """Write a release with some Danish gold."""
    blocks = []
    for number in range(sentences):
        first, second, third = (WORDS[(number * step) % len(WORDS)] for step in (1, 3, 5))
        context = f"{first} O\n{second} O\n{third} O"
        blocks.append(f"Ada B-PER\nKrogh I-PER\n{context}\nThy B-LOC\nsiden O\n{1900 + number} O\n")
    (folder / "train.conll").write_text("\n".join(blocks), encoding="utf-8")
    (folder / "test.conll").write_text("Bo B-PER\nbor O\n", encoding="utf-8")
    path = folder / "release.yaml"
    path.write_text(
        f"""\
name: synth-ner
seed: {seed}
languages:
  {language}:
    gold:
      files: {{train: train.conll, test: test.conll}}
      license: cc0-1.0
generators:
  translated:
    method: back_translation
    back_translation: {method_settings}
""",
        encoding="utf-8",
    )
    return path


def multilingual(folder: Path, more: str = "") -> str:
    return f"{{there: {folder}, pivot: {ENGLISH}, codes: {{da: {DANISH}}}{more}}}"


def test_a_release_is_made_and_built_from_the_command_line(folder, tmp_path):
    write_release(tmp_path, multilingual(folder, ", variants: 2"))

    assert to_make(read_release(tmp_path)) == 40
    summary = done("generate", "--json", folder=tmp_path).json
    assert (summary["answered"], summary["failed"]) == (40, 0)
    done("build", folder=tmp_path)
    assert to_make(read_release(tmp_path)) == 0

    release = read_release(tmp_path)
    rows = pq.read_table(release.dataset / "da_translated").to_pylist()
    origins = pq.read_table(release.dataset / "provenance" / "da_translated.parquet").to_pylist()
    gold = load_gold(release.configs[0].gold, "da")
    by_id = {example.id: example for example in gold.splits["train"]}
    assert len(rows) >= 40
    for row, origin in zip(rows, origins, strict=True):
        (seed_id,) = origin["seed_ids"]
        source = by_id[seed_id]
        tags = gold.labels.decode(row["ner_tags"])
        assert mentions_of(row["tokens"], tags) == mentions_of(source.tokens, source.ner_tags)
        assert origin["operation"] == "segments translated: 1, cut short: 0"
    expected = [
        [*example.tokens[:2], *there_and_back(list(example.tokens[2:5])), *example.tokens[5:]]
        for example in by_id.values()
    ]
    assert [row["tokens"] for row in rows if row["tokens"] in expected]
    card = (release.dataset / "README.md").read_text(encoding="utf-8")
    assert "**Back-translation** (Yaseen & Langer, 2021)" in card
    assert "translating what stands between their mentions into another language and back" in card


def answers(release: Release) -> list[str | None]:
    with Journal(release.journal) as journal:
        return [reply.text for _, reply in journal.answers("da_translated") if reply is not None]


def test_two_models_do_as_one_does(folder, tmp_path):
    releases = []
    for name, more in (("one", ""), ("two", f", back: {folder}")):
        (tmp_path / name).mkdir()
        releases.append(read_release(write_release(tmp_path / name, multilingual(folder, more))))
        generate(releases[-1])
    assert answers(releases[0]) == answers(releases[1])


def test_an_answer_does_not_hang_on_which_others_are_there_already(folder, tmp_path):
    drawn = multilingual(folder, ", variants: 2, temperature: 2.0")
    release = read_release(write_release(tmp_path, drawn, sentences=140))
    context = method_context(release.configs[0], release, {})
    calls = list(METHODS["back_translation"].plan(context))
    answering = METHODS["back_translation"].answering
    assert answering is not None
    everything = list(answering(context)(calls))
    some = [0, 7, 39, 129, 139]
    assert list(answering(context)(calls[number] for number in some)) == [everything[n] for n in some]
    assert len(set(everything)) > 100


def test_another_seed_draws_other_translations(folder, tmp_path):
    made = []
    for name, seed in (("one", 4), ("same", 4), ("other", 5)):
        (tmp_path / name).mkdir()
        settings_ = multilingual(folder, ", temperature: 2.0")
        release = read_release(write_release(tmp_path / name, settings_, seed=seed))
        generate(release)
        made.append(answers(release))
    assert made[0] == made[1] != made[2]


def to_make(release: Release) -> int:
    return plan_summary(release).configs["da_translated"].splits["train"].to_ask


@pytest.mark.parametrize("changed", ["train.conll", "test.conll", "model/generation_config.json"])
def test_what_decides_the_outcome_is_made_anew_where_it_changed(folder, tmp_path, changed):
    shutil.copytree(folder, tmp_path / "model")
    release = read_release(write_release(tmp_path, multilingual(Path("model"))))
    generate(release)
    assert to_make(release) == 0
    path = tmp_path / changed
    path.write_text(path.read_text(encoding="utf-8").replace("bor", "boede").replace("{", "{ "))
    assert to_make(release) == 40


def test_a_translation_that_does_not_end_changes_nothing(tmp_path):
    model = save_tiny_translator(tmp_path / "model", steps=0)
    weights = AutoModelForSeq2SeqLM.from_pretrained(model)
    with torch.no_grad():
        weights.get_output_embeddings().weight[2] = 0
    weights.save_pretrained(model)
    release = read_release(write_release(tmp_path, multilingual(model, ", beams: 1")))
    generate(release)
    assert answers(release) == [json.dumps({"datapoints": []})] * 40


@pytest.mark.parametrize(
    ("method_settings", "message"),
    [
        ("{}", "the key `there` is missing"),
        ("{there: a/model, beam: 3}", "Did you mean `beams`?"),
        ("{there: a/model, temperature: 0}", "temperature"),
    ],
)
def test_a_wrong_setting_is_named_with_its_line(tmp_path, method_settings, message):
    path = write_release(tmp_path, method_settings)
    with pytest.raises(ReleaseError) as caught:
        read_release(path)
    assert "release.yaml:11: generators.translated.back_translation" in str(caught.value)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("method_settings", "message"),
    [
        ("{there: a/model}", "the key `back_translation.back` is missing"),
        ("{there: a/model, pivot: eng_Latn}", "the key `back_translation.codes.da` is missing"),
        ("{there: a/model, back: a/model, codes: {da: x}}", "the key `back_translation.pivot` is missing"),
        ("{there: ./none, back: a/model}", "there is no folder with a model here"),
    ],
)
def test_what_is_missing_is_said_before_anything_is_made(tmp_path, method_settings, message):
    write_release(tmp_path, method_settings)
    assert message in refused("generate", folder=tmp_path)


def test_words_that_are_not_written_apart_are_not_translated(folder, tmp_path):
    write_release(tmp_path, multilingual(folder), language="th")
    assert "th_translated: back_translation: words of Thai are not written apart" in refused(
        "generate", folder=tmp_path
    )


def test_a_code_that_the_model_does_not_have_is_named(folder, tmp_path):
    release = read_release(
        write_release(tmp_path, f"{{there: {folder}, pivot: en, codes: {{da: {DANISH}}}}}")
    )
    with pytest.raises(DataError, match="by the code `en`"):
        generate(release)


def test_without_the_extra_it_is_said_how_to_install_it(folder, tmp_path, monkeypatch):
    release = read_release(write_release(tmp_path, multilingual(folder)))
    monkeypatch.setitem(sys.modules, "transformers", None)
    assert to_make(release) == 40
    with pytest.raises(
        WrongUsageError, match=r"da_translated: .*not installed: transformers\n.*synthner\[train\]"
    ):
        generate(release)


def test_real_gold_keeps_its_mentions(shared: Path, folder):
    source = GoldSource(files={"train": shared / "data" / "masakhaner2" / "yor" / "train.txt.gz"})
    gold = load_gold(source, "yor").splits["train"][:40]
    # What the model does not know, it makes something of: the words are no use, and mentions must stay.
    made = method(translators_of(folder, Decoding(beams=1)), gold).variants(gold, "seed")
    assert sum(map(len, made)) > 10
    for example, of_one in zip(gold, made, strict=True):
        for variant in of_one:
            assert violations(variant.tags) == []
            assert mentions_of(variant.tokens, variant.tags) == mentions_of(example.tokens, example.ner_tags)

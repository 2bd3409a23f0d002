"""Log-probabilities of translations, against plain runs of real models; scores, and projection by them."""

import json
import re
import shutil
from math import exp
from pathlib import Path

import pytest
import torch
from transformers import PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration, set_seed

from synthner.evaluation.crf import CrfTagger
from synthner.evaluation.recipes import train_on_gold
from synthner.projection import matching
from synthner.projection.candidates import n_grams, n_grams_like
from synthner.projection.files import ParallelFiles, project_files
from synthner.projection.forced_decoding import ForcedDecoder
from synthner.projection.model_folders import named_model
from synthner.projection.outcome import ParallelSentence, labelled
from synthner.projection.scored import NamedTranslator, Scoring, scored_projector
from synthner.projection.scores import AlignScore, Fusion, NerScore
from synthner.projection.translation import TranslationModel, Translator, load_translation_model
from synthner.projection.translation_scores import TranslationScores
from synthner.schema.errors import DataError
from synthner.schema.example import Example
from synthner.schema.iob2 import Mention
from synthner.tests.command_line import done, refused
from synthner.tests.tiny_translator import DANISH, DICTIONARY, ENGLISH, save_tiny_translator
from synthner.tests.translated_release import NAMES

PAIRS = [
    ("bor i", "lives in"),
    ("cykler ofte ved .", "rides often near ."),
    ("nu", "rides often near , now"),
    ("bor i", "often"),
    ("synger straks nær ,", ""),
    ("bor i", "lives in"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return save_tiny_translator(tmp_path_factory.mktemp("translator"), dictionary={**DICTIONARY, **NAMES})


@pytest.fixture(scope="module")
def model(folder) -> TranslationModel:
    return load_translation_model(named_model(str(folder), beside=folder), "cpu")


@pytest.fixture(scope="module")
def one_pair(folder, tmp_path_factory) -> TranslationModel:
    """A T5 that knows nothing, and takes no codes."""
    path = tmp_path_factory.mktemp("t5")
    fast = PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "tokenizer.json"),
        eos_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
    )
    fast.save_pretrained(path)
    set_seed(2)
    config = T5Config(vocab_size=len(fast), d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    config.pad_token_id, config.eos_token_id, config.decoder_start_token_id = 1, 2, 1
    T5ForConditionalGeneration(config).save_pretrained(path)
    return load_translation_model(named_model(str(path), beside=path), "cpu")


def by_a_plain_run(model: TranslationModel, translator: Translator, pair: tuple[str, str]) -> list[float]:
    """Run the whole model on one pair as its users do, and read the log-probabilities off."""
    tokenizer = model.tokenizer
    if hasattr(tokenizer, "src_lang"):
        tokenizer.src_lang, tokenizer.tgt_lang = DANISH, ENGLISH
    text, translation = pair
    read = tokenizer(text, return_tensors="pt")["input_ids"]
    beginning = translator.beginning()
    wanted = [*tokenizer(text_target=translation, add_special_tokens=False)["input_ids"], 2]
    with torch.no_grad():
        logits = model.weights(
            input_ids=read,
            attention_mask=torch.ones_like(read),
            decoder_input_ids=torch.tensor([[*beginning, *wanted[:-1]]]),
        ).logits[0]
    logs = logits.log_softmax(-1)
    return [logs[place, subword].item() for place, subword in enumerate(wanted, len(beginning) - 1)]


@pytest.mark.parametrize("name", ["multilingual", "of one pair"])
@pytest.mark.parametrize("batch_size", [1, 2, 32])
def test_log_probabilities_are_those_of_a_plain_run_however_they_are_batched(
    model, one_pair, name, batch_size
):
    used, codes = (model, (DANISH, ENGLISH)) if name == "multilingual" else (one_pair, (None, None))
    translator = Translator(used, *codes)
    found = ForcedDecoder(translator, batch_size).of_pairs(PAIRS)
    for pair, logs in zip(PAIRS, found, strict=True):
        assert logs == pytest.approx(by_a_plain_run(used, translator, pair), abs=1e-5)


def test_a_text_that_is_read_once_gives_the_same_for_each_of_its_translations(model):
    decoder = ForcedDecoder(Translator(model, DANISH, ENGLISH), 2)
    texts = ["lives in", "often", "rides often near .", "lives in now", "now"]
    verdicts = decoder.of_reading(decoder.read("bor i"), decoder.written(texts), beside=decoder.end)
    alone = decoder.of_pairs([("bor i", text) for text in texts])
    for verdict, logs in zip(verdicts, alone, strict=True):
        assert verdict.subwords == pytest.approx(logs, abs=1e-5)
        # The subword beside is the end, which is also the last.
        assert verdict.beside[-1] == verdict.subwords[-1]
        assert len(verdict.beside) == len(verdict.subwords)


def test_the_code_of_the_language_does_not_count(model):
    (logs,) = ForcedDecoder(Translator(model, DANISH, ENGLISH)).of_pairs([("bor i", "lives in")])
    # Two words and the end; the model is sure of what it was taught.
    assert len(logs) == 3
    assert exp(sum(logs)) > 0.5


def test_half_a_pair_of_utf_16_is_read_as_a_character_that_nobody_knows(model):
    # JSONL may have such a half, and no tokenizer takes it.
    scores = TranslationScores(model, ENGLISH, DANISH)
    half, unknown = ("Ro\ud800me", "R\udc00om"), ("Ro\ufffdme", "R\ufffdom")
    assert scores.readable([half]) == [half]
    assert scores.of([half])[half] == pytest.approx(scores.of([unknown])[unknown])


def test_nothing_to_look_at_is_no_error(model):
    decoder = ForcedDecoder(Translator(model, DANISH, ENGLISH))
    assert decoder.of_pairs([]) == []
    assert decoder.of_reading(decoder.read("bor"), []) == []


def test_what_is_too_long_does_not_fit(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "short")
    path = tmp_path / "short" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "max_position_embeddings": 8}))
    short = load_translation_model(named_model("short", beside=tmp_path))
    decoder = ForcedDecoder(Translator(short, DANISH, ENGLISH))
    # The code and the end are read, too.
    assert decoder.fits("nu " * 6, 6)
    assert not decoder.fits("nu " * 7, 6)
    assert not decoder.fits("nu", 7)
    scores = TranslationScores(short, ENGLISH, DANISH)
    assert scores.fits("now " * 4, "nu " * 4)
    assert not scores.fits("now", "nu " * 6)


def test_a_score_is_that_of_both_ways_by_each_text_itself(model):
    pair = ("Rome", "Rom bor")
    (logs,) = TranslationScores(model, ENGLISH, DANISH).logs([pair]).values()

    def log(read: str, written: str, source: str, target: str) -> float:
        return sum(ForcedDecoder(Translator(model, source, target)).of_pairs([(read, written)])[0])

    a, b = pair
    assert logs.a_given_b == pytest.approx(log(b, a, DANISH, ENGLISH), abs=1e-5)
    assert logs.a_given_a == pytest.approx(log(a, a, ENGLISH, ENGLISH), abs=1e-5)
    assert logs.b_given_a == pytest.approx(log(a, b, ENGLISH, DANISH), abs=1e-5)
    assert logs.b_given_b == pytest.approx(log(b, b, DANISH, DANISH), abs=1e-5)
    # With the end, which is a subword like others.
    assert (logs.a_tokens, logs.b_tokens) == (2, 3)
    expected = (exp((logs.a_given_b - logs.a_given_a) / 2) + exp((logs.b_given_a - logs.b_given_b) / 3)) / 2
    assert TranslationScores(model, ENGLISH, DANISH).of([pair])[pair] == pytest.approx(expected)


@pytest.mark.parametrize("batch_size", [1, 2, 32])
def test_scores_do_not_depend_on_what_else_is_scored(model, batch_size):
    pairs = [
        ("Rome", "Rom"),
        ("Rome", "København"),
        ("Rome", "Rom ofte"),
        ("Ada", "Ada"),
        ("Ada", "Ada Krogh"),
    ]
    scores = TranslationScores(model, ENGLISH, DANISH, batch_size).of(pairs)
    assert list(scores) == pairs
    for pair, score in scores.items():
        alone = TranslationScores(model, ENGLISH, DANISH).of([pair])
        assert score == pytest.approx(alone[pair], rel=1e-5)


def test_a_translation_scores_more_than_what_is_none(model):
    pairs = [("Rome", text) for text in ("Rom", "København", "Rom ofte", "nu")]
    scores = TranslationScores(model, ENGLISH, DANISH).of(pairs)
    assert max(pairs, key=scores.__getitem__) == ("Rome", "Rom")


def test_what_was_scored_is_not_scored_again(model):
    rows: list[int] = []

    def count(_module: object, _args: object, kwargs: dict[str, torch.Tensor]) -> None:
        rows.append(len(kwargs["decoder_input_ids"]))

    hook = model.weights.register_forward_pre_hook(count, with_kwargs=True)
    try:
        scores = TranslationScores(model, ENGLISH, DANISH)
        first = scores.of([("Rome", "Rom"), ("Rome", "nu"), ("Rome", "Rom")])
        # Two pairs both ways, one entity and two candidates by themselves.
        assert sum(rows) == 4 + 1 + 2
        assert scores.of(first) == first
        assert sum(rows) == 7
        scores.of([("Rome", "tit")])
        assert sum(rows) == 7 + 2 + 1
    finally:
        hook.remove()


# The second sentence is aligned wrongly: Copenhagen to `nu`.
ENGLISH_GOLD = (
    "Ada B-PER\nlives O\nin O\nRome B-LOC\n\nBo B-PER\nrides O\nnear O\nCopenhagen B-LOC\n. O\n\nnow O\n"
)
IN_DANISH = "Ada bor i Rom\nnu cykler Bo ved København , .\nnu\n"
ALIGNMENTS = "0-0 1-1 2-2 3-3\n0-2 1-1 3-0 4-6\n0-0\n"
FILES = ("--source", "en.conll", "--target", "da.txt", "--method", "exact", "-o", "out.conll")
LANGUAGES = ("--source-language", ENGLISH, "--target-language", DANISH)
SENTENCES = [
    ParallelSentence(
        [Mention(0, 1, "PER"), Mention(3, 4, "LOC")],
        frozenset({(0, 0), (1, 1), (2, 2), (3, 3)}),
        ["Ada", "bor", "i", "Rom"],
        ["Ada", "lives", "in", "Rome"],
    ),
    ParallelSentence(
        [Mention(0, 1, "PER"), Mention(3, 4, "LOC")],
        frozenset({(0, 2), (1, 1), (3, 0), (4, 6)}),
        ["nu", "cykler", "Bo", "ved", "København", ",", "."],
        ["Bo", "rides", "near", "Copenhagen", "."],
    ),
]


@pytest.fixture
def user(tmp_path: Path) -> Path:
    """A folder with parallel files, as a user has it."""
    for name, text in {"en.conll": ENGLISH_GOLD, "da.txt": IN_DANISH, "a.txt": ALIGNMENTS}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def directly(
    scores: TranslationScores, sentence: ParallelSentence, tagger: CrfTagger | None = None
) -> list[str]:
    """Match by all scores of all candidates, computed one by one."""
    target, rows = sentence.target, []
    (said,) = tagger.probabilities_of([target]) if tagger else ([],)
    probabilities = [dict(zip(tagger.label_names, word, strict=True)) for word in said] if tagger else []
    for entity in sentence.entities:
        text = " ".join(sentence.source[entity.start : entity.end])
        row = []
        # An entity of one word goes to four at most, and no candidate begins or ends with punctuation.
        for start, end in n_grams(target, 4):
            if target[start] in ",." or target[end - 1] in ",.":
                continue
            pair = (text, " ".join(target[start:end]))
            nmt = scores.of([pair])[pair]
            if tagger is None:
                score = nmt if nmt >= 0.1 else 0.0
            else:
                align = AlignScore(entity, sentence.alignment, len(target)).of(start, end)
                score = Fusion().of(align, NerScore(probabilities, entity.type).of(start, end), nmt)
            row.append((start, end, score))
        rows.append(row)
    placed = matching.exact(rows) or []
    spans = [(start, end, sentence.entities[number].type) for number, start, end in placed]
    return labelled(spans, len(target), []).tags


def tags_in(path: Path) -> list[list[str]]:
    blocks = path.read_text(encoding="utf-8").strip("\n").split("\n\n")
    return [[line.split(" ")[1] for line in block.split("\n")] for block in blocks]


def test_entities_are_projected_by_translation_scores_alone(model, folder, user):
    options = (*FILES, "--scores", "nmt", "--translator", folder, *LANGUAGES)
    said = done("project", *options, folder=user).stdout
    scores = TranslationScores(model, ENGLISH, DANISH)
    expected = [directly(scores, sentence) for sentence in SENTENCES]
    assert tags_in(user / "out.conll") == [*expected, ["O"]]
    assert {tag for tags in expected for tag in tags} >= {"B-PER", "B-LOC"}
    assert "Scores: 1 × nmt; candidates: ngram" in said
    assert re.search(rf"Translation model: .* \(sha256:[0-9a-f]{{64}}\), {ENGLISH} and {DANISH}", said)


def test_scores_of_all_three_kinds_are_fused(model, folder, user):
    tagger = train_on_gold(
        [Example("1", ("Bo", "bor", "i", "Rom"), ("B-PER", "O", "O", "B-LOC")) for _ in range(9)]
    )
    tagger.save(user / "crf" / "model.crfsuite")
    fused = ("--scores", "fused", "--alignments", "a.txt", "--tagger", "crf", "--batch-size", "3")
    options = (*FILES, *fused, "--translator", folder, *LANGUAGES, "--json")
    outcome = done("project", *options, folder=user).json
    scores = TranslationScores(model, ENGLISH, DANISH)
    crf = CrfTagger.load(user / "crf" / "model.crfsuite")
    expected = [directly(scores, sentence, crf) for sentence in SENTENCES]
    assert tags_in(user / "out.conll") == [*expected, ["O"]]
    translator = outcome["scoring"].pop("translator")
    assert (translator["model"], translator["languages"]) == (str(folder), [ENGLISH, DANISH])
    assert outcome["scoring"] == {
        "candidates": "ngram",
        "scores": {
            "align": {"weight": 0.5, "threshold": 0.0},
            "ner": {"weight": 0.5, "threshold": 0.05},
            "nmt": {"weight": 1.0, "threshold": 0.1},
        },
        "tagger": "crf",
        "unread": 0,
    }


def test_what_a_model_cannot_read_scores_nothing_and_is_counted(folder, user):
    shutil.copytree(folder, user / "short")
    path = user / "short" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "max_position_embeddings": 5}))
    short = load_translation_model(named_model("short", beside=user))
    scores = TranslationScores(short, ENGLISH, DANISH)
    # Two words fit: what is written begins with the model's own token and the code, and has an end.
    pairs = [("Rome", "Rom"), ("Rome", "Rom nu tit"), ("now in Rome", "Rom"), ("in Rome", "i Rom")]
    assert scores.readable(pairs) == [pairs[0], pairs[3]]
    project = scored_projector(
        "exact",
        {},
        Scoring(scores="nmt"),
        translator=NamedTranslator(scores, "short", None, (ENGLISH, DANISH)),
    )
    files = ParallelFiles(user / "en.conll", user / "da.txt", None)
    outcome = project_files(files, project, user / "out.conll").as_json()
    # Candidates of three and of four words, two entities a sentence.
    assert outcome["scoring"]["unread"] == 2 * (3 + 5)
    assert outcome["projected"] + sum(outcome["dropped"].values()) == outcome["entities"] == 4
    (user / "en.conll").write_text("now B-PER\nin I-PER\nRome I-PER\n")
    (user / "da.txt").write_text("nu i Rom\n")
    outcome = project_files(files, project, user / "out.conll").as_json()
    assert (outcome["dropped"], outcome["scoring"]["unread"]) == ({"no candidate": 1}, 6)


def test_many_sentences_are_scored_as_each_alone(model):
    def projected(sentences: list[ParallelSentence]) -> list[list[str]]:
        named = NamedTranslator(TranslationScores(model, ENGLISH, DANISH), "tiny", None, (ENGLISH, DANISH))
        project = scored_projector("greedy", {}, Scoring(scores="fused"), translator=named)
        return [projection.tags for projection in project.of(sentences)]

    nothing = ParallelSentence([], frozenset(), ["nu"], ["now"])
    together = projected([SENTENCES[1], nothing, *SENTENCES])
    assert together[1] == ["O"]
    assert [together[0], *together[2:]] == [
        *projected([SENTENCES[1]]),
        *projected([SENTENCES[0]]),
        *projected([SENTENCES[1]]),
    ]


@pytest.mark.parametrize(
    ("words", "target", "expected"),
    [
        (
            ["Rome"],
            ["i", "Rom", ",", "nu", ".", "tit"],
            {"i", "i Rom", "i Rom , nu", "Rom", "Rom , nu", "nu", "nu . tit", "tit"},
        ),
        (["Thy", "."], ["i", "Thy", "."], {"i", "i Thy", "i Thy .", "Thy", "Thy .", "."}),
        (["5", "percent"], ["5", "%", "."], {"5", "5 %", "%"}),
        (["Rom", "!"], ["Rom", "!", "nu"], {"Rom", "nu"}),
    ],
)
def test_candidates_are_about_as_long_as_the_entity(words, target, expected):
    assert {" ".join(target[start:end]) for start, end in n_grams_like(words, target)} == expected


@pytest.mark.parametrize(
    ("options", "message", "status"),
    [
        (("--scores", "nmt"), "there is no translation model to score candidates", 2),
        (("--scores", "fused", "--alignments", "a.txt"), "neither a tagger nor a translation model", 2),
        (("--alignments", "a.txt", "--translator", "m", *LANGUAGES), "the translation model has no use", 2),
        (("--scores", "fused", "--translator", "m", *LANGUAGES), "there are no alignments", 2),
        ((), "`synthner align` makes them", 2),
        (("--scores", "nmt", "--sure-only"), "--sure-only is about alignments", 2),
        (("--scores", "nmt", "--translator", "m"), "--source-language is missing", 2),
        (("--scores", "nmt", *LANGUAGES), "--source-language is about a translation model", 2),
        (("--scores", "nmt", "--translator", "./none", *LANGUAGES), "there is no folder with a model", 1),
        (
            ("--scores", "nmt", "--translator", "converted", *LANGUAGES),
            "Name the model of transformers that it was converted from",
            1,
        ),
    ],
)
def test_translation_models_that_cannot_be(user, options, message, status):
    (user / "converted").mkdir()
    for name in ("model.bin", "shared_vocabulary.json"):
        (user / "converted" / name).touch()
    assert message in refused("project", *FILES, *options, folder=user, status=status)
    assert not (user / "out.conll").exists()


def test_a_code_that_the_model_does_not_have_is_named(model):
    with pytest.raises(DataError, match="by the code `english`"):
        TranslationScores(model, "english", DANISH)

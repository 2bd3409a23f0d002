import pytest

from synthner.evaluation.scoring import score
from synthner.evaluation.seen_mentions import Recall, seen_mentions
from synthner.schema.errors import DataError
from synthner.schema.example import Example
from synthner.sources.readers import read_examples


def example(*tagged):
    tokens, tags = zip(*(pair.rsplit("/", 1) for pair in tagged), strict=True)
    return Example("1", tokens, tags)


TRAIN = [
    example("Ada/B-PER", "Okoye/I-PER", "left/O", "Jos/B-LOC"),
    example("Kano/O", "is/O", "far/O", "from/O", "E\u0301de/B-LOC"),
]


@pytest.mark.parametrize(
    ("mention", "seen"),
    [
        (("Ada/B-PER", "Okoye/I-PER"), True),
        (("Ada/I-PER", "Okoye/I-PER"), True),
        (("\u00c9de/B-LOC",), True),
        (("Ada/B-PER",), False),
        (("jos/B-LOC",), False),
        (("Jos/B-PER",), False),
        (("Kano/B-LOC",), False),
    ],
    ids=["same", "misplaced I-", "composed", "part", "other case", "other type", "unlabelled in train"],
)
def test_a_mention_is_seen_with_its_words_and_type(mention, seen):
    sentence = example("Today/O", *mention)
    result = seen_mentions(TRAIN, [sentence], [sentence.ner_tags])
    found, nothing = Recall(1, 1), Recall(0, 0)
    assert (result.seen, result.unseen) == ((found, nothing) if seen else (nothing, found))


def test_recall_on_either_side():
    test = [
        example("Jos/B-LOC", "and/O", "Uyo/B-LOC"),
        example("Jos/B-LOC", "or/O", "Ada/B-PER", "Okoye/I-PER"),
    ]
    result = seen_mentions(TRAIN, test, [["B-LOC", "O", "O"], ["B-PER", "O", "B-PER", "I-PER"]])
    assert result.as_json() == {
        "seen": {"recall": 2 / 3, "gold": 3, "correct": 2},
        "unseen": {"recall": 0.0, "gold": 1, "correct": 0},
    }


def test_without_training_data_all_is_unseen():
    result = seen_mentions([], TRAIN, [example.ner_tags for example in TRAIN])
    assert (result.seen.gold, result.seen.recall, result.unseen) == (0, 0.0, Recall(3, 3))


def test_predictions_of_other_lengths_are_an_error():
    with pytest.raises(DataError, match="2 sentences and the predictions have 1"):
        seen_mentions(TRAIN, TRAIN, [TRAIN[0].ner_tags])


def test_sentences_without_one_tag_a_token_are_an_error():
    with pytest.raises(DataError, match="odd: the sentence has 2 tokens and 1 tags"):
        seen_mentions([], [Example("odd", ("a", "b"), ("O",))], [["O"]])


def test_no_entity_of_wnut17_is_seen(shared):
    folder = shared / "data" / "wnut17"
    train, gold, predicted = (
        list(read_examples(folder / name))
        for name in ("wnut17train.conll.gz", "emerging.test.annotated.gz", "submissions/uh_ritual.gz")
    )
    tags = [example.ner_tags for example in predicted]
    result = seen_mentions(train, gold, tags)
    correct, _, mentions = score([example.ner_tags for example in gold], tags).counts.sum(axis=0)
    assert (result.unseen.gold, result.unseen.correct) == (mentions, correct)
    # The shared task was made so: no entity of its test data is in its training data.
    assert sum(len(example.mentions) for example in train) == 1975
    assert result.seen.gold == 0

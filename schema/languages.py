"""Languages: code, name, script and a related language to transfer from.

The eleven languages of Kamath & Vajjala (2025) are known with the related language that the paper used; any
other is looked up by its BCP-47 tag or ISO 639-3 code in the Unicode CLDR and the IANA registry.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from .errors import DataError

RELATED = {
    "da": "sv",
    "ibo": "yor",
    "kin": "swa",
    "kn": "te",
    "ml": "ta",
    "sk": "en",
    "sv": "da",
    "swa": "kin",
    "ta": "te",
    "te": "kn",
    "yor": "ibo",
}
"""The paper's transfer pairs: target language → language to fine-tune on first."""

# Scripts that CLDR names as a mixture or a variant, as the scripts Unicode gives their characters.
_WRITTEN_IN = {
    "Aran": ("Arab",),
    "Hans": ("Hani",),
    "Hant": ("Hani",),
    "Jpan": ("Hani", "Hira", "Kana"),
    "Kore": ("Hang", "Hani"),
}


# Scripts whose words are not written apart.
_WITHOUT_SPACES = frozenset({"Hani", "Hira", "Kana", "Khmr", "Laoo", "Mymr", "Thai", "Tibt"})


@dataclass(frozen=True, slots=True)
class Language:
    """A language as releases, prompts, gates and cards need it.

    Attributes:
        code: The code as the release writes it, for example `yor`.
        tag: The canonical BCP-47 tag, as the Hub's `language:` field takes it, for example `yo`.
        name: The English name, as prompts use it.
        scripts: ISO 15924 codes of the scripts it is written in.
        related: Code of a related language to transfer from, or None.
    """

    code: str
    tag: str
    name: str
    scripts: tuple[str, ...]
    related: str | None

    @property
    def puts_words_apart(self) -> bool:
        """Whether words are written apart: where they are not, nobody could say which words a text has."""
        return _WITHOUT_SPACES.isdisjoint(self.scripts[:1])


@cache
def language(code: str) -> Language:
    """Look a language up.

    Args:
        code: A BCP-47 tag or an ISO 639-1 or 639-3 code; a script subtag (`sr-Latn`) overrides the usual one.

    Raises:
        DataError: If no language has this code.
    """
    import langcodes
    from langcodes.tag_parser import LanguageTagError

    hint = "Use an ISO 639-3 code such as `yor`, or a BCP-47 tag such as `sr-Latn`."
    try:
        found = langcodes.Language.get(code)
    except (LanguageTagError, LookupError) as error:
        raise DataError(f"`{code}` is no language code", hint=hint) from error
    name = found.display_name()
    if not found.is_valid() or name.startswith("Unknown language"):
        raise DataError(f"no language has the code `{code}`", hint=hint)
    script = found.maximize().script or "Latn"
    return Language(
        code=code,
        tag=found.to_tag(),
        name=found.language_name() if found.script is None else name,
        scripts=_WRITTEN_IN.get(script, (script,)),
        related=RELATED.get(code),
    )

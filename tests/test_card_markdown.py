"""Text that others wrote comes out of Markdown as text: inert, and legible."""

import html
import re
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from synthner.cards.markdown import Markdown, cell, code, count, fenced, legible, prose, share, table

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "a|b\\|c\\\\|d",
    "`code``more```",
    "[text](javascript:alert(1)) ![image](https://example.org/x.png)",
    "https://example.org/a_b_c www.example.org a@example.org <https://example.org>",
    "**bold** __bold__ ~~gone~~ $x$",
    "&lt;b&gt; &#60; &amp;",
    "# heading",
    "- item",
    "1. item",
    "---",
    "===",
    "> quote",
    "``` \n```",
    "two\nlines\r\nand \u2028 another",
    "\u202eright to left\u202c \u2066isolate\u2069",
    "a\x00b\x1b[31m\ud800",
    "</details></summary><!-- synthner: end generated -->",
]

characters = st.text(alphabet=st.characters() | st.sampled_from("|`\\<>*_[]()!#-+=~$&:@/. \n"), max_size=60)


class Page(HTMLParser):
    """Collects the texts of the cells, paragraphs, headings and code blocks of a page, and its tags."""

    def __init__(self, markdown):
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(markdown))

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag in ("td", "th", "p", "h2", "pre"):
            self.texts.append("")

    def handle_data(self, data):
        if self.texts:
            self.texts[-1] += data


def collapsed(text):
    return " ".join(text.split())


@pytest.mark.parametrize("text", HOSTILE)
def test_a_cell_shows_hostile_text_as_it_is(text):
    page = Page(table([Markdown("a"), Markdown("b")], [[cell(text), Markdown("end")]], "ll"))

    assert collapsed(page.texts[2]) == collapsed(legible(text))
    assert page.texts[3].strip() == "end"
    assert set(page.tags) <= {"table", "thead", "tbody", "tr", "th", "td", "wbr"}


@given(characters)
@example("|" * 5 + "\\")
def test_a_cell_never_breaks_its_table(text):
    lines = table([Markdown("a"), Markdown("b")], [[cell(text), code(text)]], "lr")
    page = Page(lines)

    assert len(lines.splitlines()) == len(lines.split("\n")) == 3
    assert page.tags.count("td") == 2
    assert set(page.tags) <= {"table", "thead", "tbody", "tr", "th", "td", "code", "wbr"}
    shown = collapsed(legible(text).replace("\t", " "))
    assert [collapsed(text) for text in page.texts[2:4]] == [shown, shown]


@given(characters)
def test_prose_and_headings_show_text_and_open_nothing(text):
    page = Page(f"## x {cell(text)}\n\n{prose(text)}\n\nend\n")

    assert set(page.tags) <= {"h2", "p", "wbr"}
    assert collapsed(page.texts[0]) == collapsed("x " + legible(text))
    assert page.texts[-1].strip() == "end"


@given(characters, st.sampled_from(["", "`", "```", "````", "~~~"]))
def test_a_fence_holds_whatever_is_in_it(text, fence):
    text = f"a\n{fence}\n{text}\n{fence}\n<b>"
    page = Page(f"{fenced(text)}\n\nend\n")

    assert page.tags == ["pre", "code", "p"]
    assert page.texts[0].rstrip("\n").endswith("<b>")
    assert page.texts[1].strip() == "end"


def test_a_fence_cannot_hold_the_line_that_ends_the_generated_part():
    assert not re.search("^<!-- synthner:", fenced("a\n<!-- synthner: end generated -->\nb"), re.MULTILINE)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("abc", "abc"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("ക്\u200d", "ക്\u200d"),
        ("\u0601١٤٤٥", "\u0601١٤٤٥"),
        ("a\u202eb", "a⟨U+202E⟩b"),
        ("a\u200bb\ufeff", "a⟨U+200B⟩b⟨U+FEFF⟩"),
        ("\ud83d", "⟨U+D83D⟩"),
    ],
    ids=["plain", "persian joiner", "malayalam joiner", "arabic sign", "direction", "invisible", "surrogate"],
)
def test_what_has_no_shape_is_spelled_out(text, shown):
    assert legible(text) == shown


@pytest.mark.parametrize(
    "text", ["https://example.org", "www.example.org", "a@example.org", "mailto:a@example.org"]
)
def test_an_address_becomes_no_link(text):
    shown = cell(text)

    assert "<wbr>" in shown
    assert html.unescape(shown.replace("<wbr>", "")) == text


def test_plain_names_stay_readable_in_the_source():
    assert code("yor_gpt4") == "`yor_gpt4`"
    assert cell("yor_gpt4, 0.1.0 (m = 10)") == "yor_gpt4, 0.1.0 (m = 10)"


def test_numbers():
    assert [count(1234567), count(0), count(None)] == ["1,234,567", "0", ""]
    assert [share(0.97), share(1), share(0.11666), share(None)] == ["97.0 %", "100.0 %", "11.7 %", "–"]

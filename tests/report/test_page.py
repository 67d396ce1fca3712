import json
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from convemo.report.page import embedded, line, percent, text

ANYTHING = st.text(alphabet=st.one_of(st.characters(), st.sampled_from("<>&\"'/\\\u202e\u2066\x00\ud800")), max_size=60)


class Heard(HTMLParser):
    """What a browser would make of it: tags, and text."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.tags, self.said = [], ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.said += data


@given(ANYTHING)
def test_any_text_is_one_element_of_text(value):
    heard = Heard(f"<p>{text(value)}</p>")
    assert [tag for tag, _ in heard.tags] == ["p", "bdi"]
    assert not set(heard.said) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\x00\x1b\ud800")


@given(ANYTHING)
def test_any_text_stays_within_its_attribute(value):
    ((tag, attributes),) = Heard(f'<p title="{line(value)}" id="x">').tags
    assert (tag, set(attributes)) == ("p", {"title", "id"})


@given(st.recursive(ANYTHING | st.integers() | st.none(), lambda more: st.lists(more) | st.dictionaries(ANYTHING, more), max_leaves=8))
def test_any_data_stays_within_its_script_and_is_json(data):
    dumped = embedded(data)
    assert dumped.isascii()
    assert not set(dumped) & set("<>&")
    json.loads(dumped)


def test_ordinary_words_are_kept_in_every_script():
    for words in ("Tom & Ana: 3 < 4", "שלום", "\u200fمرحبا", "👩‍👧 ok", "a\nb"):
        assert Heard(text(words)).said == words


def test_a_share_that_is_not_nothing_is_not_shown_as_nothing():
    assert percent(0.001) == "under 1 %"
    assert percent(0.0) == "0 %"

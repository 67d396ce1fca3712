"""Which colons make a name, and which words state a role."""

import pytest

from convemo.readers.names import names_in, role_of, speakers_of, split_name
from convemo.types import TranscriptSegment, Word


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("Ana: Hi.", "Ana"),
        ("  ana  maria : hi", "ana maria"),
        ("Dr. J. O'Neill-Smith: hi", "Dr. J. O'Neill-Smith"),
        ("[SPEAKER_00]: hi", "SPEAKER_00"),
        ("Élodie : bonjour", "Élodie"),
        ("王：你好", "王"),
        ("- Ben: ho", "Ben"),
        (">> Ben:", "Ben"),
        ("Jane Doe (she/her): hi", "Jane Doe (she/her)"),
        ("Caller 2: hi", "Caller 2"),
    ],
)
def test_these_have_the_shape_of_a_name(line, name):
    assert split_name(line)[0] == name


@pytest.mark.parametrize(
    "line",
    [
        "https://example.org/a: open it",
        "http: is old",
        "10:30 is fine",
        "It is 10:30",
        "Time is 10:30",
        "mailto:ana@example.org",
        "Note: this is important",
        "NB: so is this",
        "(Laughter)",
        "Laughter: long",
        "Wait! Ana: hi",
        "I left. Then Ana: hi",
        "Because the bill that you sent: hm",
        "Donaudampfschifffahrtsgesellschaftskapitän: hi",
        "[1]: a footnote",
        ": hi",
        ":)",
        "",
    ],
)
def test_these_do_not(line):
    assert split_name(line) is None


def test_a_name_that_occurs_once_is_believed_where_names_are_the_habit():
    assert names_in(["Ana: Hi.", "Ben: Hi.", "Ana: So?", "Supervisor: Hello."]) == {"Ana", "Ben", "Supervisor"}


def test_a_phrase_before_a_colon_is_no_name_though_it_looks_like_one_word():
    assert names_in(["Ana: Hi.", "Ben: Hi.", "so: what", "Ana: Bye.", "the thing is: no"]) == {"Ana", "Ben"}


def test_lower_case_handles_are_names_if_they_are_frequent():
    assert names_in(["ana_92: hi", "ben: ho", "ana_92: bye", "ben: bye"]) == {"ana_92", "ben"}


def test_one_prefix_among_many_lines_is_no_name():
    assert names_in(["Dear Ana:", "I write of the bill.", "It came at 10:30."]) == frozenset()


def test_prefixes_that_recur_but_are_rare_are_no_names():
    assert names_in(["Remember: look."] * 2 + ["We go on."] * 60) == frozenset()


def test_no_lines_no_names():
    assert names_in([]) == frozenset()


@pytest.mark.parametrize("word", ["agent", "Agent", "REPRESENTATIVE", "advisor 3", "internal", "[agent]", "assistant"])
def test_words_for_agents(word):
    assert role_of(word) == "agent"


@pytest.mark.parametrize("word", ["customer", "Caller", "client_2", "EXTERNAL", "end_user", "End-User", "user"])
def test_words_for_customers(word):
    assert role_of(word) == "customer"


@pytest.mark.parametrize("word", [None, "", "Ana", "agent smith", "travel agent", "2"])
def test_no_role_is_guessed(word):
    assert role_of(word) is None


def test_speakers_appear_in_the_order_in_which_they_speak():
    segments = [TranscriptSegment("a b", speaker="Ben", words=(Word("a", speaker="Cy"), Word("b"))), TranscriptSegment("c", speaker="Ana")]
    assert [s.id for s in speakers_of(segments)] == ["Ben", "Cy", "Ana"]

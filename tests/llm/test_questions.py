"""What a language model is asked about a conversation: nothing from later, nothing twice, and the same text as long as can be."""

import json
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from os.path import commonprefix

import pytest

from convemo.llm.prompt import Prompt
from convemo.llm.questions import ask, nulls, orders
from convemo.types import Dialogue, Speaker, Utterance

ZERO_SHOT = Prompt.load("zero-shot")
SPEAKERS = (Speaker("ana", name="Ana Lee", role="agent"), Speaker("ben", name="Ben Roth"))


def talk(*said: str | None, start: str = "ana") -> Dialogue:
    """Two people who speak in turn."""
    names = ("ana", "ben") if start == "ana" else ("ben", "ana")
    return Dialogue("d", tuple(Utterance(f"x{n}", names[n % 2], text) for n, text in enumerate(said)), SPEAKERS)


def questions(dialogue: Dialogue, prompt: Prompt = ZERO_SHOT, since: int = 0, permutations: int | None = 1):
    return list(ask(dialogue, prompt, orders(len(prompt.labels), permutations), since))


LONG = talk(*(f"Sentence number {n}." for n in range(60)))


def test_all_cyclic_shifts_put_every_label_in_every_place_once():
    assert Counter((place, label) for order in orders(7) for place, label in enumerate(order)) == Counter(
        {(place, label): 1 for place in range(7) for label in range(7)}
    )


@pytest.mark.parametrize("permutations", range(1, 20))
def test_every_order_is_a_permutation_and_none_is_there_twice(permutations):
    found = orders(7, permutations)
    assert len(set(found)) == len(found) == permutations and all(sorted(order) == list(range(7)) for order in found)
    assert found == orders(7, permutations) and (permutations <= 7 or found != orders(7, permutations, seed=1))


def test_the_options_of_a_question_are_its_labels_in_the_order_of_its_text():
    for order in orders(7):
        question = next(ask(talk("Hello."), ZERO_SHOT, (order,))).questions[0]
        shown = [row for row in question.target.splitlines() if row[1:2] == ")"]
        assert shown == [f"{option}) {label}" for option, label in zip(question.options, question.labels)]


def test_a_question_shows_what_was_said_before_and_nothing_after():
    asked = questions(talk("One.", "Two.", "Three.", "Four."))[2].questions[0]
    assert [json.loads(line)["text"] for line in asked.history] == ["One.", "Two."]
    assert json.loads(asked.target.splitlines()[0]) == {"id": "u3", "speaker": "S1", "role": "agent", "text": "Three."}
    assert "Four." not in asked.static + asked.user


def test_what_follows_changes_no_question():
    for until in (1, 17, 40):
        assert questions(replace(LONG, utterances=LONG.utterances[:until])) == questions(LONG)[:until]


@pytest.mark.parametrize("since", [0, 1, 16, 17, 59, 60])
def test_asking_from_an_utterance_on_gives_the_same_questions(since):
    assert questions(LONG, since=since) == questions(LONG)[since:]


def test_a_prompt_goes_on_where_the_last_one_was_until_the_window_moves():
    users = [one.questions[0].user for one in questions(LONG)]
    moved = []
    for n, (earlier, later) in enumerate(pairwise(users), 1):
        line = earlier.splitlines()[0]
        if later.splitlines()[0] != line:
            moved.append(n)
            continue
        asked = earlier.index("Which emotion")
        assert later.startswith(earlier[:asked]), n  # all but the question itself is kept
    assert moved == [17, 25, 33, 41, 49, 57]


def test_orders_differ_only_in_the_options():
    several = questions(LONG, permutations=None)[5].questions
    same = commonprefix([question.user for question in several])  # noqa: RUF071
    assert same.endswith("the last utterance above?\nA) ")
    assert len({question.static for question in several}) == 1 and len({question.history for question in several}) == 1


def test_the_window_holds_at_most_the_history_of_the_prompt():
    shown = [len(one.questions[0].history) for one in questions(LONG)]
    assert max(shown) == ZERO_SHOT.history and min(shown[17:]) == ZERO_SHOT.history - ZERO_SHOT.block + 1


@pytest.mark.parametrize(("history", "block"), [(0, 8), (1, 8), (4, 8), (12, 5), (16, 1)])
def test_whatever_the_window_it_is_never_empty_and_never_too_long(history, block):
    prompt = ZERO_SHOT.model_copy(update={"history": history, "block": block})
    shown = [len(one.questions[0].history) for one in questions(LONG, prompt)]
    assert max(shown) == history and min(shown[1:]) >= min(history, 1)


def test_who_speaks_is_a_number_and_a_role_never_a_name():
    text = "".join(one.questions[0].user for one in questions(talk("Hello.", "Hi.", start="ben")))
    assert "Ana" not in text and "Lee" not in text and '"speaker": "S1", "text": "Hello."' in text and '"role": "agent"' in text


def test_what_has_no_words_is_not_asked_about_and_leaves_no_trace():
    asked = questions(talk(None, "?!", "<|im_end|>", "  ", "Hello."))
    assert [one.reason for one in asked] == ["no text", "no words", "no words", "no text", None]
    assert asked[4].questions[0].history == ()


def test_a_question_about_nothing_has_no_history():
    for several in nulls(ZERO_SHOT, orders(7)):
        assert all(question.history == () for question in several) and len(several) >= 3
    assert "N/A" in nulls(ZERO_SHOT, orders(7))[0][0].target


class TestVoices:
    prompt = Prompt.load("speech-described")
    loud = replace(
        talk("No.", "No!"),
        utterances=(
            Utterance("x0", "ana", "No.", voice={}, voice_deviation={"energy_mean_db": None}),
            Utterance("x1", "ana", "No!", voice={}, voice_deviation={"energy_mean_db": 2.0, "f0_median_hz": -0.7}),
            Utterance("x2", "ben", "Hm."),
        ),
    )

    def test_how_an_utterance_sounded_is_told_in_its_line_in_five_levels(self):
        asked = questions(self.loud, self.prompt)
        assert json.loads(asked[1].questions[0].target.splitlines()[0])["voice"] == "much louder, lower pitch"
        assert json.loads(asked[2].questions[0].history[1])["voice"] == "much louder, lower pitch"

    def test_what_is_not_known_is_not_told(self):
        asked = questions(self.loud, self.prompt)
        assert all("voice" not in json.loads(asked[n].questions[0].target.splitlines()[0]) for n in (0, 2))

    def test_another_prompt_tells_nothing_of_it(self):
        assert all('"voice"' not in one.questions[0].user for one in questions(self.loud))


class TestProfiles:
    prompt = Prompt.load("speaker-profile")

    def test_a_speaker_is_described_by_what_they_said_so_far(self):
        asked = questions(talk("Hello, is it me?", "It is.", "Is it you?", "Yes, really, me!", "Good."), self.prompt)
        told = asked[4].questions[0].target.splitlines()[1]
        assert told == "S1 (agent) so far: 2 utterances of 4 words on average, 58 % of all words, 100 % questions, 0 % exclamations."

    def test_of_somebody_who_has_hardly_spoken_nothing_is_told(self):
        asked = questions(talk("Hello, is it me?", "It is.", "Is it you?"), self.prompt)
        assert all(one.questions[0].target.splitlines()[1].startswith("Which emotion") for one in asked)

    def test_what_follows_changes_no_profile(self):
        assert questions(replace(LONG, utterances=LONG.utterances[:9]), self.prompt) == questions(LONG, self.prompt)[:9]

"""A call in numbers: each number by an example that can be done in one's head."""

import numpy as np
import pytest

from convemo import Analysis, ChannelResult, Dialogue, LabelSet, Speaker, Utterance
from convemo.batch.calls import describe_call, trend
from convemo.dialogue.trajectory import courses
from convemo.types import Recording

LABELS = LabelSet(("neutral", "anger"))
ROLES = {"ana": "agent", "ben": "customer"}


def call(*turns, **how):
    """Turns are ``(speaker, start, end, probability of anger)``."""
    return describe_call(analysis_of(*turns, **how))


def analysis_of(*turns, roles=ROLES, duration_s=None, scored=None):
    utterances = tuple(Utterance(f"u{n}", who, "some words here", start, end) for n, (who, start, end, _) in enumerate(turns))
    who = dict.fromkeys(turn[0] for turn in turns)
    dialogue = Dialogue("d", utterances, tuple(Speaker(id, role=roles.get(id)) for id in who))
    p = np.array([[1 - turn[3], turn[3]] for turn in turns]).reshape(len(turns), 2)
    reasons = tuple(None if scored is None or n in scored else "no text" for n in range(len(turns)))
    result = ChannelResult("text", LABELS, np.log(np.clip(p, 1e-9, 1)), reasons)
    recording = None if duration_s is None else Recording("a.wav", "", duration_s, 1, 16_000)
    return Analysis(dialogue, {"text": result}, recording=recording)


def test_shares_count_scored_utterances_by_role():
    told = call(("ana", 0, 1, 0.1), ("ben", 1, 2, 0.9), ("ben", 2, 3, 0.2), ("ana", 3, 4, 0.9), scored={0, 1, 2})
    assert told["negative_share"] == pytest.approx(1 / 3) and told["negative_share_customer"] == 0.5 and told["negative_share_agent"] == 0.0
    assert (told["utterances"], told["scored"], told["speakers"]) == (4, 3, 2)


def test_the_call_is_about_the_customer_where_roles_are_known():
    turns = ("ana", 0, 1, 0.95), ("ben", 1, 2, 0.6)
    assert (call(*turns)["worst_utterance"], call(*turns)["focus"]) == ("u1", "customer")
    assert (call(*turns, roles={})["worst_utterance"], call(*turns, roles={})["focus"]) == ("u0", "everyone")


def test_the_worst_moment_says_who_when_and_what():
    told = call(("ben", 0, 1, 0.3), ("ben", 5.5, 6, 0.8), ("ben", 7, 8, 0.8))
    assert (told["worst_start_s"], told["worst_label"], told["worst_text"], told["worst_speaker"]) == (
        5.5,
        "anger",
        "some words here",
        "ben",
    )
    assert told["worst_negative"] == pytest.approx(0.8, abs=1e-4)


def test_the_trend_is_the_change_from_beginning_to_end():
    assert call(*(("ben", n, n + 1, 0.2 + 0.1 * n) for n in range(5)))["trend"] == pytest.approx(0.4, abs=1e-4)
    assert trend([0.5, 0.5, 0.5]) == 0 and trend([0.9, 0.1]) is None and trend([0.9, 0.5, 0.1]) == pytest.approx(-0.8)


def test_who_gets_angry_escalates_and_recovers_only_if_it_passes():
    rising = [("ben", n, n + 1, p) for n, p in enumerate([0.1, 0.1, 0.9, 0.9, 0.9])]
    told = call(*rising)
    assert told["escalated"] and not told["recovered"] and told["escalation"] == pytest.approx(0.8 * (1 - 0.5**1.5), abs=1e-4)
    calmed = call(*rising, *(("ben", 10 + n, 11 + n, 0.1) for n in range(5)))
    assert calmed["escalated"] and calmed["recovered"] and calmed["recovery"] > calmed["escalation"] / 2


def test_a_call_has_recovered_only_if_everybody_who_escalated_has():
    up, down = [0.1, 0.1, 0.9, 0.9, 0.9], [0.1] * 5
    both = [(who, n, n + 1, p) for who in ("ben", "cem") for n, p in enumerate(up + down * (who == "ben"))]
    told = call(*both, roles={})
    assert told["escalated"] and not told["recovered"]


def test_the_table_means_what_the_curve_means():
    """The curve falls by half, and rises again by too little to be an escalation: recovered, in the table as on the page."""
    values = [0.05, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.6, 0.6]
    (way,) = courses(analysis_of(*(("ben", n, n + 1, p) for n, p in enumerate(values)))).values()
    told = call(*(("ben", n, n + 1, p) for n, p in enumerate(values)))
    assert [m.kind for m in way.movements] == ["escalation", "recovery"]
    assert (told["escalated"], told["recovered"]) == (way.escalated, way.recovered) == (True, True)
    assert (told["escalation"], told["recovery"]) == (way.rise, way.fall) and way.fall < way.rise / 2


def test_who_is_angry_all_the_time_has_not_escalated():
    told = call(*(("ben", n, n + 1, 0.9) for n in range(5)))
    assert not told["escalated"] and told["escalation"] == 0 and told["negative_share_customer"] == 1.0


def test_two_speakers_are_two_curves():
    turns = [(who, n, n + 1, 0.9 if who == "ben" else 0.1) for n, who in enumerate(["ana", "ben"] * 4)]
    assert call(*turns, roles={})["escalation"] == 0


def test_times_overlaps_silences_and_talk():
    told = call(("ana", 1, 4, 0.1), ("ben", 3, 6, 0.1), ("ana", 8, 9, 0.1), duration_s=10.0)
    assert (told["duration_s"], told["overlap_s"], told["silence_s"], told["longest_silence_s"]) == (10.0, 1.0, 4.0, 2.0)
    assert told["overlap_share"] == pytest.approx(1 / 6) and told["silence_share"] == 0.4 and told["interruptions"] == 1
    assert told["talk_share_agent"] == pytest.approx(4 / 7) and told["talk_share_customer"] == pytest.approx(3 / 7)


def test_one_speaker_talks_over_nobody():
    told = call(("ana", 0, 2, 0.1), ("ana", 1, 3, 0.1))
    assert (told["overlap_s"], told["interruptions"], told["silence_s"]) == (0.0, 0, 0.0)


def test_turns_that_merely_meet_are_no_interruption():
    assert call(("ana", 0, 2.0, 0.1), ("ben", 1.9, 3, 0.1))["interruptions"] == 0


def test_a_chat_has_no_times_and_shares_by_words():
    told = call(("ana", None, None, 0.1), ("ben", None, None, 0.1), ("ben", None, None, 0.1))
    assert told["duration_s"] is told["overlap_s"] is told["silence_s"] is None
    assert told["talk_share_customer"] == pytest.approx(2 / 3)


def test_a_call_in_which_nobody_speaks_has_no_numbers_but_a_length():
    told = call(duration_s=5.0)
    assert told["duration_s"] == 5.0 and told["utterances"] == 0
    assert told["negative_share"] is told["worst_utterance"] is told["trend"] is told["escalated"] is told["talk_share_agent"] is None

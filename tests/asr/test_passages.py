from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from convemo.asr.passages import PAD_S, PASSAGE_S, SEAM_S, Passage, Timeline, listen, passages
from convemo.audio import Audio
from convemo.types import Word


@st.composite
def speeches(draw):
    """Regions of speech in order, as a voice detector gives them, and the recording's length."""
    steps = draw(st.lists(st.tuples(st.floats(0.1, 20), st.floats(0.1, 400)), max_size=25))
    regions, now = [], 0.0
    for pause, length in steps:
        regions.append((now + pause, now + pause + length))
        now += pause + length
    return regions, now + draw(st.floats(0, 5))


def test_silence_makes_no_passage():
    assert list(passages([], duration_s=60.0)) == []


def test_a_short_pause_is_kept_and_a_long_one_left_out():
    (passage,) = passages([(1.0, 2.0), (2.9, 4.0), (20.0, 21.0)], duration_s=30.0)
    assert passage.stretches == ((0.8, 4.2), (19.8, 21.2))


def test_a_passage_ends_at_a_pause_before_it_is_too_long():
    parts = list(passages([(i * 10.0, i * 10.0 + 9.1) for i in range(6)], duration_s=60.0))
    assert [len(part.stretches) for part in parts] == [1, 1]
    assert all(part.duration_s <= PASSAGE_S for part in parts)


def test_speech_without_any_pause_is_cut_and_both_sides_hear_the_seam():
    first, second = passages([(0.0, 45.0)], duration_s=45.0, cut_at=lambda earliest, latest: 20.0)
    assert first == Passage(((0.0, 20.0 + SEAM_S),), until=20.0)
    assert second.stretches[0][0] == 20.0 - SEAM_S and second.since == 20.0


def test_in_a_short_pause_the_paddings_meet_and_take_nothing_from_the_next_voice():
    first, second = passages([(0.0, 29.0), (29.2, 40.0)], duration_s=40.0)
    assert first.end == second.start == 29.1


def test_a_word_at_a_seam_belongs_to_the_side_that_holds_its_middle():
    before, after = Passage(((0.0, 21.0),), until=20.0), Passage(((19.0, 40.0),), since=20.0)
    assert before.owns(19.2, 20.4) and not after.owns(19.2, 20.4)
    assert after.owns(19.6, 20.8) and not before.owns(19.6, 20.8)


def test_a_word_that_both_sides_place_at_the_seam_is_kept_once():
    before, after = Passage(((0.0, 21.0),), until=20.0), Passage(((19.0, 40.0),), since=20.0)
    kept = before.own([Word("so", 19.0, 19.3), Word("Well,", 19.7, 20.2)], before=())
    assert [word.text for word in kept] == ["so", "Well,"]
    second = after.own([Word("so", 19.0, 19.3), Word("well", 19.8, 20.3), Word("yes", 20.3, 20.6)], before=kept)
    assert [word.text for word in second] == ["yes"]


@given(speeches())
def test_every_voice_is_heard_and_belongs_to_one_passage(case):
    regions, duration_s = case
    parts = list(passages(regions, duration_s))
    assert all(0 <= start < end <= duration_s for part in parts for start, end in part.stretches)
    assert all(before[1] <= after[0] for part in parts for before, after in pairwise(part.stretches))
    owned = [(max(start, part.since), min(end, part.until)) for part in parts for start, end in part.stretches]
    assert all(before[1] <= after[0] for before, after in pairwise(owned))
    held = sum(min(end, e) - max(start, s) for start, end in regions for s, e in owned if s < end and start < e)
    assert held >= sum(end - start for start, end in regions) * (1 - 1e-9)
    assert sum(e - s for s, e in owned) <= sum(end - start + 2 for start, end in regions) + 1e-6


@given(speeches(), st.floats(0, 1))
def test_no_passage_is_longer_than_what_is_heard_at_once(case, where):
    for part in passages(*case, cut_at=lambda earliest, latest: earliest + where * (latest - earliest)):
        assert part.duration_s <= PASSAGE_S + 1e-6


def test_a_word_goes_back_to_where_it_was_said_and_spans_no_pause_that_was_left_out():
    passage = Passage(((10.0, 12.0), (50.0, 53.0)))
    assert passage.place(0.5, 1.0) == (10.5, 11.0)
    assert passage.place(2.5, 3.0) == (50.5, 51.0)
    assert passage.place(1.8, 2.4) == (50.0, 50.4)
    assert passage.place(5.5, 9.0) == (53.0, 53.0)


def test_the_sound_of_a_passage_is_its_stretches_joined():
    ramp = np.linspace(-0.5, 0.5, 16000 * 4, dtype=np.float32)
    audio = Audio.from_array(ramp, 16000)
    samples = Passage(((0.5, 1.0), (3.0, 3.25))).samples(audio)
    np.testing.assert_allclose(samples, np.concatenate([ramp[8000:16000], ramp[48000:52000]]), atol=1e-4)


def test_progress_is_told_after_each_passage_and_ends_at_the_end():
    audio, told = Audio.from_array(np.zeros(16000 * 4, np.float32), 16000), []
    parts = [Passage(((0.0, 1.0),)), Passage(((2.0, 3.0),))]
    for ((part, _),) in listen(audio, parts, lambda *now: told.append(now)):
        told.append(part)
    assert told == [parts[0], (1.0, 4.0), parts[1], (3.0, 4.0), (4.0, 4.0)]


def test_several_passages_are_in_memory_at_once_and_no_more():
    audio = Audio.from_array(np.zeros(16000 * 4, np.float32), 16000)
    parts = [Passage(((float(i), i + 0.5),)) for i in range(3)]
    assert [[part for part, _ in group] for group in listen(audio, parts, None, at_once=2)] == [parts[:2], parts[2:]]


@given(st.lists(st.tuples(st.floats(-5, 15), st.floats(-5, 15)), min_size=1, max_size=30))
def test_words_come_in_order_and_inside_the_sound_whatever_the_engine_says(times):
    timeline = Timeline(9.99951)
    segments = [timeline.segment("w", [Word("w", start, end, 0.5)]) for start, end in times]
    flat = [t for segment in segments for word in segment.words for t in (word.start, word.end)]
    assert flat == sorted(flat)
    assert flat[0] >= 0 and flat[-1] <= 9.99951


def test_a_segment_without_words_is_none():
    assert Timeline(10.0).segment(" ", [Word("", 1.0, 2.0)]) is None


def test_a_segments_confidence_is_the_mean_of_its_words():
    segment = Timeline(10.0).segment(" Good day.", [Word("Good", 1.0, 1.5, 0.9), Word("day.", 1.5, 2.0, 0.7)])
    assert (segment.text, segment.start, segment.end, segment.confidence) == ("Good day.", 1.0, 2.0, 0.8)


def test_padding_reaches_no_further_than_the_recording():
    (passage,) = passages([(0.05, 9.95)], duration_s=10.0)
    assert passage.stretches == ((0.0, 10.0),) and PAD_S > 0.05

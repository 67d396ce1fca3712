"""Diarization error rate: by hand, and against pyannote.metrics."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from convemo.metrics import diarization_error_rate, diarization_errors
from convemo.metrics.diarization import _most_in_common
from convemo.types import Turn

ANA, BEN = Turn(0, 6, "ana"), Turn(6, 10, "ben")


def test_names_do_not_matter():
    assert diarization_error_rate([Turn(0, 6, "ben"), Turn(6, 10, "ana")], [ANA, BEN]) == 0.0


def test_the_parts_are_told_apart():
    errors = diarization_errors([Turn(1, 7, "x"), Turn(7, 12, "y")], [ANA, BEN], duration_s=20, collar_s=0)
    assert (errors.missed_s, errors.false_alarm_s, errors.confusion_s) == (1.0, 2.0, 1.0)
    assert errors.rate == pytest.approx(0.4)


def test_a_collar_is_left_out_on_either_side_of_a_reference_border():
    late = [Turn(0.2, 6.2, "x"), Turn(6.2, 10, "y")]
    assert diarization_error_rate(late, [ANA, BEN], collar_s=0.2) == 0.0
    assert diarization_errors(late, [ANA, BEN], collar_s=0.1).confusion_s == pytest.approx(0.1)
    assert diarization_errors([], [ANA, BEN], collar_s=0.25).reference_s == pytest.approx(10 - 4 * 0.25)


def test_overlapped_speech_counts_once_a_speaker():
    both = [Turn(0, 4, "ana"), Turn(2, 4, "ben")]
    errors = diarization_errors([Turn(0, 4, "x")], both, collar_s=0)
    assert (errors.reference_s, errors.missed_s) == (6.0, 2.0)


def test_two_turns_of_one_speaker_at_once_are_one_voice():
    assert diarization_errors([Turn(0, 4, "x")], [Turn(0, 3, "ana"), Turn(2, 4, "ana")], collar_s=0).reference_s == 4.0


def test_recordings_are_pooled_by_adding_their_seconds():
    short, long = diarization_errors([], [Turn(0, 1, "a")], collar_s=0), diarization_errors([BEN], [Turn(1, 10, "a")], collar_s=0)
    assert (short + long).rate == pytest.approx(6 / 10)


def test_nothing_said_and_nothing_found_is_right_and_something_found_is_not():
    assert diarization_error_rate([], [], duration_s=5) == 0.0
    assert diarization_error_rate([ANA], [], duration_s=10) == float("inf")


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="collar"):
        diarization_error_rate([], [ANA], collar_s=-1)
    with pytest.raises(ValueError, match="begins before it ends"):
        diarization_error_rate([Turn(2, 1, "x")], [ANA])


turns = st.lists(
    st.builds(
        lambda start, length, who: (start / 10, length / 10, who),
        st.integers(0, 200),
        st.integers(1, 80),
        st.sampled_from("abcde"),
    ),
    max_size=14,
)


def one_voice_each(parts: list) -> list[Turn]:
    """Turns of one speaker follow each other: pyannote counts a speaker twice where two of theirs overlap."""
    made, free = [], {}
    for start, length, who in sorted(parts):
        start = max(start, free.get(who, 0.0))
        free[who] = round(start + length, 3)
        made.append(Turn(round(start, 3), free[who], who))
    return made


@settings(max_examples=60, deadline=None)
@given(found=turns, reference=turns, collar_s=st.sampled_from([0.0, 0.05, 0.25, 1.0]))
def test_it_agrees_with_pyannote_metrics(found, reference, collar_s):
    core, metrics = pytest.importorskip("pyannote.core"), pytest.importorskip("pyannote.metrics.diarization")

    def annotation(turns):
        made = core.Annotation(uri="call")
        for i, turn in enumerate(turns):
            made[core.Segment(turn.start, turn.end), i] = turn.speaker
        return made

    found, reference = one_voice_each(found), one_voice_each(reference)
    duration_s = max((t.end for t in (*found, *reference)), default=0.0) + 1.0
    theirs = metrics.DiarizationErrorRate(collar=2 * collar_s)(
        annotation(reference), annotation(found), uem=core.Timeline([core.Segment(0, duration_s)]), detailed=True
    )
    ours = diarization_errors(found, reference, duration_s, collar_s)
    got = (ours.reference_s, ours.missed_s, ours.false_alarm_s, ours.confusion_s)
    assert got == pytest.approx([theirs[k] for k in ("total", "missed detection", "false alarm", "confusion")], abs=1e-6)


@settings(max_examples=100, deadline=None)
@given(rows=st.integers(0, 9), columns=st.integers(0, 9), seed=st.integers(0, 2**32 - 1), ties=st.booleans())
def test_the_naming_is_the_best_there_is(rows, columns, seed, ties):
    shared = np.random.default_rng(seed).exponential(1.0, (rows, columns))
    shared = shared.round() if ties else shared
    best = shared[linear_sum_assignment(shared, maximize=True)].sum()
    assert _most_in_common(shared) == pytest.approx(best)

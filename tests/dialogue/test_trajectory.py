from types import SimpleNamespace

import pytest

from convemo.dialogue.trajectory import ESCALATED, Tracker, courses


def said(negative, speaker="ana", label=None, unsure=False, id=None):
    label = label or (None if negative is None else "anger" if negative > 0.5 else "neutral")
    return SimpleNamespace(id=id or f"{negative}", speaker=speaker, start=None, end=None, label=label, negative=negative, abstained=unsure)


def movements(*negative):
    return [(m.kind, m.index) for m in courses(map(said, negative))["ana"].movements]


def test_one_outburst_is_no_escalation_but_a_second_one_is():
    assert movements(0.0, 1.0, 0.0) == []
    assert movements(0.0, 1.0, 1.0) == [("escalation", 2)]


def test_an_escalation_is_told_once_and_a_recovery_when_half_of_the_rise_is_gone():
    assert movements(0.05, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0) == [("escalation", 2), ("recovery", 6)]


def test_after_a_recovery_it_can_escalate_again():
    kinds = [kind for kind, _ in movements(0.0, *[1.0] * 4, *[0.0] * 6, *[1.0] * 4)]
    assert kinds == ["escalation", "recovery", "escalation"]


def test_who_is_always_annoyed_does_not_escalate():
    assert movements(*[0.8] * 10) == []


def test_the_curve_is_relative_to_what_the_speaker_said_before():
    points = courses(map(said, (0.2, 0.2, 0.8)))["ana"].points
    assert points[0].relative is None
    assert points[1].relative == pytest.approx(0.0)
    assert points[2].relative == pytest.approx((0.2 + (1 - 0.5**0.5) * 0.6) - 0.2)


def test_nothing_that_follows_changes_what_was_said_before():
    values = (0.1, 0.9, 0.8, 0.2, 0.1, 0.9)
    whole = courses(map(said, values))["ana"]
    for length in range(1, len(values)):
        part = courses(map(said, values[:length]))["ana"]
        assert part.points == whole.points[:length]
        assert part.movements == tuple(m for m in whole.movements if m.index < length)


def test_each_speaker_has_a_curve_of_their_own_and_who_was_not_scored_has_none():
    found = courses([said(0.1), said(0.9, "ben"), said(0.1), said(None, "cem")])
    assert list(found) == ["ana", "ben"]
    assert [p.index for p in found["ana"].points] == [0, 2]


def test_a_shift_passes_over_what_is_unsure_or_unscored():
    joy, unsure, neutral = said(0.1, label="joy"), said(0.9, label="anger", unsure=True), said(0.2, label="neutral")
    assert [(s.before, s.after, s.index) for s in courses([joy, unsure, said(None), neutral, neutral])["ana"].shifts] == [
        ("joy", "neutral", 3)
    ]


def test_a_half_life_of_nothing_is_refused():
    with pytest.raises(ValueError, match="half_life"):
        Tracker(0.0)


def test_whoever_rises_by_enough_has_escalated():
    for values in ((0.0, 1.0, 0.0), (0.0, 1.0, 1.0), (0.9, 0.1, 0.1, 0.6, 0.9), (0.5,) * 4):
        course = courses(map(said, values))["ana"]
        assert course.escalated == (course.rise >= ESCALATED)


def test_rise_and_fall_are_of_the_smoothed_curve():
    course = courses(map(said, (0.5, 0.0, 1.0, 1.0, 0.0)))["ana"]
    curve = [point.smoothed for point in course.points]
    assert course.rise == max(curve[3] - curve[1], curve[2] - curve[1]) and course.fall == curve[3] - curve[4]
    assert (courses(map(said, (0.4,)))["ana"].rise, courses(map(said, (0.4,)))["ana"].fall) == (0.0, 0.0)

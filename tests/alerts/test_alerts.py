from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convemo.alerts import Alerts, Rule, Rules, alerts_of, watched
from convemo.results import Analysis
from convemo.types import ChannelResult, Dialogue, LabelSet, Speaker, Utterance


def said(p, id="u", at=None, role="customer", speaker="ben", unsure=False, label="anger"):
    end = None if at is None else at + 2.0
    scores = None if p is None else {label: p, "neutral": 1 - p}
    return SimpleNamespace(id=id, speaker=speaker, name=speaker, role=role, start=at, end=end, probabilities=scores, abstained=unsure)


def raised(rule, *utterances):
    """Which utterances raised an alert, and what each alert cites."""
    watching = Alerts(Rules(alert=[rule]))
    return {u.id: alerts[0].utterances for u in utterances if (alerts := watching.update(u))}


def rule(**more):
    return Rule(**{"name": "upset", "emotions": ["anger", "sadness"], "at_least": 0.6, "utterances": 3, "roles": ["customer"], **more})


def many(*scores, **more):
    return [said(p, f"u{i}", **more) for i, p in enumerate(scores)]


def test_three_utterances_raise_one_alert_that_cites_them():
    assert raised(rule(), *many(0.7, 0.8, 0.9, 0.9)) == {"u2": ("u0", "u1", "u2")}


def test_what_lies_between_the_two_thresholds_neither_counts_nor_ends_it():
    assert raised(rule(clear_below=0.4), *many(0.7, 0.5, 0.7, 0.45, 0.7)) == {"u4": ("u0", "u2", "u4")}


def test_what_falls_under_the_lower_threshold_begins_anew():
    assert raised(rule(clear_below=0.4), *many(0.7, 0.7, 0.3, 0.7, 0.7)) == {}


def test_twenty_seconds_are_enough_even_if_few_utterances_count():
    calls = [said(0.9, "u0", at=0.0), said(0.9, "u1", at=15.0), said(0.9, "u2", at=19.0)]
    assert raised(rule(utterances=None, seconds=20.0), *calls) == {"u2": ("u0", "u1", "u2")}


def test_probabilities_of_the_emotions_are_added():
    both = SimpleNamespace(**{**vars(said(0.0)), "probabilities": {"anger": 0.35, "sadness": 0.35, "neutral": 0.3}})
    assert raised(rule(utterances=1), both) == {"u": ("u",)}


def test_other_roles_and_other_speakers_do_not_count():
    assert raised(rule(), *many(0.9, 0.9, 0.9, role="agent")) == {}
    assert raised(rule(), said(0.9, "u0"), said(0.9, "u1", speaker="tom"), said(0.9, "u2"), said(0.9, "u3", speaker="tom")) == {}


def test_what_was_not_scored_or_is_too_unsure_is_passed_over():
    assert raised(rule(), said(0.9, "u0"), said(None, "u1"), said(0.9, "u2"), said(0.1, "u3", unsure=True), said(0.9, "u4")) == {
        "u4": ("u0", "u2", "u4")
    }


def test_the_same_rule_keeps_quiet_for_a_while():
    calls = [said(p, f"u{i}", at=10.0 * i) for i, p in enumerate((0.9, 0.1, 0.9, 0.1, 0.9, 0.1, 0.9, 0.1, 0.9))]
    assert list(raised(rule(utterances=1, cool_down_s=50.0), *calls)) == ["u0", "u6"]
    assert list(raised(rule(utterances=1, cool_down_utterances=4), *many(0.9, 0.1, 0.9, 0.1, 0.9, 0.1))) == ["u0"]


def test_memory_is_bounded_whatever_a_rule_asks_for():
    (cited,) = raised(rule(utterances=1000), *many(*[0.9] * 1000)).values()
    assert len(cited) == 64
    assert cited[-1] == "u999"


def analysis(scores, speakers=("ben",)):
    utterances = tuple(Utterance(f"u{i}", speakers[i % len(speakers)], "words", 3.0 * i, 3.0 * i + 2) for i in range(len(scores)))
    listed = tuple(Speaker(s, role="customer") for s in speakers)
    log_probs = np.log([[p, 1 - p] for p in scores]).reshape(len(scores), 2)
    result = ChannelResult("text", LabelSet(("anger", "neutral")), log_probs, (None,) * len(scores), calibrated=True)
    return Analysis(Dialogue("call", utterances, listed), {"text": result})


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0.01, 0.99), max_size=40), st.sampled_from([("ben",), ("ben", "ana")]))
def test_a_stream_raises_what_the_file_raises(scores, speakers):
    rules = Rules(alert=[rule(cool_down_s=10.0), rule(name="long", utterances=None, seconds=9.0, emotions=["negative"])])
    whole, watching = alerts_of(analysis(scores, speakers), rules), Alerts(rules)
    live = [a for i in range(len(scores)) for a in watching.update(analysis(scores[: i + 1], speakers)[i])]
    assert tuple(live) == whole


def test_rules_and_alerts_are_saved_with_an_analysis(tmp_path):
    made = watched(analysis([0.9, 0.9]), Rules(alert=[rule(utterances=2)]))
    again = Analysis.load(made.save(tmp_path / "call.json"))
    (alert,) = again.alerts()
    assert alert.utterances == ("u0", "u1")
    assert again.notes == (f"Alert: {alert}",)
    assert "upset: ben (customer), 0:00 to 0:05, up to 0.90" in str(alert)


def test_the_default_rules_are_used_if_there_are_no_others():
    assert [a.rule for a in analysis([0.9] * 3).alerts()] == ["upset customer"]


def test_an_alert_as_json():
    (alert,) = alerts_of(analysis([0.9]), Rules(alert=[rule(utterances=1)]))
    assert alert.to_dict()["utterances"] == ["u0"]
    assert alert.to_dict()["peak"] == pytest.approx(0.9)

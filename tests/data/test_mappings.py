import pytest

from convemo.data.mappings import EMORYNLP, GOEMOTIONS, IEMOCAP, IEMOCAP_6, MAPPINGS, RAVDESS, XED, LabelMapping


def test_what_has_no_counterpart_among_ours_is_dropped_not_guessed():
    assert EMORYNLP.dropped == ("Powerful", "Peaceful")
    assert XED.dropped == ("2", "8")
    assert IEMOCAP["fru"] is None


def test_merging_is_said():
    assert RAVDESS.merged == {"neutral": ("neutral", "calm")}
    assert IEMOCAP.merged["joy"] == ("hap", "exc")


def test_a_convention_of_the_literature_may_lead_to_labels_of_its_own():
    assert IEMOCAP_6["fru"] == "frustration"
    assert set(filter(None, IEMOCAP_6.labels.values())) == set(IEMOCAP_6.label_set)


def test_agreement_and_questions_are_neutral_in_conversation():
    assert GOEMOTIONS["approval"] == GOEMOTIONS["curiosity"] == "neutral"


def test_an_unknown_label_is_an_error_not_a_drop():
    with pytest.raises(KeyError):
        EMORYNLP["Bored"]


def test_a_mapping_to_a_label_that_we_do_not_have_is_refused():
    with pytest.raises(ValueError, match="boredom"):
        LabelMapping("wrong", {"L": "boredom"})


def test_a_mapping_cannot_be_changed_afterwards():
    with pytest.raises(TypeError):
        RAVDESS.labels["calm"] = "joy"


@pytest.mark.parametrize("name", MAPPINGS)
def test_whatever_is_merged_or_dropped_has_its_reason(name):
    mapping = MAPPINGS[name]
    assert mapping.why or not (mapping.merged or mapping.dropped)

import pytest

from convemo.alerts import Rules
from convemo.errors import ConfigError

GOOD = '[[alert]]\nname = "upset"\nemotions = ["anger", "sadness"]\nat_least = 0.6\nutterances = 3\nseconds = 20\nroles = ["customer"]\n'


def rules(tmp_path, text):
    file = tmp_path / "rules.toml"
    file.write_text(text, encoding="utf-8")
    return Rules.from_toml(file)


def test_a_file_of_rules(tmp_path):
    (rule,) = rules(tmp_path, GOOD).alert
    assert rule.in_words == "anger or sadness at 0.6 or more for 3 utterances or 20 s of a customer"
    assert rule.cleared_below == pytest.approx(0.4)


def test_rules_that_come_with_convemo_make_sense():
    assert [rule.name for rule in Rules.default().alert] == ["upset customer", "negative for long"]


def test_negative_stands_for_four_emotions(tmp_path):
    (rule,) = rules(tmp_path, GOOD.replace('"anger", "sadness"', '"negative"')).alert
    assert rule.emotions == ("anger", "disgust", "fear", "sadness")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (GOOD.replace("0.6", "60"), "alert 1, at_least: Input should be less than or equal to 1"),
        (GOOD.replace("0.6", '"__import__"'), "alert 1, at_least: Input should be a valid number"),
        (GOOD.replace("utterances = 3\nseconds = 20\n", ""), "alert 1: a rule needs utterances, seconds or both"),
        (GOOD + "clear_below = 0.7\n", "alert 1: clear_below (0.7) must not be above at_least (0.6)"),
        (GOOD + 'when = "anger > 0.6"\n', "alert 1, when: Extra inputs are not permitted"),
        (GOOD.replace("20", "inf"), "alert 1, seconds: Input should be a finite number"),
        (GOOD + GOOD, "two rules have the name 'upset'"),
        ("", "the file: no [[alert]] in it"),
        ("[[alert", "TOML in"),
        (GOOD.replace('"customer"', '"boss"'), "alert 1, roles: Input should be 'agent', 'customer' or 'other'"),
    ],
)
def test_what_makes_no_sense_is_told_with_its_place(tmp_path, text, told):
    with pytest.raises(ConfigError) as error:
        rules(tmp_path, text)
    assert told in str(error.value)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        Rules.from_toml(tmp_path / "none.toml")


def test_rules_survive_json():
    assert Rules.of(Rules.default().to_dict()) == Rules.default()


@pytest.mark.parametrize("kept", [3, None, [], {"alert": 3}, {"alert": [{"name": "x"}]}])
def test_what_is_kept_in_an_analysis_may_be_anything(kept):
    with pytest.raises(ConfigError, match="alert rules that make sense"):
        Rules.of(kept)

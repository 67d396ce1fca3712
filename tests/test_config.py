"""Settings: checked at once, from code or from TOML."""

import pytest

from convemo import Analyzer, AnalyzerConfig, ConfigError


def test_toml_says_everything_that_code_can_say(tmp_path):
    file = tmp_path / "convemo.toml"
    file.write_text(
        'asr = "openai-whisper:base"\nchannels = ["text", "fused"]\ntranslate = true\ncompute_type = "float32"\n'
        '[policy]\nmode = "text-only"\nexclude_roles = ["agent"]\n[roles]\n"channel:0" = "agent"\n[limits]\nmax_duration_s = 60\n'
    )
    config = AnalyzerConfig.from_toml(file)
    assert (config.asr, config.channels, config.policy.exclude_roles) == ("openai-whisper:base", ("text", "fused"), ("agent",))
    assert (config.translate, config.compute_type) == (True, "float32")
    assert (config.roles, config.limits.max_duration_s) == ({"channel:0": "agent"}, 60)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("asr = ", "a TOML file at"),
        ("ars = 'auto'", "ars: one of asr, diarizer"),
        ("num_speakers = 0", "num_speakers"),
        ("channels = 'fused'", "nothing to fuse"),
        ("policy = 'no-text'", "a policy such as"),
        ("min_speakers = 3\nmax_speakers = 2", "more than max_speakers"),
        ("num_speakers = 2\nmin_speakers = 3", "num_speakers 2 is not between"),
        ("roles = {ana = 'boss'}", "roles.ana"),
    ],
)
def test_a_bad_file_is_one_clear_error(tmp_path, text, message):
    file = tmp_path / "convemo.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=message):
        AnalyzerConfig.from_toml(file)


def test_a_missing_file_is_one_clear_error(tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        AnalyzerConfig.from_toml(tmp_path / "none.toml")


def test_a_wrong_key_in_the_policy_is_answered_with_the_keys_of_a_policy():
    with pytest.raises(ConfigError, match=r"policy\.exclude: one of mode, exclude_roles, exclude_speakers"):
        AnalyzerConfig.make(policy={"exclude": ["agent"]})


def test_an_analyzer_takes_a_config_by_its_path(tmp_path):
    (tmp_path / "c.toml").write_text("smooth = true")
    assert Analyzer(tmp_path / "c.toml", asr="none").config == AnalyzerConfig(smooth=True, asr="none")
    with pytest.raises(ConfigError, match="found dict"):
        Analyzer({"asr": "none"})


def test_roles_are_roles_in_any_spelling_of_capitals():
    assert AnalyzerConfig.make(roles={"Ana": "Agent"}).roles == {"Ana": "agent"}


def test_settings_win_over_the_config_they_are_made_from():
    base = AnalyzerConfig(asr="none", smooth=True)
    assert AnalyzerConfig.make(base, asr="auto").model_dump() == AnalyzerConfig(asr="auto", smooth=True).model_dump()


def test_the_fingerprint_tells_settings_apart_and_nothing_else():
    assert AnalyzerConfig(smooth=True).sha256() != AnalyzerConfig().sha256()
    assert AnalyzerConfig(smooth=True, asr="none").sha256() == AnalyzerConfig(asr="none", smooth=True).sha256()
    ana, ben = {"ana": "agent"}, {"ben": "customer"}
    assert AnalyzerConfig(roles=ana | ben).sha256() == AnalyzerConfig(roles=ben | ana).sha256()

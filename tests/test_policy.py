"""Who is left out, and that no channel ever sees them."""

import pytest

from convemo import ConfigError, Dialogue, Policy, Speaker, Utterance


def call(*speakers: Speaker) -> Dialogue:
    return Dialogue("call", tuple(Utterance(f"u{i}", s.id, "Hello.") for i, s in enumerate(speakers)), speakers)


AGENT, CUSTOMER, UNKNOWN = Speaker("ana", "Ana", "agent"), Speaker("ben", "Ben", "customer"), Speaker("speaker 3")


def test_a_role_is_excluded_and_so_is_whoever_may_have_it():
    excluded = Policy(exclude_roles=("agent",)).exclusions(call(AGENT, CUSTOMER, UNKNOWN))
    assert excluded == {"ana": "excluded by the policy: agent", "speaker 3": "excluded by the policy: may be the agent, role unknown"}


def test_a_name_is_excluded_in_any_spelling_of_capitals():
    assert set(Policy(exclude_speakers=("ANA",)).exclusions(call(AGENT, CUSTOMER, UNKNOWN))) == {"ana"}


def test_a_name_that_is_not_there_excludes_the_anonymous_for_they_may_be_it():
    assert set(Policy(exclude_speakers=("Carl",)).exclusions(call(AGENT, CUSTOMER, UNKNOWN))) == {"speaker 3"}


@pytest.mark.parametrize("name", ["Speaker 1", "SPEAKER_00", "spk_1", "Speaker B", "Unknown", "speaker"])
def test_what_a_captioning_tool_calls_somebody_it_cannot_name_is_no_name(name):
    dialogue = call(CUSTOMER, Speaker(name, name))  # a reader takes what is written for a name
    assert set(Policy(exclude_speakers=("Carl",)).exclusions(dialogue)) == {name}


def test_an_anonymous_speaker_can_be_excluded_by_id():
    other = Speaker("speaker 4")
    assert set(Policy(exclude_speakers=("speaker 3",)).exclusions(call(UNKNOWN, other))) == {"speaker 3"}


def test_a_role_is_a_role_in_any_spelling_of_capitals():
    assert Policy.parse("exclude:Agent") == Policy(exclude_roles=("agent",))


def test_a_name_that_nobody_has_is_reported():
    assert Policy(exclude_speakers=("ana", "Carl")).unmatched(call(AGENT, CUSTOMER)) == ("Carl",)


def test_visible_are_the_others():
    assert list(Policy(exclude_roles=("agent",)).visible(call(AGENT, CUSTOMER))) == [1]


def test_a_policy_in_one_line():
    policy = Policy.parse("text-only; exclude:customer,Ana")
    assert (policy.mode, policy.exclude_roles, policy.exclude_speakers) == ("text-only", ("customer",), ("Ana",))


@pytest.mark.parametrize("text", ["txt-only", "exclude", "exclude:", "text-only:agent"])
def test_a_line_that_is_no_policy_is_refused(text):
    with pytest.raises(ConfigError, match="a policy such as"):
        Policy.parse(text)

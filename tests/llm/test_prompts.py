"""Prompts are data: what they may say, what is sent, and that a released one never changes."""

import re
from importlib.resources import files
from pathlib import Path

import pytest

from convemo import ConfigError
from convemo.llm.prompt import Prompt, fill, shipped
from convemo.types import LABELS

RELEASED = {
    "compact-1": "d510680420b6ff690b7d691033495666f2407e25579708682df712968e3899a9",
    "few-shot-1": "da583b60f30cedbde13820b1e47a59a16d1616b36533f86247b0558051d8782b",
    "speaker-profile-1": "ef9108b882f5ae838cb069ecda6098e80bc5c4f65fc4592e0a3440f7a0d6e8a5",
    "speech-described-1": "e827831692650af39347e41f71ed6098b18280eee6e449a588bfb46ee150396f",
    "zero-shot-1": "9c5429512c251d2d5f632057264777df45dbe585208349f3e6fe8a068bd2b797",
}
"""Each released prompt's sha256. A changed prompt is a new file with the next version; these lines only become more."""

MINE = '''
id = "mine"
version = 1
language = "en"
about = "two labels"
instruction = """
Which mood?
{labels}"""
question = "In {id}, {speaker} is: {options}"

[labels]
calm = "at ease"
upset = "anything but"
'''
EXAMPLE = """
[[examples]]
label = "calm"
turns = [{ speaker = "S1", text = "Ah." }]
"""


@pytest.fixture
def mine(tmp_path):
    """Writes a prompt of one's own, with some text replaced, and loads it."""

    def load(*replaced: str) -> Prompt:
        text = MINE
        for old, new in zip(replaced[::2], replaced[1::2]):
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / "mine.toml"
        path.write_text(text, encoding="utf-8")
        return Prompt.load(path)

    return load


def test_released_prompts_do_not_change():
    assert {prompt.name: prompt.sha256 for prompt in shipped()} == RELEASED


def test_a_file_is_named_by_its_id_and_version():
    for prompt in shipped():
        assert (files("convemo.prompts") / f"{prompt.name}.toml").is_file()


def test_a_name_without_a_version_is_the_latest():
    assert Prompt.load("zero-shot").name == "zero-shot-1" and Prompt.load().id == "zero-shot"


def test_what_ships_chooses_among_the_labels_of_convemo():
    assert all(prompt.label_set == LABELS for prompt in shipped())


def test_no_letter_is_right_more_often_in_the_examples():
    answers = re.findall(r"Answer with one letter: ([A-Z])$", Prompt.load("few-shot").static(), re.MULTILINE)
    assert sorted(answers) == list("ABCDEFG")


def test_the_answers_of_the_examples_are_their_labels():
    prompt = Prompt.load("few-shot")
    shown = prompt.static().split("\n\n")
    for example in prompt.examples:
        block = next(part for part in shown if example.turns[-1].text in part)
        assert f"{block[-1]}) {example.label}\n" in block


def test_a_file_of_ones_own_is_a_prompt(mine):
    prompt = mine()
    assert prompt.name == "mine-1" and prompt.label_set == ("calm", "upset")
    assert prompt.static() == "Which mood?\n- calm: at ease\n- upset: anything but"
    assert prompt.ask(4, 2, (1, 0)) == "In u4, S2 is: A) upset\nB) calm"


def test_the_prompt_in_the_documentation_is_one(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "prompts.md").read_text(encoding="utf-8")
    (tmp_path / "claims.toml").write_text(page.split("```toml\n")[1].split("```")[0], encoding="utf-8")
    assert Prompt.load(tmp_path / "claims.toml").label_set == ("neutral", "upset", "relieved")


def test_headings_are_no_control_tokens(mine):
    assert mine("Which mood?", "## Task\nWhich mood?").static().startswith("## Task")


def test_what_is_filled_in_is_never_filled_in_again():
    assert fill("{id} {options}", {"{id}": "{options}", "{options}": "{id}"}) == "{options} {id}"


@pytest.mark.parametrize(
    ("replaced", "said"),
    [
        (("{id}", "{name}"), r"question: no braces but those of \{speaker\}, .*, found \{name\}"),
        (("{id}", "{{ id }}"), "question: no braces"),
        (("{id}", "{id!r}"), "question: no braces"),
        (("{labels}", ""), r"\{labels\} once in its instruction, found 0"),
        (("{options}", ""), r"\{options\} once in its question, found 0"),
        (("Which mood?", "[INST] Which mood?"), "without a model's control tokens"),
        (("version = 1", 'version = "one"'), "version: .*integer"),
        (('language = "en"', ""), "language: .*found nothing"),
        (("id = ", "name = "), r"(?:id: Field required|name: one of id, version)"),
        (('upset = "anything but"', ""), "labels: .*at least 2 items"),
        (("version = 1", "version = 1\nhistory = 1000"), "history: .*less than or equal to 64"),
        (("[labels]", EXAMPLE + "[labels]"), r"\{examples\} once in its instruction, found 0, with 1"),
        (
            (
                "{labels}",
                "{labels}{examples}",
                "[labels]",
                '[[examples]]\nlabel = "glad"\nturns = [{speaker = "S1", text = "Ah."}]\n[labels]',
            ),
            r"a label of \[labels\], found 'glad'",
        ),
        (("[labels]", "labels"), "a prompt in TOML, UTF-8"),
    ],
)
def test_what_is_wrong_with_a_prompt_is_told_by_file_and_field(mine, replaced, said):
    with pytest.raises(ConfigError, match=rf"mine\.toml: .*{said}"):
        mine(*replaced)


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(ConfigError, match=r"few-shot, speaker-profile, speech-described, zero-shot, or a file ending in \.toml"):
        Prompt.load("zero_shot")


def test_a_missing_file_is_one_clear_error(tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        Prompt.load(tmp_path / "none.toml")


@pytest.mark.parametrize("content", [b"\xff\xfe", b"", b"id = 1", b"[" * 10_000, b"a = " + b"[" * 10_000, b"a" * 300_000])
def test_no_file_breaks_the_loader(tmp_path, content):
    (tmp_path / "p.toml").write_bytes(content)
    with pytest.raises(ConfigError):
        Prompt.load(tmp_path / "p.toml")


def test_a_folder_is_no_prompt(tmp_path):
    (tmp_path / "p.toml").mkdir()
    with pytest.raises(ConfigError):
        Prompt.load(tmp_path / "p.toml")

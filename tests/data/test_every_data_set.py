"""What holds of every data set: one form, three parts, clear errors, and a section of the documentation."""

from pathlib import Path

import pytest

from convemo import registry
from convemo.data import SPLITS, jsonl
from convemo.errors import DataError
from convemo.types import LABELS
from tests.data.miniatures import WRITERS

NAMES = tuple(registry.BUILT_IN["data"])
BY_SPEAKER = ("iemocap", "msp_improv", "cmu_mosei", "ravdess", "emobox", "crema_d", "emodb", "nemo")


@pytest.fixture
def corpus(request, tmp_path):
    name = request.param
    return registry.find("data", name), WRITERS[name](tmp_path / name)


def test_every_registered_data_set_has_its_miniature():
    assert set(WRITERS) == set(NAMES)


@pytest.mark.parametrize("corpus", NAMES, indirect=True)
def test_every_data_set_gives_the_same_form(corpus):
    load, root = corpus
    dialogues = load(root)
    ids = [u.id for d in dialogues for u in d]
    assert len({d.id for d in dialogues}) == len(dialogues) > 0
    assert len(set(ids)) == len(ids)
    for dialogue in dialogues:
        assert dialogue.language in ("en", "de", "pl")
        assert {s.id for s in dialogue.speakers} == {u.speaker for u in dialogue}
        assert set(dialogue.genders or {}) <= {s.id for s in dialogue.speakers}
        assert set((dialogue.genders or {}).values()) <= {"female", "male"}
        for u in dialogue:
            assert u.label is None or u.label in LABELS or (u.label, dialogue.id[:7]) == ("calm", "ravdess")  # EmoBox's eighth
            assert u.text or u.audio
            assert u.audio is None or Path(u.audio).is_file()
            assert (u.start is None) == (u.end is None)
            assert u.start is None or 0 <= u.start <= u.end


@pytest.mark.parametrize("corpus", NAMES, indirect=True)
def test_the_parts_are_all_there_and_share_no_utterance(corpus):
    load, root = corpus
    parts = [{u.id for d in load(root, split) for u in d} for split in SPLITS]
    assert all(parts)
    assert sum(map(len, parts)) == len(set.union(*parts))
    assert set.union(*parts) == {u.id for d in load(root) for u in d}


@pytest.mark.parametrize("corpus", BY_SPEAKER, indirect=True)
def test_speech_is_split_by_speaker(corpus):
    load, root = corpus
    train, dev, test = ({s.id for d in load(root, split) for s in d.speakers} for split in SPLITS)
    assert not (train & dev or train & test or dev & test)


@pytest.mark.parametrize("corpus", NAMES, indirect=True)
def test_every_data_set_goes_through_our_own_format_unharmed(corpus, tmp_path):
    load, root = corpus
    dialogues = load(root)
    jsonl.write(tmp_path / "written.jsonl", dialogues)
    assert jsonl.load(tmp_path / "written.jsonl", labels=None) == dialogues


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_data_set_is_one_clear_error(name, tmp_path):
    with pytest.raises(DataError, match=str(tmp_path)) as error:
        registry.find("data", name)(tmp_path / "absent" / "deeper")
    assert error.value.args[0].count("expected ") == 1
    assert name == "jsonl" or "://" in str(error.value) or "github.com" in str(error.value) or "zenodo.org" in str(error.value)


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_part_is_refused(name, tmp_path):
    with pytest.raises(ValueError, match="train, dev, test"):
        registry.find("data", name)(tmp_path, "valid")


@pytest.mark.parametrize("name", NAMES)
def test_every_data_set_has_a_section_that_says_how_to_get_it(name):
    page = (Path(__file__).parents[2] / "docs" / "datasets.md").read_text(encoding="utf-8")
    sections = [section for section in page.split("\n## ") if f"`{name}`" in section.partition("\n")[0]]
    assert len(sections) == 1
    assert "**Get it**" in sections[0] or name == "jsonl"
    assert f'find("data", "{name}")' in sections[0] or name == "jsonl"

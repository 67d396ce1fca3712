import json

import pytest

from convemo.training.card import Card, Figures, Source, write_card, write_manifest
from convemo.training.run import RunLog, write_json
from convemo.weights import load_manifest


def test_a_manifest_signs_for_its_files(tmp_path):
    (tmp_path / "model.bin").write_bytes(b"weights")
    write_manifest(tmp_path, id="toy-1", channel="text", licence="CC0-1.0", files=["model.bin"], made_by="convemo train", labels=["joy"])
    model = load_manifest(tmp_path)
    assert (model.id, model.labels, model.manifest["made_by"]) == ("toy-1", ("joy",), "convemo train")


def test_a_card_says_licence_sources_command_figures_and_limits(tmp_path):
    write_card(
        tmp_path,
        Card(
            id="toy-1",
            title="Toy",
            summary="It guesses.",
            licence="CC0-1.0",
            why_licence="Nothing was taken.",
            command="convemo train toy",
            sources=[Source("Dice", "CC0-1.0", "https://example.org", "thrown")],
            figures=[Figures("Luck", ("set", "F1"), [("test", 0.12345), ("dev", None)], "One seed.")],
            limits=["It guesses."],
        ),
    )
    card = (tmp_path / "CARD.md").read_text(encoding="utf-8")
    for line in (
        "# Toy",
        "| [Dice](https://example.org) | CC0-1.0 | thrown |",
        "convemo train toy",
        "| test | 0.123 |",
        "| dev | – |",
        "- It guesses.",
    ):
        assert line in card


def test_json_is_whole_or_absent(tmp_path):
    write_json(tmp_path / "x.json", {"a": 1 / 3})
    with pytest.raises(TypeError):
        write_json(tmp_path / "x.json", {"a": object()})
    assert json.loads((tmp_path / "x.json").read_text()) == {"a": 0.333333}
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]


def test_a_log_is_continued(tmp_path):
    for step in (1, 2):
        RunLog(tmp_path / "run").write("step", step=step)
    lines = (tmp_path / "run" / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2]

"""Parts by name, ours and third parties'."""

from importlib.metadata import EntryPoint

import pytest

from convemo import ConfigError, EngineFailed, UnknownEngine, registry


@pytest.fixture
def third_party(monkeypatch):
    """Registers one entry point as an installed package would."""

    def install(kind: str, name: str, target: str) -> None:
        point = EntryPoint(name, target, f"convemo.{kind}")
        monkeypatch.setattr(registry, "entry_points", lambda group: (point,) if group == f"convemo.{kind}" else ())
        registry._entry_points.cache_clear()

    yield install
    registry._entry_points.cache_clear()


@pytest.mark.parametrize("kind", registry.BUILT_IN)
def test_every_built_in_name_leads_somewhere(kind):
    assert all(callable(registry.find(kind, name)) for name in registry.BUILT_IN[kind])


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(UnknownEngine, match="channels, embedded, pyannote"):
        registry.find("diarizer", "embeded")


def test_a_third_party_adds_an_engine_by_an_entry_point(third_party):
    third_party("asr", "fractions", "fractions:Fraction")
    assert "fractions" in registry.names("asr")
    assert registry.build("asr", "fractions:1/3") == registry.find("asr", "fractions")(1, 3)


def test_a_third_party_cannot_take_a_built_in_name(third_party):
    third_party("reader", "vtt", "json:loads")
    assert registry.find("reader", "vtt").__module__.startswith("convemo.")


@pytest.mark.parametrize("spec", ["channels:small", "embedded:small"])
def test_an_argument_that_an_engine_does_not_take_is_one_clear_error(spec):
    with pytest.raises(ConfigError, match=f"'{spec}': multiple values"):
        registry.build("diarizer", spec, num_speakers=2)


def test_a_module_that_breaks_in_any_way_while_it_is_imported_is_named(third_party, tmp_path, monkeypatch):
    (tmp_path / "broken_asr.py").write_text("1 / 0")
    monkeypatch.syspath_prepend(tmp_path)
    third_party("asr", "broken", "broken_asr:Engine")
    with pytest.raises(EngineFailed, match="'broken' to import, found ZeroDivisionError"):
        registry.find("asr", "broken")


def test_an_engine_that_does_not_import_says_so(third_party):
    third_party("asr", "broken", "no_such_module:Engine")
    with pytest.raises(EngineFailed, match="No module named 'no_such_module'"):
        registry.find("asr", "broken")

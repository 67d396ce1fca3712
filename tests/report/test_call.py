import re
import wave

import pytest

from convemo.errors import ResultError
from convemo.report.call import render, write_page
from tests.report.builders import HOSTILE, call

ANGRY = (0.1, 0.1, 0.1, 0.9, 0.1, 0.9, 0.1, 0.9, 0.1, 0.1, 0.1, 0.0, 0.1, 0.0, 0.1, 0.0)


def tone(path, seconds=3):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1), file.setsampwidth(2), file.setframerate(8000)
        file.writeframes(b"\0\1" * 8000 * seconds)
    return path


def test_the_verdict_says_who_escalated_when_and_whether_it_recovered():
    page = render(call(angry=ANGRY))
    assert "<strong><bdi>Ben</bdi> escalated at 0:15 and had recovered by 0:" in page
    assert "1 alert raised, by 1 rule." in page


def test_a_calm_call_says_so():
    assert "<strong>No escalation.</strong> Nothing but neutral in 4 utterances." in render(call(angry=(0.1,) * 4))


def test_an_alert_links_to_the_utterances_that_it_cites():
    page = render(call(angry=ANGRY))
    card = re.search(r'<article class="alert-card">.*?</article>', page)[0]
    assert re.findall(r'href="#(u\d+)"', card) == ["u3", "u5", "u7"]
    assert 'id="u7"' in page


def test_words_against_voice_are_marked():
    assert "◆ words <bdi>anger</bdi>, voice <bdi>neutral</bdi>" in render(call(angry=(0.1, 0.95), voice=(0.1, 0.05)))


def test_what_was_not_scored_is_never_given_a_label():
    page = render(call(unscored=(1,)))
    assert '<span class="soft">not scored</span>' in page
    assert '"w":"no text"' in page


def test_a_chat_has_no_times_and_still_a_timeline():
    page = render(call(timed=False))
    assert '<div class="who axis">Utterance</div>' in page


def test_a_call_without_utterances_has_a_page():
    assert "Nothing in this conversation could be scored" in render(call(angry=()))


def test_no_text_of_a_conversation_becomes_markup():
    page = render(call(texts=HOSTILE, angry=(0.5,) * 7, names=HOSTILE[:2], id=HOSTILE[1]))
    assert page.count("<script") == 2
    assert "<img" not in page
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x00\x1b\ud800]", page)


def test_the_recording_is_linked_by_a_relative_path(tmp_path):
    sound = tone(tmp_path / "a #1" / "call ä.wav") if (tmp_path / "a #1").mkdir() is None else None
    write_page(call(), tmp_path / "pages" / "call.html", audio=sound)
    assert 'src="./../a%20%231/call%20%C3%A4.wav"' in (tmp_path / "pages" / "call.html").read_text(encoding="utf-8")
    assert [file.name for file in (tmp_path / "pages").iterdir()] == ["call.html"]


def test_the_recording_is_in_the_page_only_if_asked_for(tmp_path):
    sound = tone(tmp_path / "call.wav")
    write_page(call(), tmp_path / "call.html", audio=sound, embed=True)
    assert 'src="data:audio/wav;base64,UklGR' in (tmp_path / "call.html").read_text(encoding="utf-8")


def test_a_recording_that_is_not_there_is_told(tmp_path):
    with pytest.raises(ResultError, match="no such file"):
        write_page(call(), tmp_path / "call.html", audio=tmp_path / "none.wav")


def test_save_writes_the_page(tmp_path):
    assert call().save(tmp_path / "call.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_hours_are_listed_whole_and_drawn_with_a_bounded_number_of_marks():
    page = render(call(angry=ANGRY * 220))
    assert page.count("<li id=") == 3520
    assert page.count("<rect") < 2 * 180 * 7 + 100


# In a browser -----------------------------------------------------------------------------------------------------------


def test_a_page_runs_without_an_error_and_asks_for_nothing(browser, tmp_path):
    hostile = call(texts=HOSTILE, angry=(0.5,) * 7, names=HOSTILE[:2], id="call")
    browser.open(hostile.save(tmp_path / "call.html"))
    assert browser.run("document.title") == "call: convemo"
    assert browser.run("document.querySelectorAll('#talk q bdi')[1].textContent") == HOSTILE[1]
    assert browser.run("document.querySelector('#detail h3').textContent") == HOSTILE[0]
    assert browser.console == []
    assert [url for url in browser.requests if not url.startswith(("file:", "about:"))] == []


def test_a_script_that_got_into_the_page_would_not_run(browser, tmp_path):
    page = call().save(tmp_path / "call.html")
    text = page.read_text(encoding="utf-8")
    foreign = "<script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">"
    page.write_text(text.replace("<header>", f"{foreign}<header>"), encoding="utf-8")
    browser.open(page)
    assert browser.run("document.title") == "call: convemo"


def test_arrows_move_through_the_utterances_and_n_to_the_next_mark(browser, tmp_path):
    browser.open(call(angry=ANGRY).save(tmp_path / "call.html"), "#u0")
    chosen = "document.querySelector('#talk li.on').id"
    assert browser.run(chosen) == "u0"
    browser.press("ArrowDown", 40)
    assert browser.run(chosen) == "u1"
    assert browser.run("document.activeElement.id") == "u1"
    browser.press("n")
    assert browser.run(chosen) == "u5"
    assert "escalation" in browser.run("document.activeElement.textContent")
    browser.press("p"), browser.press("k")
    assert browser.run(chosen) == "u4"


def test_the_probabilities_of_every_channel_are_shown_of_what_is_looked_at(browser, tmp_path):
    browser.open(call(angry=(0.1, 0.9), voice=(0.1, 0.2)).save(tmp_path / "call.html"), "#u1")
    heads = "[...document.querySelectorAll('#detail thead th')].map(c => c.textContent)"
    first = "[...document.querySelectorAll('#detail tbody tr:first-child :is(th, td)')].map(c => c.textContent)"
    assert browser.run(heads) == ["", "text", "acoustic", "fused"]
    assert browser.run(first)[0] == "anger"
    assert int(browser.run(first)[3]) > int(browser.run(first)[2])


def test_finding_shows_only_what_fits(browser, tmp_path):
    browser.open(call(angry=ANGRY).save(tmp_path / "call.html"))
    shown = "[...document.querySelectorAll('#talk li')].filter(i => !i.hidden).length"
    browser.run("document.getElementById('show').value = 'negative'; document.getElementById('show').dispatchEvent(new Event('change'))")
    assert browser.run(shown) == 3
    browser.run("document.getElementById('find').value = 'HELLO'; document.getElementById('find').dispatchEvent(new Event('input'))")
    assert browser.run(shown) == 0


@pytest.mark.parametrize("embed", [False, True])
def test_the_recording_plays_from_the_utterance_that_was_chosen(browser, tmp_path, embed):
    write_page(call(), tmp_path / "call.html", audio=tone(tmp_path / "call.wav", 6), embed=embed)
    browser.open(tmp_path / "call.html")
    browser.wait("document.getElementById('audio').readyState >= 1")
    browser.run("document.querySelector('#u1 .time').click()")
    browser.wait("document.getElementById('audio').currentTime >= 3 && !document.getElementById('head').hidden")
    browser.wait("document.querySelector('#talk li.now')?.id === 'u1'")
    assert browser.run("document.getElementById('silent').hidden")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_enough_contrast(browser, tmp_path, scheme):
    """WCAG 2.2, 1.4.3: 4.5 to 1."""
    browser.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    browser.open(call(angry=ANGRY, voice=tuple(1 - a for a in ANGRY), unscored=(2,)).save(tmp_path / "call.html"))
    worst = browser.worst_contrast()
    browser.ask("Emulation.setEmulatedMedia", features=[])
    assert worst["ratio"] >= 4.5, worst


def test_a_narrow_page_does_not_scroll_sideways(browser, tmp_path):
    browser.ask("Emulation.setDeviceMetricsOverride", width=375, height=700, deviceScaleFactor=1, mobile=False)
    browser.open(call(texts=("a" * 300,), angry=ANGRY).save(tmp_path / "call.html"))
    width = browser.run("document.documentElement.scrollWidth")
    browser.ask("Emulation.clearDeviceMetricsOverride")
    assert width <= 375

import pytest

from tests.report.builders import call

matplotlib = pytest.importorskip("matplotlib")


def test_a_plot_has_a_lane_a_speaker_and_a_curve_each():
    figure = call(names=("Ana $x$", "Ben"), angry=(0.1, 0.1, 0.1, 0.9, 0.1, 0.9)).plot()
    lanes, curves = figure.axes
    assert [label.get_text() for label in lanes.get_yticklabels()] == [r"Ana \$x\$", "Ben"]
    assert [len(lane.get_paths()) for lane in lanes.collections] == [3, 3]
    assert [line.get_marker() for line in curves.get_lines() if line.get_marker() == "^"] == ["^"]
    figure.canvas.draw()


def test_surer_is_less_transparent():
    ana, ben = (lane.get_facecolor()[0] for lane in call(angry=(0.4, 0.95)).plot().axes[0].collections)
    assert ana[3] < ben[3]


def test_it_draws_on_the_axes_that_it_is_given():
    figure = matplotlib.figure.Figure()
    assert call(timed=False, unscored=(1,)).plot(figure.subplots(2, 1)) is figure


def test_nothing_is_kept_open():
    import sys

    call().plot()
    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from convemo.training.export_onnx import export_onnx, parity, quantize_int8, run_batches, session  # noqa: E402
from convemo.training.int8_products import STEPS, quantize_products  # noqa: E402

LOUD = (7, 40)


class Net(torch.nn.Module):
    """An embedding two of whose channels are forty times as large as the others, as a trained transformer's are."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.table = torch.nn.Embedding(500, 128)
        with torch.no_grad():
            self.table.weight[:, LOUD] *= 40
        self.hidden = torch.nn.Linear(128, 256)
        self.other = torch.nn.Linear(128, 256, bias=False)
        self.head = torch.nn.Linear(256, 4)

    def forward(self, ids):
        x = self.table(ids)
        return self.head((self.hidden(x) + self.other(x)).relu().mean(1)).log_softmax(-1)


def sentences(count, length=12, seed=0):
    rng = np.random.default_rng(seed)
    return [{"ids": rng.integers(0, 500, (1, length))} for _ in range(count)]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("int8")
    dynamic = {"ids": {0: "batch", 1: "length"}, "log_probs": {0: "batch"}}
    export_onnx(Net(), {"ids": torch.ones(2, 3, dtype=torch.int64)}, ["log_probs"], folder / "float.onnx", dynamic)
    quantize_products(folder / "float.onnx", folder / "int8.onnx", sentences(16, seed=1))
    quantize_int8(folder / "float.onnx", folder / "naive.onnx")
    return folder


def operators(path):
    import onnx

    return [node.op_type for node in onnx.load(str(path)).graph.node]


def test_products_are_computed_in_int8_and_the_file_is_much_smaller(files):
    found = operators(files / "int8.onnx")
    assert found.count("MatMulInteger") == 2
    assert found.count("DynamicQuantizeLinear") == 1  # both products read the same activation
    smaller, larger = (files / "int8.onnx").stat().st_size, (files / "float.onnx").stat().st_size
    assert smaller < larger / 2  # a quarter, and the loud channels and the head in float32


def test_loud_channels_in_float32_spare_the_others_most_of_the_loss(files):
    ours, naive = (parity(files / "float.onnx", files / name, sentences(200)) for name in ("int8.onnx", "naive.onnx"))
    assert ours.mean_difference < naive.mean_difference / 2
    assert ours.same_label > 0.98


def test_without_loud_channels_there_is_nothing_in_float32_beside_the_int8(tmp_path):
    quiet = Net()
    with torch.no_grad():
        quiet.table.weight[:, LOUD] /= 40
    export_onnx(quiet, {"ids": torch.ones(2, 3, dtype=torch.int64)}, ["log_probs"], tmp_path / "a.onnx", {"ids": {0: "batch", 1: "length"}})
    quantize_products(tmp_path / "a.onnx", tmp_path / "b.onnx", sentences(16))
    assert operators(tmp_path / "b.onnx").count("MatMul") == operators(tmp_path / "a.onnx").count("MatMul") - 2
    assert parity(tmp_path / "a.onnx", tmp_path / "b.onnx", sentences(200)).same_label > 0.98


def test_weights_stay_within_what_any_processor_adds_without_overflow(files):
    import onnx
    from onnx import numpy_helper

    stored = {t.name: numpy_helper.to_array(t) for t in onnx.load(str(files / "int8.onnx")).graph.initializer}
    products = [stored[n.input[1]] for n in onnx.load(str(files / "int8.onnx")).graph.node if n.op_type == "MatMulInteger"]
    assert all(np.abs(weight).max() == STEPS for weight in products)
    assert 2 * 255 * STEPS < 2**15


def test_a_sentence_alone_scores_the_same_whatever_was_read_before(files):
    network = session(files / "int8.onnx")
    first, second = sentences(2)
    alone = network.run(None, first)[0]
    network.run(None, second)
    np.testing.assert_array_equal(network.run(None, first)[0], alone)


def test_any_length_may_be_read(files):
    for length in (1, 5, 90):
        batch = sentences(3, length)
        before, after = (run_batches(files / f"{name}.onnx", batch, "log_probs") for name in ("float", "int8"))
        assert np.abs(before - after).max() < 0.1

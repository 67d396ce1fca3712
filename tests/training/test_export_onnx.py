import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from convemo.errors import EngineFailed  # noqa: E402
from convemo.training.export_onnx import compare, export_onnx, parity, quantize_int8, require_parity, run_batches, store_weights_int8  # noqa: E402


class Toy(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.table = torch.nn.Embedding(500, 64)
        self.hidden = torch.nn.Linear(64, 256)
        self.head = torch.nn.Linear(256, 4)

    def forward(self, ids):
        return self.head(self.hidden(self.table(ids)).relu().mean(1)).log_softmax(-1)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("onnx")
    dynamic = {"ids": {0: "batch", 1: "length"}, "log_probs": {0: "batch"}}
    export_onnx(Toy(), {"ids": torch.ones(2, 3, dtype=torch.int64)}, ["log_probs"], folder / "toy.onnx", dynamic)
    quantize_int8(folder / "toy.onnx", folder / "toy.int8.onnx")
    store_weights_int8(folder / "toy.onnx", folder / "toy.stored.onnx")
    return folder / "toy.onnx", folder / "toy.int8.onnx", folder / "toy.stored.onnx"


def batches(*shapes):
    rng = np.random.default_rng(0)
    return [{"ids": rng.integers(0, 500, shape)} for shape in shapes]


def test_batch_and_length_are_free_and_the_numbers_are_those_of_torch(files):
    for batch in batches((1, 1), (5, 17)):
        expected = Toy().eval()(torch.from_numpy(batch["ids"])).detach().numpy()
        np.testing.assert_allclose(run_batches(files[0], [batch], "log_probs"), expected, atol=1e-5)


@pytest.mark.parametrize("way", [1, 2])
def test_int8_is_a_third_of_the_size_and_nearly_the_same(files, way):
    found = parity(files[0], files[way], batches((1, 9), (64, 5), (200, 12)))
    assert files[way].stat().st_size < files[0].stat().st_size / 3
    assert found.rows == 265
    assert found.same_label > 0.95
    assert 0 < found.mean_difference <= found.max_difference < 0.1


def test_weights_stored_as_int8_lose_less_than_a_dynamically_quantised_network(files):
    stored, dynamic = (parity(files[0], files[way], batches((200, 12))) for way in (2, 1))
    assert stored.mean_difference < dynamic.mean_difference


def test_a_matrix_used_twice_is_stored_once_and_still_right(tmp_path):
    class Twice(torch.nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.weight = torch.nn.Parameter(torch.randn(80, 80) / 9)

        def forward(self, x):
            return (x @ self.weight) @ self.weight

    example = {"x": torch.randn(2, 80)}
    export_onnx(Twice(), example, ["y"], tmp_path / "a.onnx", {"x": {0: "batch"}})
    store_weights_int8(tmp_path / "a.onnx", tmp_path / "b.onnx")
    batch = [{"x": example["x"].numpy()}]
    before, after = (run_batches(tmp_path / f"{name}.onnx", batch, "y") for name in "ab")
    np.testing.assert_allclose(after, before, atol=0.05)
    assert (tmp_path / "b.onnx").stat().st_size < (tmp_path / "a.onnx").stat().st_size / 3


def test_an_int8_network_that_answers_differently_is_not_released():
    lost = compare(np.eye(4), np.roll(np.eye(4), 1, axis=1))
    with pytest.raises(EngineFailed, match=r"98\.0%.* 0\.0% of 4 rows"):
        require_parity(lost, 0.98)

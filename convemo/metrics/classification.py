"""Right or wrong: what is counted when only the winning label matters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from convemo.metrics.shapes import checked_classes


def accuracy(predictions: np.ndarray, labels: np.ndarray) -> float:
    """The share of predictions that are right ("weighted accuracy" in speech emotion papers).

    Args:
        predictions: ``(N,)`` class indices.
        labels: ``(N,)`` class indices, the reference.

    Returns:
        Accuracy in ``[0, 1]``.

    Raises:
        ValueError: the vectors are empty, differ in length, or hold no class indices.

    >>> accuracy(np.array([0, 1, 1, 0]), np.array([0, 1, 1, 1]))
    0.75
    """
    predictions, labels = checked_classes(predictions, labels)
    return float(np.mean(predictions == labels))


def confusion_matrix(predictions: np.ndarray, labels: np.ndarray, classes: int | None = None) -> np.ndarray:
    """How often each reference class (row) was predicted as each class (column).

    Args:
        predictions: ``(N,)`` class indices.
        labels: ``(N,)`` class indices, the reference.
        classes: ``K``; the largest index seen plus one if ``None``.

    Returns:
        ``(K, K)`` counts that sum to ``N``.

    Raises:
        ValueError: the vectors are empty, differ in length, hold no class indices, or an index is not below `classes`.

    >>> confusion_matrix(np.array([0, 1, 1, 0]), np.array([0, 1, 1, 1])).tolist()
    [[1, 0], [1, 2]]
    """
    predictions, labels = checked_classes(predictions, labels)
    largest = int(max(predictions.max(), labels.max()))
    classes = largest + 1 if classes is None else classes
    if largest >= classes:
        raise ValueError(f"expected class indices below {classes}, found {largest}")
    return np.bincount(labels * classes + predictions, minlength=classes**2).reshape(classes, classes)  # (K, K)


def unweighted_average_recall(predictions: np.ndarray, labels: np.ndarray) -> float:
    r"""The recall of each class that occurs in the reference, averaged with equal weight (UA, UAR, macro recall).

    .. math:: \mathrm{UAR} = \frac{1}{|C|} \sum_{c \in C} \frac{\mathrm{TP}_c}{n_c}, \quad C = \{c : n_c > 0\}

    The measure of the Interspeech emotion challenges (Schuller et al. 2009, doi:10.21437/Interspeech.2009-103), because a
    system that always says "neutral" gets no more than chance.

    Args:
        predictions: ``(N,)`` class indices.
        labels: ``(N,)`` class indices, the reference.

    Returns:
        UAR in ``[0, 1]``; a constant prediction gives ``1 / |C|`` at most.

    Raises:
        ValueError: the vectors are empty, differ in length, or hold no class indices.

    >>> unweighted_average_recall(np.array([0, 0, 0, 0]), np.array([0, 0, 0, 1]))
    0.5
    """
    counts = confusion_matrix(predictions, labels)
    support = counts.sum(axis=1)
    occurs = support > 0
    return float(np.mean(np.diag(counts)[occurs] / support[occurs]))


def weighted_f1(predictions: np.ndarray, labels: np.ndarray) -> float:
    r"""F1 of each class, averaged by how often the class occurs in the reference (the usual figure of ERC papers).

    .. math:: \mathrm{WF1} = \sum_c \frac{n_c}{N} \cdot \frac{2\,\mathrm{TP}_c}{2\,\mathrm{TP}_c + \mathrm{FP}_c + \mathrm{FN}_c}

    Args:
        predictions: ``(N,)`` class indices.
        labels: ``(N,)`` class indices, the reference.

    Returns:
        Weighted F1 in ``[0, 1]``.

    Raises:
        ValueError: the vectors are empty, differ in length, or hold no class indices.

    >>> round(weighted_f1(np.array([0, 1, 1, 0]), np.array([0, 1, 1, 1])), 4)
    0.7667
    """
    scores, support = _f1_by_class(predictions, labels)
    return float(scores @ support / support.sum())


def macro_f1(predictions: np.ndarray, labels: np.ndarray) -> float:
    """F1 of each class that occurs in the reference or among the predictions, averaged with equal weight.

    Args:
        predictions: ``(N,)`` class indices.
        labels: ``(N,)`` class indices, the reference.

    Returns:
        Macro F1 in ``[0, 1]``: the mean of F1s, not the F1 of mean precision and recall (Opitz & Burst 2019, arXiv:1911.03347).

    Raises:
        ValueError: the vectors are empty, differ in length, or hold no class indices.

    >>> round(macro_f1(np.array([0, 1, 1, 0]), np.array([0, 1, 1, 1])), 4)
    0.7333
    """
    scores, support = _f1_by_class(predictions, labels)
    occurs = (support > 0) | np.isin(np.arange(len(scores)), predictions)
    return float(scores[occurs].mean())


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """How well one class is found."""

    precision: float
    """Of what was predicted as it, the share that is it; 0 where nothing was."""
    recall: float
    """Of what is it, the share that was predicted as it; 0 where nothing is."""
    f1: float
    support: int
    """How often it occurs in the reference."""


def by_class(predictions: np.ndarray, labels: np.ndarray, classes: int | None = None) -> list[ClassFigures]:
    """Precision, recall and F1 of every class.

    Args:
        predictions: ``(N,)`` class indices.
        labels: ``(N,)`` class indices, the reference.
        classes: ``K``; the largest index seen plus one if ``None``.

    Raises:
        ValueError: as `confusion_matrix`.

    >>> by_class(np.array([0, 1, 1, 0]), np.array([0, 1, 1, 1]))[0]
    ClassFigures(precision=0.5, recall=1.0, f1=0.6666666666666666, support=1)
    """
    counts = confusion_matrix(predictions, labels, classes)
    right, support, predicted = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    shares = right / np.maximum(predicted, 1), right / np.maximum(support, 1), 2 * right / np.maximum(support + predicted, 1)
    return [ClassFigures(*figures, n) for *figures, n in zip(*(share.tolist() for share in shares), support.tolist())]


def _f1_by_class(predictions: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``(K,)`` F1, 0 for a class that occurs nowhere, and ``(K,)`` how often each class occurs in the reference."""
    counts = confusion_matrix(predictions, labels)
    support, predicted = counts.sum(axis=1), counts.sum(axis=0)
    return 2 * np.diag(counts) / np.maximum(support + predicted, 1), support  # TP + FN = support, TP + FP = predicted

"""How good predictions are: pure functions over numpy arrays, predictions first, references second.

classification   right or wrong: accuracy, unweighted average recall, F1, confusion matrix
calibration      whether a probability means what it says: NLL, Brier score, ECE
risk             whether confidence knows when to be silent: AURC, accuracy at a coverage
sets             prediction sets: how often they hold the truth, how large they are
dimensions       valence, arousal, dominance: concordance correlation, absolute error
diarization      who speaks when: missed speech, false alarm, confusion and their rate
several          many tests at once: p-values corrected for their number
verification     whether two voices are one: equal error rate
words            how well words were recognised: word error rate
bootstrap        how sure the figure itself is: intervals over dialogues or speakers
resampled        the same metrics on all draws of a bootstrap at once
"""

from convemo.metrics.bootstrap import Difference, Interval, interval, paired_difference
from convemo.metrics.calibration import (
    ReliabilityBin,
    brier,
    calibration_error_by_chance,
    classwise_ece,
    expected_calibration_error,
    negative_log_likelihood,
    reliability,
)
from convemo.metrics.classification import (
    ClassFigures,
    accuracy,
    by_class,
    confusion_matrix,
    macro_f1,
    unweighted_average_recall,
    weighted_f1,
)
from convemo.metrics.diarization import DiarizationErrors, diarization_error_rate, diarization_errors
from convemo.metrics.dimensions import concordance_correlation, mean_absolute_error
from convemo.metrics.risk import accuracy_at_coverage, aurc, risk_coverage
from convemo.metrics.sets import mean_set_size, set_coverage, set_coverage_by_class
from convemo.metrics.several import holm
from convemo.metrics.verification import equal_error_rate
from convemo.metrics.words import word_error_rate, word_errors

__all__ = [
    "ClassFigures",
    "DiarizationErrors",
    "Difference",
    "Interval",
    "ReliabilityBin",
    "accuracy",
    "accuracy_at_coverage",
    "aurc",
    "brier",
    "by_class",
    "calibration_error_by_chance",
    "classwise_ece",
    "concordance_correlation",
    "confusion_matrix",
    "diarization_error_rate",
    "diarization_errors",
    "equal_error_rate",
    "expected_calibration_error",
    "holm",
    "interval",
    "macro_f1",
    "mean_absolute_error",
    "mean_set_size",
    "negative_log_likelihood",
    "paired_difference",
    "reliability",
    "risk_coverage",
    "set_coverage",
    "set_coverage_by_class",
    "unweighted_average_recall",
    "weighted_f1",
    "word_error_rate",
    "word_errors",
]

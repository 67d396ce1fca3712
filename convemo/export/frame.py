"""The analysis as a pandas DataFrame, where pandas is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convemo.errors import EngineUnavailable
from convemo.export import table
from convemo.results import Analysis

if TYPE_CHECKING:
    import pandas


def to_frame(analysis: Analysis) -> pandas.DataFrame:
    """One row an utterance, with the columns of the CSV export.

    Raises:
        EngineUnavailable: pandas is not installed.
    """
    try:
        import pandas
    except ImportError as error:
        raise EngineUnavailable("pandas for to_frame()", "no pandas here", "pip install pandas") from error
    return pandas.DataFrame(list(table.rows(analysis)), columns=table.columns(analysis))

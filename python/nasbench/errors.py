"""The exceptions of the package."""

__all__ = ["BenchmarkError", "CellError", "ModelError", "NasbenchError", "NotRecordedError", "SearchError", "TrainingError"]


class NasbenchError(Exception):
    """Anything that the package refuses or cannot do."""


class CellError(NasbenchError, ValueError):
    """A cell is none, or is not of the space."""


class NotRecordedError(NasbenchError, LookupError):
    """A cell, a budget or a repeat is not recorded."""


class BenchmarkError(NasbenchError):
    """A benchmark or another file could not be read or written."""


class ModelError(NasbenchError):
    """A model could not be fitted, read or asked."""


class SearchError(NasbenchError):
    """A search or a comparison could not be made."""


class TrainingError(NasbenchError):
    """A training could not be made."""

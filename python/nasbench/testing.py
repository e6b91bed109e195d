"""Holds a search that is written in Python to what every search promises."""

from nasbench._nasbench import check_searcher

__all__ = ["check_searcher"]

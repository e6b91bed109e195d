"""Holds a search that is written in Python to what every search promises."""

from nasbench._nasbench import check_searcher as _check
from nasbench._searcher import build
from nasbench.errors import SearchError

__all__ = ["check_searcher"]


class _Watched:
    """A searcher whose exceptions are kept."""

    def __init__(self, searcher, raised):
        self._searcher, self._raised = searcher, raised

    def ask(self, room, rng):
        try:
            return self._searcher.ask(room, rng)
        except BaseException as exception:
            self._raised.append(exception)
            raise

    def tell(self, trials):
        try:
            return self._searcher.tell(trials)
        except BaseException as exception:
            self._raised.append(exception)
            raise


def check_searcher(maker):
    """Holds a class, or what makes a searcher, to what every search promises.

    With a seed it repeats itself; it spends its budget and no more; it does not look at `room`; it stays in `setup.space` and, if there are
    `setup.cells`, among them; where `setup.duplicates` is "never" it asks for every cell once; it asks for `setup.budgets` alone.

    Raises `SearchError` for the first promise that is not kept, with the exception of the searcher as its cause if that is what happened.
    """
    raised = []

    def watched(setup):
        return _Watched(build(maker, setup), raised)

    try:
        _check(watched)
    except SearchError as error:
        if raised:
            raise error from raised[-1]
        raise

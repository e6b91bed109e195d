"""What the bindings need of Python to run searches that are written in it."""

import hashlib
import inspect


def identity(maker):
    """The name of a class or of what makes a searcher, and a key that changes with its source."""
    if not callable(maker):
        raise TypeError(f"{maker!r} is no search: expected the name of an algorithm, a class, or a function that makes a searcher")
    name = getattr(maker, "__name__", type(maker).__name__)
    try:
        source = inspect.getsource(maker)
    except (OSError, TypeError):
        source = repr(maker)
    place = f"{getattr(maker, '__module__', '')}.{getattr(maker, '__qualname__', name)}"
    # Two that are made at one place, as by a loop over options, differ in themselves alone.
    return name, f"{place} {hashlib.sha256(source.encode()).hexdigest()[:16]} {id(maker)}"


def build(maker, setup):
    """A searcher for a set-up, which the class is given if it takes an argument."""
    try:
        parameters = inspect.signature(maker).parameters.values()
        needed = [one for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    except (TypeError, ValueError):
        needed = []
    searcher = maker(setup) if needed and (needed[0].default is needed[0].empty or needed[0].name == "setup") else maker()
    for method in ("ask", "tell"):
        if not callable(getattr(searcher, method, None)):
            raise TypeError(f"{searcher!r} has no method `{method}`: expected ask(room, rng) and tell(trials)")
    return searcher

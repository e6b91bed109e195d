"""Tabular benchmarks of neural architecture search: look-ups, surrogates, searches and comparisons.

    import nasbench

    bench = nasbench.open()                                  # the bundled benchmark, or a folder
    cell = nasbench.Cell([[0, 1, 0], [0, 0, 1], [0, 0, 0]], ["input", "conv3x3-bn-relu", "output"])
    bench.query(cell)                                        # what it reached, in the mean of its repeats
    nasbench.search("regularized-evolution", bench, budget=200)
    nasbench.compare(["random", "smac"], bench, budget=100)

`nasbench.api` has the interface of the original NAS-Bench-101.
"""

from nasbench._nasbench import (
    Arrow,
    Benchmark,
    Cell,
    Comparison,
    History,
    Model,
    Searcher,
    Setup,
    Space,
    Trial,
    __version__,
    algorithms,
    assess,
    compare,
    datasets,
    fit,
    import_official,
    import_table,
    open,
    record,
    run,
    search,
    train,
)
from nasbench import testing
from nasbench.errors import BenchmarkError, CellError, ModelError, NasbenchError, NotRecordedError, SearchError, TrainingError

__all__ = [
    "Arrow",
    "Benchmark",
    "BenchmarkError",
    "Cell",
    "CellError",
    "Comparison",
    "History",
    "Model",
    "ModelError",
    "NasbenchError",
    "NotRecordedError",
    "SearchError",
    "Searcher",
    "Setup",
    "Space",
    "TrainingError",
    "Trial",
    "__version__",
    "algorithms",
    "assess",
    "compare",
    "datasets",
    "fit",
    "import_official",
    "import_table",
    "open",
    "record",
    "run",
    "search",
    "testing",
    "train",
]

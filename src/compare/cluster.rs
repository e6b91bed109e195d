//! Clusters of tasks that are not independent of each other: those made from one benchmark.

use serde::Serialize;

use super::plan::Task;

/// Tasks by the benchmark that they were made from. Budgets of a table, the table itself and every model fitted on it tell of the
/// same trainings of the same cells: for a test over tasks they are one observation, not many.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Clusters {
    /// The tasks of each benchmark, by their places in the plan.
    pub tasks: Vec<Vec<usize>>,
    /// The names of the tasks of which nobody knows what they were made from. If there are any, all tasks are in one cluster: they may
    /// be of any of the benchmarks.
    pub unknown: Vec<String>,
}

impl Clusters {
    /// Groups tasks, in the order in which their benchmarks are first met.
    pub(super) fn new(tasks: &[Task]) -> Self {
        let unknown: Vec<String> = tasks.iter().filter(|task| task.benchmark.is_none()).map(|task| task.name.clone()).collect();
        if !unknown.is_empty() {
            return Self { tasks: vec![(0..tasks.len()).collect()], unknown };
        }
        let mut clusters: Vec<Vec<usize>> = Vec::new();
        for (place, task) in tasks.iter().enumerate() {
            match clusters.iter_mut().find(|cluster| tasks[cluster[0]].benchmark == task.benchmark) {
                Some(cluster) => cluster.push(place),
                None => clusters.push(vec![place]),
            }
        }
        Self { tasks: clusters, unknown }
    }

    /// The number of clusters: as many observations a test over tasks has.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Whether there is no task.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// What a reader must know of it; `None` if all tasks are independent.
    pub(super) fn caveat(&self) -> Option<String> {
        let tasks: usize = self.tasks.iter().map(Vec::len).sum();
        if tasks < 2 || tasks == self.len() {
            return None;
        }
        if !self.unknown.is_empty() {
            return Some(format!(
                "It is not known which benchmark was behind {}, so that no task counts as independent of the others and no test over \
                 tasks is made. Models fitted by this version know it.",
                self.unknown.join(", ")
            ));
        }
        Some(match self.len() {
            1 => format!(
                "All {tasks} tasks are made from one benchmark: they tell of the same cells and are not independent of each other, so that \
                 no test over tasks is made."
            ),
            benchmarks => format!(
                "The {tasks} tasks are made from {benchmarks} benchmarks. Tasks of one benchmark tell of the same cells, so that the tests \
                 over tasks take them as one, with the mean of what an algorithm reached on them."
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::tests::fixture;

    /// Tasks of some benchmarks.
    fn tasks(benchmarks: &[Option<&str>]) -> Vec<Task> {
        let task = |benchmark: Option<&str>| Task { benchmark: benchmark.map(ToOwned::to_owned), ..fixture::task(108) };
        benchmarks.iter().copied().map(task).collect()
    }

    #[test]
    fn tasks_of_one_benchmark_are_one_cluster() {
        let clusters = Clusters::new(&tasks(&["a", "b", "a", "c", "b"].map(Some)));
        assert_eq!(clusters.tasks, [vec![0, 2], vec![1, 4], vec![3]]);
        let caveat = clusters.caveat().unwrap();
        assert!(caveat.starts_with("The 5 tasks are made from 3 benchmarks."), "{caveat}");
        assert_eq!(Clusters::new(&tasks(&["a", "b"].map(Some))).caveat(), None);
        let one = Clusters::new(&tasks(&["a", "a"].map(Some)));
        assert_eq!(one.len(), 1);
        assert!(one.caveat().unwrap().starts_with("All 2 tasks are made from one benchmark"));
    }

    #[test]
    fn a_task_of_an_unknown_benchmark_may_be_of_any() {
        let clusters = Clusters::new(&tasks(&[Some("a"), None, Some("b")]));
        assert_eq!(
            (clusters.tasks.as_slice(), clusters.unknown.as_slice()),
            (&[vec![0, 1, 2]][..], &["toy at 108 epochs".to_owned()][..])
        );
        assert!(clusters.caveat().unwrap().contains("behind toy at 108 epochs"));
        assert_eq!(Clusters::new(&tasks(&[None])).caveat(), None);
    }
}

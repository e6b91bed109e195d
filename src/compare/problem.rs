//! Named problems of several objectives, with the scale and the figures that others published.
//!
//! A new problem is one constant and its line in [`PROBLEMS`].

use serde::Serialize;

use crate::objective::{self, Goals, Scale};

/// A problem that others have run.
#[derive(Debug)]
pub struct Problem {
    /// Its name on the command line.
    pub name: &'static str,
    /// One line that describes it.
    pub about: &'static str,
    /// The objectives, by their names.
    pub objectives: &'static [&'static str],
    /// The values that become 0, and those that become 1.
    ideal: &'static [f64],
    nadir: &'static [f64],
    /// What its authors published of it.
    pub published: &'static [Published],
}

/// The hypervolumes that others published of an algorithm on a problem.
#[derive(Debug, PartialEq, Serialize)]
pub struct Published {
    /// The algorithm.
    pub algorithm: &'static str,
    /// The mean over the runs.
    pub mean: f64,
    /// The standard deviation over the runs.
    pub deviation: f64,
    /// How many runs there were.
    pub runs: u32,
    /// Where it is from.
    pub source: &'static str,
}

/// The images that the validation errors of NAS-Bench-101 are averaged over: three repeats of 9,984.
const IMAGES: f64 = 29_952.0;
const SOURCE: &str =
    "Lu et al., EvoXBench, IEEE Transactions on Evolutionary Computation 28(1), 2024, and its competitions of 2023 and 2024";

/// Figures of EvoXBench and its competitions, each of 31 runs.
const fn published(algorithm: &'static str, mean: f64, deviation: f64) -> Published {
    Published { algorithm, mean, deviation, runs: 31, source: SOURCE }
}

/// Every named problem.
pub const PROBLEMS: &[Problem] = &[
    Problem {
        name: "c10-mop1",
        about: "error and parameters of NAS-Bench-101, 10,000 evaluations, populations of 100",
        objectives: &["error", "parameters"],
        ideal: &[1_702.0 / IMAGES, 227_274.0],
        nadir: &[4_594.0 / IMAGES, 32_426_634.0],
        published: &[
            published("surrogate over the whole space", 0.9439, 0.0024),
            published("regional NSGA-II", 0.9373, 0.0038),
            published("RVEA", 0.9158, 0.0100),
            published("NSGA-II", 0.9156, 0.0094),
            published("MOEA/D", 0.8965, 0.0107),
        ],
    },
    Problem {
        name: "c10-mop2",
        about: "as c10-mop1, and FLOPs, which the official file lacks: ours, so that figures are near those published only",
        objectives: &["error", "parameters", "flops"],
        ideal: &[1_702.0 / IMAGES, 227_274.0, 2.0 * 39e6],
        nadir: &[3_022.0 / IMAGES, 32_426_634.0, 2.0 * 4.77e9],
        published: &[],
    },
];

impl Problem {
    /// Finds a problem by its name.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        PROBLEMS.iter().find(|problem| problem.name == name)
    }

    /// Returns the problem that some goals are, with its scale.
    pub(super) fn matching(goals: &Goals) -> Option<&'static Self> {
        let is_same = |problem: &&Self| {
            let names = goals.objectives().iter().map(|objective| objective.name);
            goals.limits().is_empty() && goals.scale() == Some(&problem.scale()) && names.eq(problem.objectives.iter().copied())
        };
        PROBLEMS.iter().find(is_same)
    }

    fn scale(&self) -> Scale {
        Scale { ideal: self.ideal.to_vec(), nadir: self.nadir.to_vec(), reference: 1.0 }
    }

    /// Returns its objectives and its scale, for the networks of a skeleton.
    ///
    /// # Errors
    ///
    /// As [`Goals::new`].
    pub fn goals(&self, skeleton: crate::network::Skeleton) -> Result<Goals, objective::Error> {
        let objectives = self.objectives.iter().map(|name| objective::find(name)).collect::<Result<_, _>>()?;
        Ok(Goals::new(objectives, Vec::new(), skeleton)?.with_scale(self.scale()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::tests::fixture;
    use crate::compare::{GroundTruth, Judging, Plan, Summary, Task, run};
    use crate::network::Skeleton;
    use crate::search::find;
    use crate::table::{Table, TableOracle};

    /// The hypervolume of two objectives to 1, by a sweep.
    fn swept(mut points: Vec<[f64; 2]>) -> f64 {
        points.sort_by(|one, other| one[0].total_cmp(&other[0]));
        let mut lowest = 1.0;
        let mut volume = 0.0;
        for [first, second] in points {
            if first < 1.0 && second < lowest {
                volume += (1.0 - first) * (lowest - second);
                lowest = second;
            }
        }
        volume
    }

    #[test]
    fn a_named_problem_is_judged_on_its_own_scale_on_a_table_that_lacks_cells() {
        let (records, cells) = fixture::records();
        let rows_of_a_cell = records.len() / cells.len();
        let kept: Vec<_> = records.chunks(rows_of_a_cell).enumerate().filter(|(place, _)| place % 3 > 0).collect();
        let records: Vec<_> = kept.into_iter().flat_map(|(_, rows)| rows).cloned().collect();
        let table = Table::from_records(&records);
        let goals = Problem::find("c10-mop1").unwrap().goals(Skeleton::nas_bench_101()).unwrap();
        assert_eq!(Problem::matching(&goals).map(|problem| problem.name), Some("c10-mop1"));
        let plan = fixture::plan(&["random", "nsga-2"], 3);
        let entries = [find("random").unwrap(), find("nsga-2").unwrap()];
        let task = Task::on_table(&table, ("a part", "part"), None, &entries, Judging::All, None).unwrap();
        let task = Task { setup: crate::search::Setup { goals, ..task.setup }, ..task };
        let plan = Plan { tasks: vec![task], ..plan };
        let truth = GroundTruth::of_table(&table, &plan.tasks[0].setup, Judging::All).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let finished =
            run(&plan, |_, seed| TableOracle::new(&table, seed), &[&truth], &folder.path().join("runs"), || {}).unwrap();
        let task = &Summary::new(&plan, &finished.runs, &[&truth]).tasks[0];
        assert_eq!(task.pool.as_deref().map(|pool| pool.starts_with("60 ")), Some(true), "{:?}", task.pool);
        let front = task.front.as_ref().unwrap();
        assert_eq!((front.reference, front.published.len()), (1.0, 5));
        let scaled = |values: &Vec<f64>| {
            let error = (values[0] - 1_702.0 / 29_952.0) / (2_892.0 / 29_952.0);
            [error, (values[1] - 227_274.0) / (32_426_634.0 - 227_274.0)]
        };
        let volume = swept(front.front.iter().map(scaled).collect());
        assert!((front.hypervolume - volume).abs() < 1e-9, "{} and {volume}", front.hypervolume);
        for algorithm in &task.algorithms {
            let found = algorithm.fronts.as_ref().unwrap();
            let lack = algorithm.mean.unwrap();
            assert!((found.hypervolume - (1.0 - lack) * volume).abs() < 1e-9 && lack > 0.0 && lack < 1.0, "{algorithm:?}");
        }
        // The same objectives without the scale are another problem.
        let unscaled =
            Goals::new(truth.front.unwrap().goals.objectives().to_vec(), Vec::new(), Skeleton::nas_bench_101()).unwrap();
        assert!(Problem::matching(&unscaled).is_none());
    }
}

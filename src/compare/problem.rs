//! Named problems of several objectives, with the scale and the figures that others published.
//!
//! A new problem is one constant and its line in [`PROBLEMS`].

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
    /// The mean and the standard deviation of the hypervolumes of 31 runs that were published, by algorithm.
    pub published: &'static [(&'static str, f64, f64)],
    /// Where all of it is from.
    pub source: &'static str,
}

/// The images that the validation errors of NAS-Bench-101 are averaged over: three repeats of 9,984.
const IMAGES: f64 = 29_952.0;
const SOURCE: &str =
    "Lu et al., EvoXBench, IEEE Transactions on Evolutionary Computation 28(1), 2024, and its competitions of 2023 and 2024";

/// Every named problem.
pub const PROBLEMS: &[Problem] = &[
    Problem {
        name: "c10-mop1",
        about: "error and parameters of NAS-Bench-101, 10,000 evaluations, populations of 100",
        objectives: &["error", "parameters"],
        ideal: &[1_702.0 / IMAGES, 227_274.0],
        nadir: &[4_594.0 / IMAGES, 32_426_634.0],
        published: &[
            ("surrogate over the whole space", 0.9439, 0.0024),
            ("regional NSGA-II", 0.9373, 0.0038),
            ("RVEA", 0.9158, 0.0100),
            ("NSGA-II", 0.9156, 0.0094),
            ("MOEA/D", 0.8965, 0.0107),
        ],
        source: SOURCE,
    },
    Problem {
        name: "c10-mop2",
        about: "as c10-mop1, and FLOPs, which the official file lacks: ours, so that figures are near those published only",
        objectives: &["error", "parameters", "flops"],
        ideal: &[1_702.0 / IMAGES, 227_274.0, 2.0 * 39e6],
        nadir: &[3_022.0 / IMAGES, 32_426_634.0, 2.0 * 4.77e9],
        published: &[],
        source: SOURCE,
    },
];

impl Problem {
    /// Finds a problem by its name.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        PROBLEMS.iter().find(|problem| problem.name == name)
    }

    /// Returns its objectives and its scale, for the networks of a skeleton.
    ///
    /// # Errors
    ///
    /// As [`Goals::new`].
    pub fn goals(&self, skeleton: crate::network::Skeleton) -> Result<Goals, objective::Error> {
        let objectives = self.objectives.iter().map(|name| objective::find(name)).collect::<Result<_, _>>()?;
        let scale = Scale { ideal: self.ideal.to_vec(), nadir: self.nadir.to_vec(), reference: 1.0 };
        Ok(Goals::new(objectives, Vec::new(), skeleton)?.with_scale(scale))
    }
}

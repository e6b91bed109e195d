//! Searches for several objectives: the exact front of a table, and how much of its hypervolume a search has found.

use rayon::prelude::*;
use rustc_hash::FxHashMap;
use serde::Serialize;

use super::{Error, Problem, Published};
use crate::front::{Archive, MAX_EXACT_OBJECTIVES, Normalisation, SampledHypervolume, hypervolume, non_dominated};
use crate::objective::{ERROR, Goals, Scale, Worth};
use crate::oracle::Measurement;
use crate::search::Trial;
use crate::space::Cell;
use crate::unit::Seed;

/// The reference point in each objective unless it is given, where the exact front lies between 0 and 1: a little beyond its worst value,
/// so that the ends of a front count, too.
pub const REFERENCE: f64 = 1.1;

/// How many points an estimated hypervolume is drawn from.
const SAMPLES: u32 = 10_000;

/// The exact front of the cells of a table, by what cells are judged by.
#[derive(Clone, Debug)]
pub struct ExactFront {
    /// What is minimised, and the limits.
    pub goals: Goals,
    /// The cells of the front, each with the values of the objectives as searches minimise them: those of an objective to maximise have
    /// the other sign. By the first value, ascending.
    pub cells: Vec<(Cell, Vec<f64>)>,
    /// The scale of hypervolumes: if it is not given, the best and the worst values of the front become 0 and 1.
    pub scale: Scale,
    /// The hypervolume of the front on this scale.
    pub hypervolume: f64,
    /// The points that stand for it, if it is estimated.
    sampled: Option<SampledHypervolume>,
    /// The values of each cell that keeps the limits, by its fingerprint.
    values: FxHashMap<u64, Vec<f64>>,
}

/// An exact front with its scale: with them the hypervolumes of searches can be compared with those of others.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FrontScale {
    /// The names of the objectives.
    pub objectives: Vec<&'static str>,
    /// The values of the cells of the front as searches minimise them, by the first value, ascending.
    pub front: Vec<Vec<f64>>,
    /// The best values, as searches minimise them.
    pub ideal: Vec<f64>,
    /// The worst values.
    pub nadir: Vec<f64>,
    /// The reference point in each objective, where `ideal` is 0 and `nadir` is 1.
    pub reference: f64,
    /// The hypervolume of the front.
    pub hypervolume: f64,
    /// Its standard error, if it is estimated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standard_error: Option<f64>,
    /// What others published of this problem; none unless it is one that others have run.
    pub published: &'static [Published],
}

/// What a search for several objectives found.
#[derive(Clone, Debug, PartialEq)]
pub struct Followed {
    /// The positions of the trials that changed the archive, and which part of the hypervolume it lacked after each.
    pub steps: Vec<(usize, f64)>,
    /// The cells of the archive after all trials.
    pub archive: Vec<Cell>,
}

impl ExactFront {
    /// Finds the front of some cells with what they are judged by.
    ///
    /// # Errors
    ///
    /// [`Error::Objective`] if a value is not known of a cell, [`Error::Limits`] if none keeps the limits, [`Error::ExactHypervolume`] for
    /// more objectives than an exact hypervolume can have, [`Error::NoHypervolume`] if a given scale leaves the front without one.
    pub fn new(cells: &[(Cell, Measurement)], goals: Goals) -> Result<Self, Error> {
        let objectives = goals.objectives().len();
        if objectives > MAX_EXACT_OBJECTIVES && !goals.is_hypervolume_sampled() {
            return Err(Error::ExactHypervolume { found: objectives });
        }
        let worths: Vec<Worth> =
            cells.par_iter().map(|(cell, measurement)| goals.worth(cell, measurement)).collect::<Result<_, _>>()?;
        let feasible: Vec<usize> = (0..cells.len()).filter(|place| worths[*place].violation <= 0.0).collect();
        let values: Vec<&[f64]> = feasible.iter().map(|place| worths[*place].values.as_slice()).collect();
        if feasible.is_empty() {
            let violations: Vec<f64> = worths.iter().map(|worth| worth.violation).collect();
            return Err(none_keeps_the_limits(cells, &violations, &goals));
        }
        let mut front = non_dominated(&values)?;
        front.sort_by(|one, other| values[*one][0].total_cmp(&values[*other][0]));
        let of_front: Vec<&[f64]> = front.iter().map(|place| values[*place]).collect();
        let scale = if let Some(scale) = goals.scale() {
            scale.clone()
        } else {
            let Normalisation { ideal, nadir } = Normalisation::of(&of_front)?;
            Scale { ideal, nadir, reference: REFERENCE }
        };
        let (reference, mut rng) = (vec![scale.reference; objectives], Seed(0).derive("hypervolume").rng());
        let sampled = goals.is_hypervolume_sampled();
        let sampled = sampled.then(|| SampledHypervolume::new(&scaled(&of_front, &scale), &reference, SAMPLES, &mut rng));
        let sampled = sampled.transpose()?;
        let exact = || hypervolume(&scaled(&of_front, &scale), &reference);
        let hypervolume = sampled.as_ref().map_or_else(exact, |sampled| Ok(sampled.value))?;
        if hypervolume <= 0.0 {
            return Err(Error::NoHypervolume { cells: front.len(), reference: scale.reference });
        }
        let known = feasible.iter().zip(&values).map(|(place, values)| (cells[*place].0.fingerprint(), values.to_vec()));
        let known = known.collect();
        let cells = front.iter().map(|place| (cells[feasible[*place]].0, values[*place].to_vec())).collect();
        Ok(Self { goals, cells, scale, hypervolume, sampled, values: known })
    }

    /// Returns which part of the hypervolume some cells lack, by what they are judged by: 0 for the whole front, 1 for nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Front`] for values that are not finite.
    pub fn lack(&self, fingerprints: impl IntoIterator<Item = u64>) -> Result<f64, Error> {
        let found: Vec<&Vec<f64>> = fingerprints.into_iter().filter_map(|cell| self.values.get(&cell)).collect();
        let found = scaled(&found, &self.scale);
        let reached = match &self.sampled {
            Some(sampled) => sampled.share(&found),
            None => hypervolume(&found, &vec![self.scale.reference; self.scale.ideal.len()])? / self.hypervolume,
        };
        Ok((1.0 - reached).max(0.0))
    }

    /// Returns the values of the objectives by which cells are judged, as searches minimise them; those of cells that break the limits, or
    /// are not known, are left out.
    pub fn values_of<'a>(&self, cells: impl IntoIterator<Item = &'a Cell>) -> Vec<&[f64]> {
        cells.into_iter().filter_map(|cell| self.values.get(&cell.fingerprint())).map(Vec::as_slice).collect()
    }

    /// Returns values on the scale of hypervolumes, where those of the front are between 0 and 1 unless another scale is given.
    ///
    /// # Shapes
    ///
    /// - `values`, returns: `[cells, objectives]`
    pub(super) fn scaled<P: AsRef<[f64]>>(&self, values: &[P]) -> Vec<Vec<f64>> {
        scaled(values, &self.scale)
    }

    /// Follows the archive of a search.
    ///
    /// The archive holds what no other trial of the full budget dominates by what the search saw; it is judged by what cells are judged by.
    ///
    /// # Errors
    ///
    /// As [`lack`](Self::lack), and [`Error::Objective`] if a value is not known of a trial.
    pub fn follow(&self, trials: &[Trial]) -> Result<Followed, Error> {
        let full = trials.iter().map(|trial| trial.candidate.epochs).max();
        let mut archive = Archive::default();
        let mut steps = Vec::new();
        for (position, trial) in trials.iter().enumerate() {
            let Worth { values, violation } = self.goals.worth(&trial.candidate.architecture, &trial.measurement)?;
            let counts = Some(trial.candidate.epochs) == full && violation <= 0.0;
            let is_new = counts && archive.insert(values, trial.cell());
            if is_new || position == 0 {
                steps.push((position, self.lack(archive.points().iter().map(|(_, cell)| cell.fingerprint()))?));
            }
        }
        Ok(Followed { steps, archive: archive.points().iter().map(|(_, cell)| *cell).collect() })
    }

    /// Returns which part of the hypervolume is lacking of the front of cells of which an error was seen; all else is known of them.
    ///
    /// # Errors
    ///
    /// As [`lack`](Self::lack).
    pub(super) fn lack_of_seen<'a>(&self, seen: impl Iterator<Item = (&'a Cell, f64)>) -> Result<f64, Error> {
        let place = self.goals.objectives().iter().position(|objective| objective.name == ERROR);
        let mut archive = Archive::default();
        for (cell, error) in seen {
            let fingerprint = cell.fingerprint();
            let Some(values) = self.values.get(&fingerprint) else { continue };
            let mut values = values.clone();
            if let Some(place) = place {
                values[place] = error;
            }
            archive.insert(values, fingerprint);
        }
        self.lack(archive.points().iter().map(|(_, cell)| *cell))
    }

    /// Returns the standard error of the hypervolume; `None` if it is exact.
    #[must_use]
    pub fn standard_error(&self) -> Option<f64> {
        self.sampled.as_ref().map(|sampled| sampled.standard_error)
    }

    /// Describes the front.
    #[must_use]
    pub fn scale(&self) -> FrontScale {
        FrontScale {
            objectives: self.goals.objectives().iter().map(|objective| objective.name).collect(),
            front: self.cells.iter().map(|(_, values)| values.clone()).collect(),
            ideal: self.scale.ideal.clone(),
            nadir: self.scale.nadir.clone(),
            reference: self.scale.reference,
            hypervolume: self.hypervolume,
            standard_error: self.standard_error(),
            published: Problem::matching(&self.goals).map_or(&[], |problem| problem.published),
        }
    }
}

/// Returns the error that names the cell which comes nearest to keeping the limits.
pub(super) fn none_keeps_the_limits(cells: &[(Cell, Measurement)], violations: &[f64], goals: &Goals) -> Error {
    let nearest = violations.iter().zip(cells).min_by(|one, other| one.0.total_cmp(other.0));
    let nearest = nearest.map(|(_, (cell, measurement))| Ok((*cell, goals.broken(cell, measurement)?)));
    nearest.transpose().map_or_else(Error::Objective, |nearest| Error::Limits { nearest })
}

fn scaled<P: AsRef<[f64]>>(points: &[P], scale: &Scale) -> Vec<Vec<f64>> {
    let normalisation = Normalisation { ideal: scale.ideal.clone(), nadir: scale.nadir.clone() };
    points.iter().map(|point| normalisation.apply(point.as_ref())).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::network::Skeleton;
    use crate::objective::{OBJECTIVES, find};
    use crate::oracle::Candidate;
    use crate::unit::{Accuracy, Epochs};

    /// The front of three cells, whose parameters grow: an identity, a pooling, a convolution.
    pub(in crate::compare) fn front(
        accuracies: [f32; 3],
        limits: &[&str],
    ) -> (Result<ExactFront, Error>, Vec<(Cell, Measurement)>) {
        let objectives = vec![find("error").unwrap(), find("parameters").unwrap()];
        let limits = limits.iter().map(|limit| limit.parse().unwrap()).collect();
        let goals = Goals::new(objectives, limits, Skeleton::nas_bench_101()).unwrap();
        let texts = [
            ("0100", "input,output"),
            ("010001000", "input,conv1x1-bn-relu,output"),
            ("010001000", "input,conv3x3-bn-relu,output"),
        ];
        let cells = texts.iter().zip(accuracies).map(|((adjacency, operations), accuracy)| {
            let measurement = Measurement::new(Accuracy::from_fraction(accuracy), None);
            (Cell::from_texts(adjacency, operations).unwrap(), measurement)
        });
        let cells: Vec<_> = cells.collect();
        (ExactFront::new(&cells, goals), cells)
    }

    fn trial((cell, measurement): (Cell, Measurement), epochs: u16) -> Trial {
        Trial::new(Candidate::new(cell, Epochs(epochs)), measurement)
    }

    #[test]
    fn the_part_that_is_lacking_is_that_of_areas_by_hand() {
        let (front, cells) = front([0.5, 0.75, 0.875], &[]);
        let front = front.unwrap();
        assert_eq!(front.cells.iter().map(|(cell, _)| *cell).collect::<Vec<_>>(), [cells[2].0, cells[1].0, cells[0].0]);
        let parameters: Vec<f64> = front.cells.iter().map(|(_, values)| values[1]).collect();
        // Scaled: the errors are 0, 1/3 and 1, the parameters 1, p and 0.
        let p = (parameters[1] - parameters[2]) / (parameters[0] - parameters[2]);
        let middle = |error: f64| (1.1 - error) * (1.1 - p);
        let whole = 1.1 * 0.1 + (1.1 - 1.0 / 3.0) * (1.0 - p) + 0.1 * p;
        assert!((front.hypervolume - whole).abs() < 1e-12, "{} and {whole}", front.hypervolume);
        let lack = |which: &[usize]| front.lack(which.iter().map(|place| cells[*place].0.fingerprint())).unwrap();
        assert!((lack(&[1]) - (1.0 - middle(1.0 / 3.0) / whole)).abs() < 1e-12);
        assert_eq!((lack(&[]), lack(&[0, 1, 2])), (1.0, 0.0));
    }

    #[test]
    fn a_search_is_judged_by_the_truth_of_the_front_that_it_saw() {
        let (front, cells) = front([0.5, 0.75, 0.875], &[]);
        let front = front.unwrap();
        let seen = |place: usize, accuracy: f32, epochs: u16| {
            let measurement = Measurement::new(Accuracy::from_fraction(accuracy), None);
            trial((cells[place].0, measurement), epochs)
        };
        // One of a small budget, which counts for nothing; then the middle one, a worse run of it, the largest one that looks worse than
        // the middle one, and the smallest one.
        let trials = [seen(2, 0.9, 4), seen(1, 0.7, 108), seen(1, 0.6, 108), seen(2, 0.65, 108), seen(0, 0.1, 108)];
        let Followed { steps, archive: found } = front.follow(&trials).unwrap();
        assert_eq!(found, [cells[1].0, cells[0].0]);
        assert_eq!(front.values_of(&found), [1, 0].map(|place| front.values[&cells[place].0.fingerprint()].as_slice()));
        let lack = |which: &[usize]| front.lack(which.iter().map(|place| cells[*place].0.fingerprint())).unwrap();
        assert_eq!(steps, [(0, 1.0), (1, lack(&[1])), (4, lack(&[0, 1]))]);
    }

    #[test]
    fn an_estimated_hypervolume_is_near_the_exact_one_and_takes_any_number_of_objectives() {
        let (exact, cells) = front([0.5, 0.75, 0.875], &[]);
        let exact = exact.unwrap();
        let sampled = ExactFront::new(&cells, exact.goals.clone().with_sampled_hypervolume()).unwrap();
        let error = sampled.standard_error().unwrap();
        assert!((sampled.hypervolume - exact.hypervolume).abs() < 4.0 * error && error < 0.01, "{error}");
        for which in [&[1][..], &[0, 2], &[0, 1, 2], &[]] {
            let lack = |front: &ExactFront| front.lack(which.iter().map(|place| cells[*place].0.fingerprint())).unwrap();
            assert!((lack(&sampled) - lack(&exact)).abs() < 0.02, "{which:?}");
        }
        let known = Measurement { training_time: Some(crate::unit::Seconds(1.0)), ..cells[0].1 };
        let cells: Vec<_> = cells.iter().map(|(cell, _)| (*cell, known)).collect();
        let all = Goals::new(OBJECTIVES[..7].iter().collect(), Vec::new(), Skeleton::nas_bench_101()).unwrap();
        let message = ExactFront::new(&cells, all.clone()).unwrap_err().to_string();
        assert!(message.starts_with("an exact hypervolume of 7 objectives takes too long, expected at most 6"), "{message}");
        let front = ExactFront::new(&cells, all.with_sampled_hypervolume()).unwrap();
        assert!(front.lack(front.cells.iter().map(|(cell, _)| cell.fingerprint())).unwrap() < 1e-12);
    }

    #[test]
    fn a_front_beyond_its_reference_point_is_refused() {
        let (_, cells) = front([0.5, 0.75, 0.875], &[]);
        let objectives = vec![find("error").unwrap(), find("parameters").unwrap()];
        let goals = Goals::new(objectives, Vec::new(), Skeleton::nas_bench_101()).unwrap();
        let goals = goals.with_scale(Scale { ideal: vec![0.0, 0.0], nadir: vec![0.1, 1e6], reference: 1.0 });
        let message = ExactFront::new(&cells, goals).unwrap_err().to_string();
        assert!(
            message.starts_with("none of the 3 cells of the exact front is better than the reference point 1 in each"),
            "{message}"
        );
    }

    #[test]
    fn limits_leave_the_front_of_what_keeps_them() {
        let (limited, cells) = front([0.5, 0.75, 0.875], &["parameters<=3000000"]);
        let limited = limited.unwrap();
        assert_eq!(limited.cells.iter().map(|(cell, _)| *cell).collect::<Vec<_>>(), [cells[1].0, cells[0].0]);
        // What breaks a limit is never on the front of a search.
        let Followed { steps, .. } = limited.follow(&[trial(cells[2], 108), trial(cells[0], 108), trial(cells[1], 108)]).unwrap();
        assert_eq!(steps.iter().map(|(position, _)| *position).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!((steps[0].1, steps[2].1), (1.0, 0.0));
        assert!(matches!(front([0.5; 3], &["parameters<=3"]).0, Err(Error::Limits { nearest: Some(_) })));
    }
}

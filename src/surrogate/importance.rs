//! Permutation importance: how much worse a surrogate orders unseen cells when the values of one feature are exchanged between them.

use rand::seq::SliceRandom as _;
use rayon::prelude::*;

use super::quality::{decimals, split};
use super::{Entry, Error, Rows, check_count, pick};
use crate::space::ModuleHash;
use crate::statistics::{kendall_tau_b, mean, rmse};
use crate::unit::Seed;

/// One of this many parts of the cells is held out.
const FOLDS: usize = 5;
/// The most held-out rows that are predicted.
const MOST_ROWS: usize = 2_000;
/// The number of permutations of a feature.
const TIMES: usize = 5;

/// The importance of a feature for a surrogate.
#[derive(Clone, Debug, PartialEq)]
pub struct Importance {
    /// The feature.
    pub name: String,
    /// How much of Kendall's τ is lost without it.
    pub kendall_tau_lost: f64,
    /// How much larger the root of the mean squared error is without it, in the unit of the targets.
    pub rmse_added: f64,
}

/// Fits a surrogate on four fifths of the cells, and exchanges the values of each feature between the others; the most important
/// feature is the first.
///
/// Features that say nearly the same stand in for each other: each of them seems to matter little.
///
/// # Shapes
///
/// - `rows`: `[n, width]`
/// - `names`: `[width]`, of the features
/// - `cells`: `[n]`, the hash of each row's cell
/// - `targets`: `[n]`
///
/// # Errors
///
/// [`Error::Folds`] for fewer than five cells, [`Error::Width`], [`Error::Count`]; else as [`Entry::fit`].
///
/// # Source
///
/// Breiman, "Random forests", Machine Learning 2001, section 10.
pub fn importances(
    entry: &Entry,
    rows: &Rows,
    names: &[String],
    cells: &[ModuleHash],
    targets: &[f32],
    seed: Seed,
) -> Result<Vec<Importance>, Error> {
    rows.check_width(names.len())?;
    check_count("targets", targets.len(), rows)?;
    let seed = seed.derive("importance");
    check_count("hashes", cells.len(), rows)?;
    let [mut held_out, kept] = split(cells, FOLDS, seed)?.swap_remove(0);
    held_out.truncate(MOST_ROWS);
    let model = entry.fit(&rows.select(&kept), &pick(targets, &kept), seed)?;
    let (unseen, truth) = (rows.select(&held_out), decimals(&pick(targets, &held_out)));
    let measured = |rows: &Rows| -> Result<(f64, f64), Error> {
        let predicted: Vec<f64> = model.predict(rows)?.iter().map(|prediction| prediction.mean.into()).collect();
        // Predictions that are all equal have no order to lose.
        Ok((kendall_tau_b(&truth, &predicted).unwrap_or_default(), rmse(&truth, &predicted).unwrap_or_default()))
    };
    let (tau, error) = measured(&unseen)?;
    let importance = |(column, name): (usize, &String)| {
        let mut rng = seed.derive(&format!("column {column}")).rng();
        let mut lost = (Vec::with_capacity(TIMES), Vec::with_capacity(TIMES));
        for _ in 0..TIMES {
            let mut order: Vec<usize> = (0..unseen.len()).collect();
            order.shuffle(&mut rng);
            let mut exchanged = unseen.clone();
            for (row, from) in order.into_iter().enumerate() {
                exchanged.values[row * unseen.width + column] = unseen.row(from)[column];
            }
            let (without, larger) = measured(&exchanged)?;
            lost.0.push(tau - without);
            lost.1.push(larger - error);
        }
        let [kendall_tau_lost, rmse_added] = [&lost.0, &lost.1].map(|lost| mean(lost).unwrap_or_default());
        Ok(Importance { name: name.clone(), kendall_tau_lost, rmse_added })
    };
    let mut found: Vec<_> = names.par_iter().enumerate().map(importance).collect::<Result<_, Error>>()?;
    found.sort_by(|one, other| other.kendall_tau_lost.total_cmp(&one.kendall_tau_lost));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{cells, synthetic};
    use super::super::{SURROGATES, find};
    use super::*;
    use crate::space::Cell;

    #[test]
    fn what_made_the_targets_matters_and_the_rest_does_not() {
        let (rows, targets) = synthetic(91, Seed(1));
        let hashes = Cell::hashes(&cells(91));
        let names: Vec<String> = (0..6).map(|column| format!("feature {column}")).collect();
        for entry in SURROGATES {
            let found = importances(entry, &rows, &names, &hashes, &targets, Seed(2)).unwrap();
            assert_eq!(found.len(), 6);
            assert_eq!(found[0].name, "feature 0", "{}: {found:?}", entry.name);
            assert!(found[0].kendall_tau_lost > 0.1 && found[0].rmse_added > 0.0, "{}: {found:?}", entry.name);
            let noise = found.iter().filter(|importance| ["feature 3", "feature 4", "feature 5"].contains(&&*importance.name));
            assert!(noise.into_iter().all(|importance| importance.kendall_tau_lost < 0.1), "{}: {found:?}", entry.name);
        }
    }

    #[test]
    fn too_few_cells_tell_nothing() {
        let (rows, targets) = synthetic(4, Seed(1));
        let names = vec![String::new(); 6];
        let svr = find("svr").unwrap();
        let found = importances(svr, &rows, &names, &Cell::hashes(&cells(4)), &targets, Seed(2));
        assert!(matches!(found, Err(Error::Folds { .. })));
        assert!(matches!(importances(svr, &rows, &names[..3], &[], &targets, Seed(2)), Err(Error::Width { .. })));
    }
}

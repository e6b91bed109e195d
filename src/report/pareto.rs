//! The cells that no smaller cell beats.

use crate::unit::{Accuracy, Parameters};

/// Finds the front of cells by accuracy (more is better) and parameters (fewer are better).
///
/// Returns positions in `cells`, from the smallest cell to the largest, so that accuracies rise along them. Of cells that
/// are equal in both the first stands for all. Cells without an accuracy (`None`: the training diverged) are never on it.
#[must_use]
pub fn front(cells: &[(Parameters, Option<Accuracy>)]) -> Vec<usize> {
    let mut order: Vec<(usize, Parameters, f32)> = cells
        .iter()
        .enumerate()
        .filter_map(|(position, (parameters, accuracy))| Some((position, *parameters, accuracy.as_ref()?.fraction())))
        .collect();
    order.sort_by(|a, b| a.1.cmp(&b.1).then(b.2.total_cmp(&a.2)).then(a.0.cmp(&b.0)));
    let mut best = f32::NEG_INFINITY;
    order.retain(|(_, _, accuracy)| {
        let rises = *accuracy > best;
        best = best.max(*accuracy);
        rises
    });
    order.into_iter().map(|(position, _, _)| position).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn front_of(cells: &[(u32, f32)]) -> Vec<usize> {
        // A negative accuracy stands for a training that diverged.
        let cells: Vec<_> = cells.iter().map(|(parameters, f)| (Parameters(*parameters), Accuracy::from_fraction(*f))).collect();
        front(&cells)
    }

    #[test]
    fn the_front_of_nothing_is_empty() {
        assert_eq!(front_of(&[]), [0; 0]);
        assert_eq!(front_of(&[(10, -1.0)]), [0; 0]);
    }

    #[test]
    fn a_larger_cell_must_be_better_to_be_on_the_front() {
        assert_eq!(front_of(&[(30, 0.7), (10, 0.5), (20, 0.4), (40, 0.6)]), [1, 0]);
    }

    #[test]
    fn of_equal_cells_the_first_stands_for_all() {
        assert_eq!(front_of(&[(10, 0.5), (10, 0.5), (10, 0.5)]), [0]);
    }

    #[test]
    fn ties_in_one_value_go_to_the_other() {
        assert_eq!(front_of(&[(10, 0.4), (10, 0.5)]), [1]);
        assert_eq!(front_of(&[(20, 0.5), (10, 0.5)]), [1]);
    }

    proptest! {
        #[test]
        fn nothing_beats_the_front_and_the_front_beats_the_rest(cells in prop::collection::vec((0_u32..20, 0_u8..20), 0..40)) {
            let cells: Vec<_> = cells.into_iter().map(|(parameters, percent)| (parameters, f32::from(percent) / 20.0)).collect();
            let front = front_of(&cells);
            let weakly_beats = |a: (u32, f32), b: (u32, f32)| a.0 <= b.0 && a.1 >= b.1;
            for (position, cell) in cells.iter().enumerate() {
                let beaten = cells.iter().any(|other| other != cell && weakly_beats(*other, *cell));
                if front.contains(&position) {
                    prop_assert!(!beaten);
                } else {
                    prop_assert!(front.iter().any(|on_front| weakly_beats(cells[*on_front], *cell)));
                }
            }
        }
    }
}

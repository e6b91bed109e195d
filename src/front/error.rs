//! Why a set of points has no answer, and the checks that find it out.

/// An input that a function of this module cannot work with.
///
/// Points and objectives are counted from 0.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A set without points, where the answer needs one.
    #[error("there is no {kind}, expected at least one")]
    Empty {
        /// What the set consists of, such as `true point`.
        kind: &'static str,
    },
    /// A point of another length than the rest.
    #[error("{kind} {index} has {found} objectives, expected {expected}")]
    Length {
        /// What the set consists of.
        kind: &'static str,
        /// The position of the point in its set.
        index: usize,
        /// The number of objectives of the other points.
        expected: usize,
        /// Its own number of objectives.
        found: usize,
    },
    /// A value that is NaN or infinite.
    #[error("{kind} {index} has the value `{value}` in objective {objective}, expected a finite number")]
    NotFinite {
        /// What the set consists of.
        kind: &'static str,
        /// The position of the point in its set.
        index: usize,
        /// The objective.
        objective: usize,
        /// The value.
        value: f64,
    },
    /// A number of objectives that the calculation does not support.
    #[error("{calculation} of {found} objectives, expected {expected}")]
    Objectives {
        /// The calculation.
        calculation: &'static str,
        /// The supported numbers of objectives.
        expected: &'static str,
        /// The number of objectives given.
        found: usize,
    },
    /// A reference point that a point does not strictly dominate.
    #[error("point {index} has `{value}` in objective {objective}, expected less than the `{reference}` of the reference point")]
    Reference {
        /// The position of the point.
        index: usize,
        /// The first objective in which the point is not better.
        objective: usize,
        /// The point's value.
        value: f64,
        /// The reference point's value.
        reference: f64,
    },
    /// An argument outside its valid range.
    #[error("{name} is `{found}`, expected {expected}")]
    Argument {
        /// The argument.
        name: &'static str,
        /// Its valid range.
        expected: &'static str,
        /// The value given.
        found: f64,
    },
}

/// Returns an error unless every point has this number of `objectives`, all finite.
pub(super) fn check<P: AsRef<[f64]>>(kind: &'static str, points: &[P], objectives: usize) -> Result<(), Error> {
    for (index, point) in points.iter().enumerate() {
        let point = point.as_ref();
        if point.len() != objectives {
            return Err(Error::Length { kind, index, expected: objectives, found: point.len() });
        }
        if let Some(objective) = point.iter().position(|value| !value.is_finite()) {
            return Err(Error::NotFinite { kind, index, objective, value: point[objective] });
        }
    }
    Ok(())
}

/// Returns the number of objectives of a set of points, or an error if the set is empty or its points differ in length.
pub(super) fn objectives_of<P: AsRef<[f64]>>(points: &[P]) -> Result<usize, Error> {
    let kind = "point";
    let objectives = points.first().ok_or(Error::Empty { kind })?.as_ref().len();
    if objectives == 0 {
        return Err(Error::Objectives { calculation: "a point", expected: "at least 1", found: 0 });
    }
    check(kind, points, objectives)?;
    Ok(objectives)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_names_the_thing_and_what_was_expected() {
        let message = |points: &[Vec<f64>]| objectives_of(points).unwrap_err().to_string();
        assert_eq!(message(&[]), "there is no point, expected at least one");
        assert_eq!(message(&[vec![]]), "a point of 0 objectives, expected at least 1");
        assert_eq!(message(&[vec![1.0, 2.0], vec![1.0]]), "point 1 has 1 objectives, expected 2");
        let infinite = [vec![1.0, 2.0], vec![1.0, f64::INFINITY]];
        assert_eq!(message(&infinite), "point 1 has the value `inf` in objective 1, expected a finite number");
        assert_eq!(objectives_of(&[[1.0, 2.0]]), Ok(2));
    }
}

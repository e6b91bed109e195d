//! How many channels each vertex of a cell has.

use super::Error;
use crate::space::Cell;

/// Computes the output channels of every vertex.
///
/// `outputs` is divided among the interior vertices that feed the output, the first ones getting one more where it does
/// not divide evenly; any other interior vertex has as many as the widest vertex that it feeds.
///
/// # Shapes
///
/// - returns: `[vertices]`
///
/// # Errors
///
/// [`Error::TooFewChannels`] if a vertex would have none.
///
/// # Source
///
/// Ying et al., ICML 2019, section 2.2; which vertices get the remainder is read off the published program.
pub fn channels(cell: &Cell, inputs: usize, outputs: usize) -> Result<Vec<usize>, Error> {
    let last = cell.vertices() - 1;
    let mut channels = vec![0; last + 1];
    channels[0] = inputs;
    channels[last] = outputs;
    let feeders: Vec<_> = cell.predecessors(last).filter(|vertex| *vertex != 0).collect();
    if feeders.is_empty() {
        return Ok(channels);
    }
    let (share, remainder) = (outputs / feeders.len(), outputs % feeders.len());
    if share == 0 {
        return Err(Error::TooFewChannels { cell: *cell, channels: outputs, feeders: feeders.len() });
    }
    for (position, vertex) in feeders.iter().enumerate() {
        channels[*vertex] = share + usize::from(position < remainder);
    }
    for vertex in (1..last).rev().filter(|vertex| !cell.has_edge(*vertex, last)) {
        channels[vertex] = cell.successors(vertex).map(|successor| channels[successor]).max().unwrap_or(0);
    }
    Ok(channels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::{Operation, Spec};

    fn cell(edges: &[(usize, usize)], interior: usize) -> Cell {
        let bits = edges.iter().fold(0, |bits, (x, y)| bits | 1 << (x + y * (y - 1) / 2));
        Spec::from_bits(bits, &vec![Operation::Conv1x1; interior]).prune().unwrap()
    }

    #[test]
    fn the_first_feeders_get_the_remainder() {
        let parallel = cell(&[(0, 1), (0, 2), (0, 3), (1, 4), (2, 4), (3, 4)], 3);
        assert_eq!(channels(&parallel, 4, 8).unwrap(), [4, 3, 3, 2, 8]);
    }

    #[test]
    fn a_vertex_before_others_is_as_wide_as_the_widest_it_feeds() {
        let fork = cell(&[(0, 1), (1, 2), (1, 3), (2, 4), (3, 4)], 3);
        assert_eq!(channels(&fork, 4, 5).unwrap(), [4, 3, 3, 2, 5]);
    }

    #[test]
    fn two_vertices_have_the_channels_of_the_cell() {
        assert_eq!(channels(&cell(&[(0, 1)], 0), 4, 8).unwrap(), [4, 8]);
    }

    #[test]
    fn a_vertex_without_channels_is_refused() {
        let parallel = cell(&[(0, 1), (0, 2), (0, 3), (1, 4), (2, 4), (3, 4)], 3);
        let message = channels(&parallel, 2, 2).unwrap_err().to_string();
        assert!(message.contains("divides 2 channels among 3 vertices"), "{message}");
    }
}

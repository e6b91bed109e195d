//! What a network costs, as a row of numbers: the encoding that needs more than the cell.

use super::{Cost, Skeleton};
use crate::space::{self, Cell, Encoding};

/// Every encoding: those of the [`space`](crate::space::ENCODINGS), then what a network costs.
pub const ENCODINGS: [Encoding; space::ENCODINGS.len() + 1] = {
    let mut encodings = [COST; space::ENCODINGS.len() + 1];
    let mut place = 0;
    while place < space::ENCODINGS.len() {
        encodings[place] = space::ENCODINGS[place];
        place += 1;
    }
    encodings
};

/// The cost of a cell in the network of NAS-Bench-101. For other networks see [`encode_cost`].
const COST: Encoding = Encoding {
    name: "cost",
    about: "decimal logarithms of the parameters, the operations and the bytes of the NAS-Bench-101 network",
    source: "the baselines of White et al., \"A Deeper Look at Zero-Cost Proxies\", ICLR Blog Track 2022",
    is_invariant: true,
    width: |_| COST_COLUMNS.len(),
    columns: |_| COST_COLUMNS.map(str::to_owned).to_vec(),
    encode: |_, cell, row| encode_cost(&official_cost(cell), row),
};

/// The names of the columns of [`encode_cost`].
pub const COST_COLUMNS: [&str; 3] = ["log10_parameters", "log10_flops", "log10_activation_bytes"];

/// Writes the decimal logarithms of a cost, whatever the network it is of.
///
/// # Shapes
///
/// - `row`: `[3]`, as in [`COST_COLUMNS`]
///
/// # Panics
///
/// Panics if the row has another width.
pub fn encode_cost(cost: &Cost, row: &mut [f32]) {
    assert_eq!(row.len(), COST_COLUMNS.len(), "the width of the row");
    let quantities = [cost.parameters.0.into(), cost.flops.0, cost.activation_bytes];
    for (value, quantity) in row.iter_mut().zip(quantities) {
        *value = decimal_logarithm(quantity);
    }
}

fn official_cost(cell: &Cell) -> Cost {
    let cost = super::cost(cell, &Skeleton::nas_bench_101());
    cost.expect("128 channels are enough for all vertices that a cell has room for")
}

#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "seven digits are enough")]
fn decimal_logarithm(quantity: u64) -> f32 {
    (quantity.max(1) as f64).log10() as f32
}

/// Finds an encoding by its name.
#[must_use]
pub fn encoding(name: &str) -> Option<&'static Encoding> {
    const ALL: &[Encoding] = &ENCODINGS;
    ALL.iter().find(|encoding| encoding.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Space;

    #[test]
    fn the_cost_of_a_known_cell_is_its_logarithms() {
        let identity = Cell::from_texts("0100", "input,output").unwrap();
        let cost = encoding("cost").unwrap();
        let space = Space::nas_bench_101();
        let mut batch = vec![0.0; 2 * cost.width(&space)];
        cost.encode(&space, &[identity, identity], &mut batch).unwrap();
        assert_eq!(cost.columns(&space), COST_COLUMNS);
        assert!((batch[0] - 882_570_f32.log10()).abs() < 1e-5);
        assert_eq!(
            batch[..3].iter().map(|value| value.to_bits()).collect::<Vec<_>>(),
            batch[3..].iter().map(|value| value.to_bits()).collect::<Vec<_>>()
        );
    }

    #[test]
    fn every_cell_that_fits_has_a_cost() {
        // As many feeders of the output as there can be, and the most parameters.
        let wide: Vec<_> = (1..8).flat_map(|vertex| [(0, vertex), (vertex, 8)]).collect();
        let bits = wide.iter().fold(0, |bits, (x, y)| bits | 1 << (x + y * (y - 1) / 2));
        let cell = space::Spec::from_bits(bits, &[space::Operation::Conv3x3; 7]).prune().unwrap();
        assert!(official_cost(&cell).parameters.0 > 0);
        let every_edge = space::Spec::from_bits((1 << 36) - 1, &[space::Operation::Conv3x3; 7]).prune().unwrap();
        assert!(official_cost(&every_edge).flops.0 > 0);
    }
}

//! Ways through the space: random walks and shortest paths, a step at a time.

use rand::seq::IndexedRandom as _;
use rand_chacha::ChaCha8Rng;
use rustc_hash::FxHashMap;

use super::{Cell, Space};

impl Space {
    /// Walks at random: first the start, then ever a neighbour of the last cell, drawn uniformly among its
    /// [`distinct_neighbours`](Self::distinct_neighbours).
    ///
    /// The walk ends only where there is no neighbour: in a space of one cell.
    ///
    /// ```
    /// use nasbench::space::{Sampler, Space};
    /// use nasbench::unit::Seed;
    ///
    /// let space = Space::nas_bench_101();
    /// let mut rng = Seed(0).rng();
    /// let start = space.cell(&Sampler::Uniform.draw(&space, &mut rng))?;
    /// assert_eq!(space.walk(start, &mut rng).take(100).count(), 100);
    /// # Ok::<(), nasbench::space::Error>(())
    /// ```
    ///
    /// # Source
    ///
    /// The walks of the random-walk autocorrelation in Ying et al., ICML 2019, section 4; their steps edit padded matrices,
    /// ours lead to distinct cells.
    pub fn walk(&self, start: Cell, rng: &mut ChaCha8Rng) -> impl Iterator<Item = Cell> {
        let space = *self;
        std::iter::successors(Some(start), move |cell| space.distinct_neighbours(cell).choose(rng).copied())
    }

    /// Finds a shortest path: `from`, the cells between, `to`; each is a [neighbour](Self::distinct_neighbours) of the next,
    /// up to isomorphism, and all lie in the space.
    ///
    /// One cell, if `from` and `to` are isomorphic. `None` if either is not in the space: within it there is always a path.
    #[must_use]
    pub fn path(&self, from: &Cell, to: &Cell) -> Option<Vec<Cell>> {
        self.check(*from).and(self.check(*to)).ok()?;
        if from.is_isomorphic_to(to) {
            return Some(vec![*from]);
        }
        let mut sides = [Side::new(from), Side::new(to)];
        loop {
            let smaller = usize::from(sides[1].edge.len() < sides[0].edge.len());
            if sides[smaller].edge.is_empty() {
                return None;
            }
            let other = std::mem::take(&mut sides[1 - smaller].reached);
            let meeting = sides[smaller].widen(self, &other);
            sides[1 - smaller].reached = other;
            if let Some(meeting) = meeting {
                let mut path = sides[0].way_back(meeting);
                path.reverse();
                path.extend(sides[1].way_back(meeting).into_iter().skip(1));
                return Some(path);
            }
        }
    }
}

/// What has been reached from one end of a path, level by level.
struct Side {
    /// Each cell reached, by its fingerprint, and where it was reached from.
    reached: FxHashMap<u64, (Cell, u64)>,
    /// The cells of the last level.
    edge: Vec<Cell>,
}

impl Side {
    fn new(start: &Cell) -> Self {
        let fingerprint = start.fingerprint();
        Self { reached: std::iter::once((fingerprint, (*start, fingerprint))).collect(), edge: vec![*start] }
    }

    /// Goes a level further; stops at the first cell that the other side has reached.
    ///
    /// Since both sides hold whole levels, that first meeting is on a shortest path.
    fn widen(&mut self, space: &Space, other: &FxHashMap<u64, (Cell, u64)>) -> Option<u64> {
        let mut next = Vec::new();
        for cell in std::mem::take(&mut self.edge) {
            let from = cell.fingerprint();
            for neighbour in space.distinct_neighbours(&cell) {
                let fingerprint = neighbour.fingerprint();
                if self.reached.contains_key(&fingerprint) {
                    continue;
                }
                self.reached.insert(fingerprint, (neighbour, from));
                if other.contains_key(&fingerprint) {
                    return Some(fingerprint);
                }
                next.push(neighbour);
            }
        }
        self.edge = next;
        None
    }

    /// The cells from a reached one back to the start.
    fn way_back(&self, mut fingerprint: u64) -> Vec<Cell> {
        let mut way = Vec::new();
        while let Some((cell, from)) = self.reached.get(&fingerprint) {
            way.push(*cell);
            if *from == fingerprint {
                break;
            }
            fingerprint = *from;
        }
        way
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, VecDeque};

    use proptest::prelude::*;

    use super::*;
    use crate::space::fixture::{cells, drawn, renumbered, space};
    use crate::unit::Seed;

    fn are_neighbours(space: &Space, a: &Cell, b: &Cell) -> bool {
        space.distinct_neighbours(a).iter().any(|neighbour| neighbour.hash() == b.hash())
    }

    /// The steps from a cell to each one, level by level.
    fn steps_from(space: &Space, start: &Cell) -> HashMap<u64, usize> {
        let mut steps = HashMap::from([(start.fingerprint(), 0)]);
        let mut open = VecDeque::from([*start]);
        while let Some(cell) = open.pop_front() {
            let further = steps[&cell.fingerprint()] + 1;
            for neighbour in space.distinct_neighbours(&cell) {
                steps.entry(neighbour.fingerprint()).or_insert_with(|| {
                    open.push_back(neighbour);
                    further
                });
            }
        }
        steps
    }

    fn assert_path(space: &Space, path: &[Cell], from: &Cell, to: &Cell) {
        assert_eq!(path[0], *from);
        assert_eq!(path[path.len() - 1].hash(), to.hash());
        assert!(path.windows(2).all(|pair| are_neighbours(space, &pair[0], &pair[1])));
    }

    #[test]
    fn paths_of_a_small_space_are_the_shortest() {
        let space = space(4);
        for from in cells(4) {
            let steps = steps_from(&space, &from);
            for to in cells(4) {
                let path = space.path(&from, &to).unwrap();
                assert_path(&space, &path, &from, &to);
                assert_eq!(path.len() - 1, steps[&to.fingerprint()], "{from} to {to}");
            }
        }
    }

    #[test]
    fn a_cell_of_another_space_has_no_path() {
        let (smallest, largest) = (cells(2)[0], cells(5)[2_531]);
        assert_eq!(space(4).path(&smallest, &largest), None);
        assert_eq!(space(4).path(&largest, &smallest), None);
        assert_eq!(space(2).path(&smallest, &smallest), Some(vec![smallest]));
    }

    #[test]
    fn a_walk_of_a_space_of_one_cell_stays() {
        assert_eq!(space(2).walk(cells(2)[0], &mut Seed(1).rng()).count(), 1);
    }

    #[test]
    fn a_walk_goes_to_each_neighbour_as_often_as_to_any_other() {
        let space = space(5);
        let start = cells(4)[60];
        let neighbours = space.distinct_neighbours(&start).len();
        let mut rng = Seed(2).rng();
        let mut met: HashMap<_, u32> = HashMap::new();
        for _ in 0..200 * neighbours {
            *met.entry(space.walk(start, &mut rng).nth(1).unwrap().hash()).or_default() += 1;
        }
        assert_eq!(met.len(), neighbours);
        // Five standard deviations of a count of 200.
        assert!(met.values().all(|count| (130..=270).contains(count)), "{met:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn every_step_of_a_walk_leads_to_a_neighbour(seed: u64, max_vertices in 3_usize..=7) {
            let space = space(max_vertices);
            let mut rng = Seed(seed).rng();
            let start = space.cell(&crate::space::Sampler::Uniform.draw(&space, &mut rng)).unwrap();
            let walk: Vec<_> = space.walk(start, &mut rng).take(10).collect();
            prop_assert_eq!(walk.len(), 10);
            prop_assert!(walk.windows(2).all(|pair| are_neighbours(&space, &pair[0], &pair[1])));
            prop_assert!(walk.iter().all(|cell| space.check(*cell).is_ok()));
        }

        #[test]
        fn paths_lead_through_the_whole_space_and_back_as_long(one: u64, other: u64) {
            let space = Space::nas_bench_101();
            let (from, to) = (drawn(one), drawn(other));
            let path = space.path(&from, &to).unwrap();
            assert_path(&space, &path, &from, &to);
            let to = renumbered(to, &mut Seed(one).rng());
            prop_assert_eq!(space.path(&to, &from).unwrap().len(), path.len());
        }
    }
}

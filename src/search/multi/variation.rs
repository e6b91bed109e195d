//! What evolves: how solutions are drawn and varied.

use crate::search::SearchRng;

use crate::search::multi::mating::roulette;

/// How solutions are drawn and varied.
pub(crate) trait Variation {
    /// What evolves.
    type Solution: Clone;

    /// Draws a valid solution.
    fn draw(&self, rng: &mut SearchRng) -> Self::Solution;

    /// Makes a valid solution out of two.
    fn cross(&self, parents: [&Self::Solution; 2], rng: &mut SearchRng) -> Self::Solution;

    /// Makes a valid solution out of one.
    fn mutate(&self, solution: &Self::Solution, rng: &mut SearchRng) -> Self::Solution;

    /// Returns a hash of a solution. Solutions with the same key count as duplicates.
    fn key(&self, solution: &Self::Solution) -> u64;

    /// Makes a child: the parents crossed, then mutated. Rates of the two operators are theirs.
    fn breed(&self, parents: [&Self::Solution; 2], rng: &mut SearchRng) -> Self::Solution {
        let crossed = self.cross(parents, rng);
        self.mutate(&crossed, rng)
    }
}

/// Solutions that have neighbours, for local search.
pub(crate) trait Neighbourhood: Variation {
    /// Returns every valid solution that is one edit away.
    fn neighbours(&self, solution: &Self::Solution) -> Vec<Self::Solution>;
}

/// Solutions that are rows of categorical genes.
pub(crate) trait Genome: Variation {
    /// Returns the number of values of each gene, at least one.
    fn sizes(&self) -> &[usize];

    /// Returns the value of each gene, below its size.
    fn encode(&self, solution: &Self::Solution) -> Vec<usize>;

    /// Returns the solution of some genes; `None` if they are of no valid one.
    fn decode(&self, genes: &[usize]) -> Option<Self::Solution>;
}

/// How many times genes that are of no valid solution are drawn again.
const ATTEMPTS: usize = 100;

/// Draws genes until they are of a valid solution; in the end that solution is drawn as the first ones are.
pub(crate) fn draw_valid<G: Genome>(
    genome: &G,
    rng: &mut SearchRng,
    mut genes: impl FnMut(&mut SearchRng) -> Vec<usize>,
) -> G::Solution {
    (0..ATTEMPTS).find_map(|_| genome.decode(&genes(rng))).unwrap_or_else(|| genome.draw(rng))
}

/// How strongly a particle is pulled: its new velocity is w v + s₁ (best − x) + s₂ (leader − x).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pull {
    /// w
    pub(crate) inertia: f64,
    /// s₁ and s₂
    pub(crate) strengths: [f64; 2],
}

/// Solutions that a particle can fly through.
///
/// Every [`Genome`] is one: a velocity is a number for each value of each gene.
pub(crate) trait Flight: Variation {
    /// The velocity of a particle.
    type Velocity;

    /// Returns the velocity of a particle at rest.
    fn rest(&self) -> Self::Velocity;

    /// Accelerates a particle towards the best that it has found and towards its leader, and returns where it gets to.
    fn fly(
        &self,
        velocity: &mut Self::Velocity,
        position: &Self::Solution,
        attractors: [&Self::Solution; 2],
        pull: Pull,
        rng: &mut SearchRng,
    ) -> Self::Solution;
}

/// The greatest velocity: a value is never more certain than sigmoid(4) = 0.982.
const GREATEST_VELOCITY: f64 = 4.0;

/// Each value of a gene is chosen in proportion to the sigmoid of its velocity.
///
/// # Source
///
/// Kennedy & Eberhart, "A discrete binary version of the particle swarm algorithm", SMC 1997. The velocities of the two values
/// of a binary gene are each other's negatives, so that its chances are exactly those of the paper.
impl<G: Genome> Flight for G {
    type Velocity = Vec<Vec<f64>>;

    fn rest(&self) -> Self::Velocity {
        self.sizes().iter().map(|size| vec![0.0; *size]).collect()
    }

    fn fly(
        &self,
        velocity: &mut Self::Velocity,
        position: &Self::Solution,
        attractors: [&Self::Solution; 2],
        pull: Pull,
        rng: &mut SearchRng,
    ) -> Self::Solution {
        let position = self.encode(position);
        let attractors = attractors.map(|attractor| self.encode(attractor));
        for (gene, velocities) in velocity.iter_mut().enumerate() {
            for value in velocities.iter_mut() {
                *value *= pull.inertia;
            }
            for (attractor, strength) in attractors.iter().zip(pull.strengths) {
                // The difference of the two as vectors with a one at their value: nothing if they are equal.
                velocities[attractor[gene]] += strength;
                velocities[position[gene]] -= strength;
            }
            for value in velocities.iter_mut() {
                *value = value.clamp(-GREATEST_VELOCITY, GREATEST_VELOCITY);
            }
        }
        let chances: Vec<Vec<f64>> =
            velocity.iter().map(|gene| gene.iter().map(|value| 1.0 / (1.0 + (-value).exp())).collect()).collect();
        draw_valid(self, rng, |rng| chances.iter().map(|gene| roulette(gene, rng)).collect())
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;
    use crate::search::multi::tests::digits::Digits;

    #[test]
    fn a_particle_is_drawn_to_its_attractors_as_in_the_binary_paper() {
        let mut rng = SearchRng::seed_from_u64(1);
        let digits = Digits { sizes: vec![2, 3], is_valid: |_| true };
        let mut velocity = digits.rest();
        let pull = Pull { inertia: 0.5, strengths: [1.0, 1.0] };
        digits.fly(&mut velocity, &vec![0, 2], [&vec![1, 2], &vec![1, 0]], pull, &mut rng);
        assert_eq!(velocity, [vec![-2.0, 2.0], vec![1.0, 0.0, -1.0]]);
        let mut counts = [0; 2];
        for _ in 0..2_000 {
            let mut velocity = vec![vec![-4.0, 4.0], vec![0.0; 3]];
            let pull = Pull { inertia: 0.5, strengths: [0.0; 2] };
            counts[digits.fly(&mut velocity, &vec![0, 2], [&vec![1, 2], &vec![1, 0]], pull, &mut rng)[0]] += 1;
        }
        // sigmoid(2) = 0.881
        assert!((1_720..1_800).contains(&counts[1]), "{counts:?}");
    }

    #[test]
    fn no_velocity_is_beyond_the_greatest() {
        let mut rng = SearchRng::seed_from_u64(1);
        let digits = Digits::bits(2);
        let mut velocity = digits.rest();
        for _ in 0..20 {
            let pull = Pull { inertia: 0.9, strengths: [2.0; 2] };
            digits.fly(&mut velocity, &vec![0, 0], [&vec![1, 0], &vec![1, 1]], pull, &mut rng);
        }
        assert_eq!(velocity[0], [-4.0, 4.0]);
    }
}

//! MOPSO: particles that fly towards the best they have found and towards leaders from sparse boxes of the archive.

use crate::search::multi::start;
use crate::search::{Entry, Error, SearchRng, check_option, defaults_of};
use rand::RngExt as _;
use serde::{Deserialize, Serialize};

use crate::search::multi::mating::{Known, roulette};
use crate::search::multi::options::check_size;
use crate::search::multi::survival::GridArchive;
use crate::search::multi::{Algorithm, Flight, Individual, Pull, count};

pub(super) const ENTRY: Entry = Entry {
    name: "mopso",
    about: "particles that fly towards the best that they met and towards leaders in sparse boxes of an archive",
    source: "Coello Coello, Pulido & Lechuga, IEEE TEC 8(3), 2004; genes as by Kennedy & Eberhart, SMC 1997",
    uses_small_budgets: false,
    needs_several_objectives: true,
    defaults: defaults_of::<Options>,
    build: |setup| start(ENTRY.name, setup, |cells, _, options| Mopso::new(cells, options)),
};

/// The options of MOPSO, by default those of the paper but for the acceleration.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Number of particles.
    pub swarm_size: usize,
    /// Number of individuals that the archive keeps.
    pub archive_size: usize,
    /// Number of divisions of each objective's range.
    pub divisions: usize,
    /// The part of the velocity that is kept.
    pub inertia: f64,
    /// The greatest acceleration towards the own best, and towards the leader. The paper has 1, with which a swarm of 100 gets
    /// stuck far from the front of ZDT1 with 30 variables; 2 is Kennedy and Eberhart's, and pymoo's.
    pub acceleration: f64,
    /// Number of steps over which mutation fades: in step t a particle is mutated with the chance (1 − t / this)^10.
    pub mutation_steps: usize,
    /// Whether a particle that gets to where another one or the archive has been is mutated.
    pub remove_duplicates: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            swarm_size: 100,
            archive_size: 100,
            divisions: 30,
            inertia: 0.4,
            acceleration: 2.0,
            mutation_steps: 100,
            remove_duplicates: true,
        }
    }
}

#[derive(Debug)]
struct Particle<S, V> {
    position: S,
    velocity: V,
    best: Individual<S>,
}

/// MOPSO.
///
/// # Source
///
/// Coello Coello, Pulido & Lechuga, "Handling multiple objectives with particle swarm optimization", IEEE TEC 8(3), 2004. The
/// mutation is that of the solutions: its range does not shrink with time, its rate does.
#[derive(Debug)]
pub(crate) struct Mopso<F: Flight> {
    flight: F,
    options: Options,
    particles: Vec<Particle<F::Solution, F::Velocity>>,
    archive: GridArchive<F::Solution>,
    steps: usize,
}

impl<F: Flight> Mopso<F> {
    /// Creates the algorithm.
    ///
    /// # Errors
    ///
    /// The option that is not in its valid range.
    pub(crate) fn new(flight: F, options: Options) -> Result<Self, Error> {
        check_size(ENTRY.name, "swarm_size", options.swarm_size)?;
        check_size(ENTRY.name, "archive_size", options.archive_size)?;
        check_option(ENTRY.name, "divisions", &options.divisions, options.divisions > 0, "at least 1")?;
        check_option(ENTRY.name, "inertia", &options.inertia, (0.0..1.0).contains(&options.inertia), "0 to less than 1")?;
        let fits = options.acceleration.is_finite() && options.acceleration > 0.0;
        check_option(ENTRY.name, "acceleration", &options.acceleration, fits, "more than 0")?;
        let archive = GridArchive::new(options.archive_size, options.divisions);
        Ok(Self { flight, options, particles: Vec::new(), archive, steps: 0 })
    }

    fn mutation_rate(&self) -> f64 {
        let left = self.options.mutation_steps.saturating_sub(self.steps);
        // The exponent 5 / 0.5 is that of the paper.
        (count(left) / count(self.options.mutation_steps.max(1))).powi(10)
    }
}

/// Returns the index of a random individual of a box that is chosen in proportion to 1 / the number of its individuals.
fn choose_leader(boxes: &[Vec<usize>], rng: &mut SearchRng) -> usize {
    let fitness: Vec<f64> = boxes.iter().map(|group| 1.0 / count(group.len())).collect();
    let group = &boxes[roulette(&fitness, rng)];
    group[rng.random_range(0..group.len())]
}

impl<F: Flight> Algorithm<F::Solution> for Mopso<F> {
    fn breed(&mut self, rng: &mut SearchRng) -> Vec<F::Solution> {
        let mut known = Known::of(&self.flight, self.archive.members(), self.options.remove_duplicates);
        if self.particles.is_empty() {
            return (0..self.options.swarm_size).map(|_| known.draw_new(&self.flight, rng)).collect();
        }
        let boxes = self.archive.boxes();
        let mutation_rate = self.mutation_rate();
        for particle in &mut self.particles {
            let leader = &self.archive.members()[choose_leader(&boxes, rng)].solution;
            let attractors = [&particle.best.solution, leader];
            // One number for all variables, so that a particle flies in the plane of its attractors.
            let strengths = [(); 2].map(|()| self.options.acceleration * rng.random_range(0.0..1.0));
            let pull = Pull { inertia: self.options.inertia, strengths };
            let velocity = &mut particle.velocity;
            let mut moved = self.flight.fly(velocity, &particle.position, attractors, pull, rng);
            if rng.random_range(0.0..1.0) < mutation_rate {
                moved = self.flight.mutate(&moved, rng);
            }
            particle.position = if known.insert(&self.flight, &moved) {
                moved
            } else {
                known.breed_new(&self.flight, rng, |rng| self.flight.mutate(&moved, rng))
            };
        }
        self.steps += 1;
        self.particles.iter().map(|particle| particle.position.clone()).collect()
    }

    fn select(&mut self, measured: Vec<Individual<F::Solution>>, rng: &mut SearchRng) {
        if self.particles.is_empty() {
            let particle = |best: &Individual<F::Solution>| Particle {
                position: best.solution.clone(),
                velocity: self.flight.rest(),
                best: best.clone(),
            };
            self.particles = measured.iter().map(particle).collect();
        } else {
            for (particle, now) in self.particles.iter_mut().zip(&measured) {
                // Of two that do not dominate each other, either is kept with the same chance.
                if now.dominates(&particle.best) || (!particle.best.dominates(now) && rng.random_range(0..2) == 1) {
                    particle.best = now.clone();
                }
            }
        }
        for individual in measured {
            self.archive.offer(individual, rng);
        }
    }

    fn population(&self) -> &[Individual<F::Solution>] {
        self.archive.members()
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;
    use crate::search::multi::tests::digits::Digits;

    #[test]
    fn leaders_are_from_sparse_boxes() {
        let mut rng = SearchRng::seed_from_u64(1);
        let boxes = [(1..10).collect(), vec![0]];
        let lone = (0..2_000).filter(|_| choose_leader(&boxes, &mut rng) == 0).count();
        // The weights of the boxes are 1/9 and 1.
        assert!((1_750..1_850).contains(&lone), "{lone}");
    }

    #[test]
    fn a_particle_remembers_the_best_it_has_found() {
        let mut rng = SearchRng::seed_from_u64(1);
        let mut swarm = Mopso::new(Digits::bits(12), Options { swarm_size: 40, ..Default::default() }).unwrap();
        let mut step = |swarm: &mut Mopso<Digits>, point: [f64; 2]| {
            let batch = swarm.breed(&mut rng);
            swarm.select(batch.into_iter().map(|genes| Individual::feasible(genes, point.to_vec())).collect(), &mut rng);
            swarm.particles.iter().filter(|particle| particle.best.objectives == point).count()
        };
        assert_eq!(step(&mut swarm, [3.0, 3.0]), 40);
        assert_eq!(step(&mut swarm, [4.0, 3.0]), 0);
        assert_eq!(step(&mut swarm, [2.0, 3.0]), 40);
        // Neither dominates.
        assert!((10..30).contains(&step(&mut swarm, [3.0, 2.0])));
    }
}

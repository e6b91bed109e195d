//! Cells as what evolves, and an algorithm for several objectives as a searcher.

use serde::de::DeserializeOwned;

use super::{Algorithm, Evolver, Genome, Individual, Neighbourhood, Variation};
use crate::objective::Goals;
use crate::oracle::Candidate;
use crate::search::crossover::{repaired, uniform};
use crate::search::genes::{self, Genes};
use crate::search::pool::Region;
use crate::search::{Error, SearchRng, Searcher, Setup, Trial};
use crate::space::{Mutation, Sampler, Spec};

/// Cells, drawn as NAS-Bench-101 draws them; a child takes each gene of one of two parents, and has one edit more.
#[derive(Debug)]
pub(crate) struct Cells {
    region: Region,
    genome: genes::Genome,
    sizes: Vec<usize>,
}

impl Cells {
    fn new(setup: &Setup) -> Self {
        let genome = genes::Genome::new(&setup.space);
        let sizes = (0..genome.len()).map(|gene| genome.choices(gene)).collect();
        Self { region: setup.region(), genome, sizes }
    }
}

impl Variation for Cells {
    type Solution = Spec;

    fn draw(&self, rng: &mut SearchRng) -> Spec {
        self.region.draw(Sampler::Official, rng)
    }

    fn cross(&self, parents: [&Spec; 2], rng: &mut SearchRng) -> Spec {
        let crossed = uniform(&self.genome, parents.map(|spec| self.genome.of_spec(*spec)), rng);
        repaired(self.region.space(), self.genome.spec(&crossed), rng).unwrap_or(*parents[0])
    }

    fn mutate(&self, spec: &Spec, rng: &mut SearchRng) -> Spec {
        self.region.mutate(Mutation::OneEdit, *spec, rng).unwrap_or_else(|| self.draw(rng))
    }

    fn key(&self, spec: &Spec) -> u64 {
        spec.prune().expect("only connected specs are bred").fingerprint()
    }
}

impl Neighbourhood for Cells {
    fn neighbours(&self, spec: &Spec) -> Vec<Spec> {
        self.region.neighbours(*spec).collect()
    }
}

impl Genome for Cells {
    fn sizes(&self) -> &[usize] {
        &self.sizes
    }

    fn encode(&self, spec: &Spec) -> Vec<usize> {
        self.genome.of_spec(*spec)[..self.sizes.len()].iter().map(|gene| usize::from(*gene)).collect()
    }

    fn decode(&self, genes: &[usize]) -> Option<Spec> {
        let mut row: Genes = [0; genes::MOST];
        for (gene, value) in row.iter_mut().zip(genes) {
            *gene = u8::try_from(*value).ok()?;
        }
        Some(self.genome.spec(&row)).filter(|spec| self.region.cell(spec).is_some())
    }
}

/// An algorithm for several objectives at work on cells.
#[derive(Debug)]
struct OnCells {
    region: Region,
    goals: Goals,
    evolver: Evolver<Spec>,
}

/// Starts an algorithm with its options; `make` gets the cells, the number of objectives and the options.
pub(crate) fn start<O: DeserializeOwned, A: Algorithm<Spec> + 'static>(
    algorithm: &'static str,
    setup: &Setup,
    make: impl FnOnce(Cells, usize, O) -> Result<A, Error>,
) -> Result<Box<dyn Searcher>, Error> {
    let options: O = setup.options(algorithm)?;
    let evolver = Evolver::new(make(Cells::new(setup), setup.goals.objectives().len(), options)?);
    Ok(Box::new(OnCells { region: setup.region(), goals: setup.goals.clone(), evolver }))
}

impl Searcher for OnCells {
    fn ask(&mut self, room: usize, rng: &mut SearchRng) -> Result<Vec<Candidate>, Error> {
        Ok(self.region.candidates(&self.evolver.ask(room, rng)))
    }

    fn tell(&mut self, trials: &[Trial]) -> Result<(), Error> {
        let individual = |trial: &Trial| {
            let worth = self.goals.worth(&trial.candidate.architecture, &trial.measurement)?;
            Ok(Individual { solution: trial.candidate.spec(), objectives: worth.values, violation: worth.violation })
        };
        let measured = trials.iter().map(individual).collect::<Result<_, Error>>()?;
        self.evolver.tell(measured);
        Ok(())
    }
}

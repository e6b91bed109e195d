//! What a search is to reach: objectives and limits.

use std::path::Path;
use std::str::FromStr as _;

use anyhow::{Context as _, bail};
use clap::builder::StringValueParser;
use nasbench::compare::{PROBLEMS, Problem};
use nasbench::network::Skeleton;
use nasbench::objective::{self, ERROR, Goals, Limit, Objective};
use nasbench::print;
use nasbench::search::Returns;
use nasbench::table::Identity;
use serde_json::Value;

use super::latency;
use super::lists::Item;

#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Arguments {
    /// Objectives, separated by commas: names of `nasbench list objectives`. The first one is `error`, which algorithms for one objective
    /// minimise.
    #[arg(long, default_value = ERROR, value_name = "NAME,…", value_delimiter = ',', value_parser = Item(StringValueParser::new()))]
    objectives: Vec<String>,

    /// A named problem instead of objectives, with its published scale: `c10-mop1` or `c10-mop2` of EvoXBench, for an imported
    /// NAS-Bench-101.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["objectives", "limit"])]
    problem: Option<String>,

    /// Limits on objectives, separated by commas, as in `parameters<=5000,flops<=2e5`. A cell that breaks them is worse than any that
    /// keeps them, for every algorithm (Deb's feasibility rules).
    #[arg(long, value_name = "NAME<=X,…", value_delimiter = ',', value_parser = Item(Limit::from_str))]
    limit: Vec<Limit>,

    #[command(flatten)]
    latency: latency::File,
}

/// How hypervolumes are computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Hypervolume {
    /// Exactly, of at most 6 objectives.
    #[default]
    Exact,
    /// Estimated from 10,000 points drawn within it, of any number of objectives.
    MonteCarlo,
}

impl Hypervolume {
    /// The goals with hypervolumes that are computed so.
    pub(super) fn apply_to(self, goals: Goals) -> anyhow::Result<Goals> {
        match (self, goals.objectives()) {
            (Self::Exact, _) => Ok(goals),
            (Self::MonteCarlo, [one]) => {
                bail!("`--hypervolume monte-carlo` is for several objectives, found `{}` alone", one.name)
            }
            (Self::MonteCarlo, _) => Ok(goals.with_sampled_hypervolume()),
        }
    }
}

/// A value of an objective as it is printed, in its unit: whole numbers as such. `minimised` is what searches see.
pub(super) fn printed(objective: &Objective, minimised: f64) -> Value {
    let value = objective.minimised(minimised);
    #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53")]
    if value.fract() == 0.0 && value.abs() < 9e15 {
        return Value::from(value as i64);
    }
    // An error is 1 less a number of seven digits.
    Value::from(print::ten_digits(value))
}

impl Arguments {
    /// The objectives and limits for the networks of a skeleton, with the latencies that a benchmark has beside its rows; an error where
    /// a search returns another cell than its front.
    pub(super) fn goals(
        &self,
        skeleton: Skeleton,
        folder: Option<&Path>,
        benchmark: Option<Identity>,
        returns: Returns,
    ) -> anyhow::Result<Goals> {
        let goals = self.latency.add_to(self.without_latencies(skeleton)?, folder, benchmark)?;
        if goals.objectives().len() > 1 && !returns.is_best_seen() {
            bail!("`--returns` is for one objective: of several, a search returns its front");
        }
        Ok(goals)
    }

    fn without_latencies(&self, skeleton: Skeleton) -> anyhow::Result<Goals> {
        if let Some(name) = &self.problem {
            let known = || PROBLEMS.iter().map(|problem| problem.name).collect::<Vec<_>>().join(", ");
            let problem = Problem::find(name).with_context(|| format!("unknown problem `{name}` (known: {})", known()))?;
            return problem.goals(skeleton).context("could not choose the objectives");
        }
        if self.objectives[0] != ERROR {
            bail!("`--objectives` begins with `{}`, expected `{ERROR}`", self.objectives[0]);
        }
        let objectives = self.objectives.iter().map(|name| objective::find(name));
        let objectives = objectives.collect::<Result<_, _>>().context("could not choose the objectives")?;
        Goals::new(objectives, self.limit.clone(), skeleton).context("could not choose the objectives")
    }
}

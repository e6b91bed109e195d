//! What a search is to reach, and what a candidate is worth by it.

use std::hash::{Hash as _, Hasher as _};
use std::sync::Arc;

use rustc_hash::FxHasher;

use super::{BrokenLimit, Context, Error, Latencies, Latency, Limit, OBJECTIVES, Objective, Source};
use crate::network::Skeleton;
use crate::oracle::Measurement;
use crate::space::Architecture;

/// What a search is to reach: objectives, the first of which is what a search for one minimises, and limits.
#[derive(Clone, Debug)]
pub struct Goals {
    /// The objectives, each once.
    objectives: Vec<&'static Objective>,
    /// The limits.
    limits: Vec<Limit>,
    /// What makes networks of architectures.
    skeleton: Skeleton,
    /// The scale of hypervolumes; that of the exact front if there is none.
    scale: Option<Scale>,
    /// Whether hypervolumes are estimated from points drawn within them.
    is_sampled: bool,
    /// The latencies that were measured.
    latencies: Arc<Latencies>,
}

/// The scale of hypervolumes: values as they are minimised.
#[derive(Clone, Debug, PartialEq)]
pub struct Scale {
    /// The values that become 0.
    pub ideal: Vec<f64>,
    /// The values that become 1.
    pub nadir: Vec<f64>,
    /// The reference point in each objective, on this scale.
    pub reference: f64,
}

/// The lowest error alone, without a limit.
impl Default for Goals {
    fn default() -> Self {
        Self {
            objectives: vec![&OBJECTIVES[0]],
            limits: Vec::new(),
            skeleton: Skeleton::nas_bench_101(),
            scale: None,
            is_sampled: false,
            latencies: Arc::default(),
        }
    }
}

/// What a candidate is worth.
#[derive(Clone, Debug, PartialEq)]
pub struct Worth {
    /// A value of each objective, all of them to be minimised.
    pub values: Vec<f64>,
    /// The sum of the violations of the limits; 0 if all are kept.
    pub violation: f64,
}

impl Goals {
    /// Takes objectives and limits for the networks of a skeleton.
    ///
    /// # Errors
    ///
    /// [`Error::None`] without an objective, [`Error::Twice`] for one that is there twice.
    pub fn new(objectives: Vec<&'static Objective>, limits: Vec<Limit>, skeleton: Skeleton) -> Result<Self, Error> {
        if objectives.is_empty() {
            return Err(Error::None);
        }
        for (place, objective) in objectives.iter().enumerate() {
            if objectives[..place].iter().any(|other| other.name == objective.name) {
                return Err(Error::Twice { name: objective.name });
            }
        }
        Ok(Self { objectives, limits, skeleton, scale: None, is_sampled: false, latencies: Arc::default() })
    }

    /// Sets the scale of hypervolumes.
    #[must_use]
    pub fn with_scale(self, scale: Scale) -> Self {
        Self { scale: Some(scale), ..self }
    }

    /// Returns the scale of hypervolumes, if it is given.
    #[must_use]
    pub const fn scale(&self) -> Option<&Scale> {
        self.scale.as_ref()
    }

    /// Estimates hypervolumes from points drawn within them, which any number of objectives can have.
    #[must_use]
    pub fn with_sampled_hypervolume(self) -> Self {
        Self { is_sampled: true, ..self }
    }

    /// Takes the latencies that were measured.
    #[must_use]
    pub fn with_latencies(self, latencies: Arc<Latencies>) -> Self {
        Self { latencies, ..self }
    }

    /// Whether an objective or a limit needs latencies.
    #[must_use]
    pub fn needs_latencies(&self) -> bool {
        let limited = self.limits.iter().map(|limit| limit.objective);
        self.objectives.iter().copied().chain(limited).any(|objective| matches!(objective.source, Source::OnDevice(_)))
    }

    /// Returns a number that tells one set of latencies from another, where they are needed.
    #[must_use]
    pub fn digest_of_latencies(&self) -> Option<u64> {
        let of_one = |(cell, latency): (&u64, &Latency)| {
            let mut hasher = FxHasher::default();
            (cell, latency.one.0.to_bits(), latency.in_batch.0.to_bits()).hash(&mut hasher);
            hasher.finish()
        };
        // A sum, since a map has no order.
        self.needs_latencies().then(|| self.latencies.iter().map(of_one).fold(0, u64::wrapping_add))
    }

    /// Whether hypervolumes are estimated.
    #[must_use]
    pub const fn is_hypervolume_sampled(&self) -> bool {
        self.is_sampled
    }

    /// Returns the objectives.
    #[must_use]
    pub fn objectives(&self) -> &[&'static Objective] {
        &self.objectives
    }

    /// Returns the limits.
    #[must_use]
    pub fn limits(&self) -> &[Limit] {
        &self.limits
    }

    /// Returns what makes networks of architectures.
    #[must_use]
    pub const fn skeleton(&self) -> &Skeleton {
        &self.skeleton
    }

    /// Returns what is known of an architecture before it is trained.
    ///
    /// # Errors
    ///
    /// [`Error::Network`] if it makes no network.
    pub fn context<'a>(&'a self, architecture: &'a Architecture) -> Result<Context<'a>, Error> {
        let latency = self.latencies.get(&architecture.fingerprint()).copied();
        Ok(Context { latency, ..Context::new(architecture, &self.skeleton)? })
    }

    /// Returns what an architecture is worth.
    ///
    /// # Errors
    ///
    /// [`Error::Network`] if it makes no network, [`Error::NoValue`] if the measurement lacks a value.
    pub fn worth(&self, architecture: &Architecture, measurement: &Measurement) -> Result<Worth, Error> {
        let context = self.context(architecture)?;
        let value = |objective| value(objective, &context, measurement);
        let values = self.objectives.iter().map(|objective| Ok(objective.minimised(value(objective)?)));
        let values = values.collect::<Result<_, Error>>()?;
        let violations = self.limits.iter().map(|limit| Ok(limit.violation(value(limit.objective)?)));
        Ok(Worth { values, violation: violations.sum::<Result<_, Error>>()? })
    }

    /// Returns the limits that an architecture breaks.
    ///
    /// # Errors
    ///
    /// As [`worth`](Self::worth).
    pub fn broken(&self, architecture: &Architecture, measurement: &Measurement) -> Result<Vec<BrokenLimit>, Error> {
        let context = self.context(architecture)?;
        let of = |limit: &Limit| Ok(BrokenLimit { limit: *limit, value: value(limit.objective, &context, measurement)? });
        let all = self.limits.iter().map(of).collect::<Result<Vec<_>, Error>>()?;
        Ok(all.into_iter().filter(|broken| broken.limit.violation(broken.value) > 0.0).collect())
    }

    /// Whether there is one objective and no limit.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.objectives.len() == 1 && self.limits.is_empty()
    }

    /// Returns the sum of the violations of the limits alone; 0 if all are kept.
    ///
    /// # Errors
    ///
    /// As [`worth`](Self::worth).
    pub fn violation(&self, architecture: &Architecture, measurement: &Measurement) -> Result<f64, Error> {
        // Most searches have no limits, and need no cost counted.
        if self.limits.is_empty() { Ok(0.0) } else { Ok(self.worth(architecture, measurement)?.violation) }
    }
}

fn value(objective: &'static Objective, context: &Context<'_>, measurement: &Measurement) -> Result<f64, Error> {
    let value = objective.value(context, measurement);
    value.ok_or(Error::NoValue { objective, architecture: *context.architecture })
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "whole numbers and their halves")]
mod tests {
    use super::*;
    use crate::objective::{find, nearest_in_words};
    use crate::unit::{Accuracy, Seconds};

    fn skeleton() -> Skeleton {
        Skeleton::nas_bench_101()
    }

    #[test]
    fn goals_give_values_to_minimise_and_add_up_violations() {
        let objectives = ["error", "receptive-field"].map(|name| find(name).unwrap());
        let limits = ["parameters<=441285", "training-time<=8"].map(|limit| limit.parse().unwrap());
        let goals = Goals::new(objectives.into(), limits.into(), skeleton()).unwrap();
        let identity = Architecture::from_texts("0100", "input,output").unwrap();
        let measured = |seconds: Option<f64>| Measurement::new(Accuracy::from_fraction(0.75), seconds.map(Seconds));
        let worth = goals.worth(&identity, &measured(Some(12.0))).unwrap();
        assert_eq!(worth, Worth { values: vec![0.25, -6.0], violation: 1.5 });
        let broken = goals.broken(&identity, &measured(Some(12.0))).unwrap();
        let message = nearest_in_words(&identity, &broken);
        let expected = ": `0-1` comes nearest, where parameters is 882570, expected parameters<=441285 (100.0 % of the bound too much) and \
                        training-time is 12, expected training-time<=8 (50.0 % of the bound too much)";
        assert_eq!(message, expected);
        let kept = goals.broken(&identity, &measured(Some(8.0))).unwrap();
        assert_eq!(kept.iter().map(|broken| broken.value).collect::<Vec<_>>(), [882_570.0]);
        let message = goals.worth(&identity, &measured(None)).unwrap_err().to_string();
        assert_eq!(message, "no value of `training-time` is known of `0-1`");
        assert!(!goals.needs_latencies());
        let timed = Goals::new(vec![find("latency").unwrap()], Vec::new(), skeleton()).unwrap();
        let message = timed.worth(&identity, &measured(None)).unwrap_err().to_string();
        assert_eq!(message, "no value of `latency` is known of `0-1`\nhint: `nasbench latency` measures it");
        let latency = Latency { one: Seconds(0.5), in_batch: Seconds(0.25) };
        let timed = timed.with_latencies(Arc::new([(identity.fingerprint(), latency)].into_iter().collect()));
        assert!(timed.needs_latencies());
        assert_eq!(timed.worth(&identity, &measured(None)).unwrap().values, [0.5]);
        assert_eq!(Goals::default().violation(&identity, &measured(None)).unwrap(), 0.0);
        let message = Goals::new(vec![&OBJECTIVES[0]; 2], Vec::new(), skeleton()).unwrap_err().to_string();
        assert_eq!(message, "the objective `error` is there twice, expected each once");
        assert!(matches!(Goals::new(Vec::new(), Vec::new(), skeleton()), Err(Error::None)));
    }
}

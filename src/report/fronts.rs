//! Searches for several objectives in the report of a comparison: the exact front, and what the searches found of it.

use super::block::Block;
use super::grid::{Grid, tabulate};
use super::pairs::fine;
use super::plot::comparison;
use crate::compare::{AlgorithmResult, FoundFronts, FrontScale, OnTask, Published};
use crate::print;

/// What the table of the algorithms shows.
pub(super) fn caption(task: &OnTask) -> String {
    let goal = 100.0 * task.goal.share;
    format!(
        "The mean number of different cells that a run asked for; the part of the hypervolume of the exact front that a run lacks, in \
         percent: interquartile mean with its 95 % interval, median, mean; then how many runs lacked at most {goal} % at any time, and \
         what that costs if a run that failed is followed by another"
    )
}

/// Describes the exact front, its scale, and how searches are judged by it.
pub(super) fn about(task: &OnTask, front: &FrontScale) -> String {
    let of = task.mean_of().map_or_else(String::new, |of| format!(" ({of})"));
    let list = |values: &[f64]| values.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let limits = if task.limits.is_empty() { String::new() } else { format!(" with {}", task.limits.join(" and ")) };
    format!(
        "The exact front of {}{limits} has {} cells, by the {} of each{of}. Scaled so that ({}) becomes 0 and ({}) becomes 1, as values are \
         minimised, its hypervolume to the reference point {} in each is {}. A search is judged by the front of what it saw, measured \
         anew by what cells are judged by.{}",
        front.objectives.join(" × "),
        front.front.len(),
        task.judged_by.name(),
        list(&front.ideal),
        list(&front.nadir),
        front.reference,
        print::hypervolume(front.hypervolume, front.standard_error),
        task.floor.map_or_else(String::new, |floor| {
            let [value, low, high] = [floor.value, floor.low, floor.high].map(fine);
            format!(
                " Asking for every cell once and taking the front of what was seen lacks {value} % [{low}, {high}]: this is the floor."
            )
        })
    )
}

/// What the runs found: how near to the exact front, as a table, and as a picture where there are two objectives; and what others published.
pub(super) fn results(task: &OnTask, front: &FrontScale) -> Vec<Block> {
    let nearness = "The hypervolume of what a run found, mean and standard deviation over the runs; the distance of the exact front to it on \
                    average (IGD+) and at most (additive ε), on the scale of the hypervolume: interquartile means with their 95 % intervals";
    let published = "What was published of this problem: the same hypervolume";
    let mut blocks = vec![Block::Table(found(&task.algorithms), nearness.to_owned())];
    blocks.extend((!front.published.is_empty()).then(|| Block::Table(of_others(front.published), published.to_owned())));
    blocks.push(Block::Figures(vec![comparison::fronts(&task.algorithms, front)]));
    blocks
}

fn found(algorithms: &[AlgorithmResult]) -> Grid {
    let found = algorithms.iter().filter_map(|result| Some((result.name.as_str(), result.fronts.as_ref()?)));
    tabulate(found)
        .left("algorithm", |(name, _)| name)
        .right("hypervolume", |(_, found)| volume(found.hypervolume))
        .right("deviation", |(_, found): (_, &FoundFronts)| found.hypervolume_deviation.map(volume))
        .right("IGD+", |(_, found)| print::interval(found.igd_plus, volume))
        .right("additive ε", |(_, found)| print::interval(found.epsilon, volume))
        .grid
}

fn of_others(published: &[Published]) -> Grid {
    tabulate(published)
        .left("algorithm", |other| other.algorithm)
        .right("hypervolume", |other| volume(other.mean))
        .right("deviation", |other| volume(other.deviation))
        .right("runs", |other| other.runs.to_string())
        .left("source", |other| other.source)
        .grid
}

fn volume(value: f64) -> String {
    format!("{value:.4}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::{Attainment, PROBLEMS};
    use crate::report::comparison::tests::{page, summary};
    use crate::report::tests::sample;
    use crate::statistics::Estimate;

    fn front(objectives: &[&'static str]) -> FrontScale {
        let values = |value: f64| vec![value; objectives.len()];
        FrontScale {
            objectives: objectives.to_vec(),
            front: vec![values(1.0), values(2.0)],
            ideal: values(1.0),
            nadir: values(2.0),
            reference: 1.1,
            hypervolume: 1.05,
            standard_error: Some(0.0025),
            published: PROBLEMS[0].published,
        }
    }

    fn found(corners: &[[f64; 2]]) -> FoundFronts {
        let estimate = |value| Some(Estimate { value, low: value / 2.0, high: 2.0 * value });
        let attainment = [0.25, 0.5, 0.75].map(|share| Attainment { share, corners: corners.to_vec() });
        FoundFronts {
            hypervolume: 0.9876,
            hypervolume_deviation: Some(0.0123),
            igd_plus: estimate(0.0625),
            epsilon: estimate(0.25),
            attainment: attainment.into(),
        }
    }

    #[test]
    fn fronts_have_their_figures_their_picture_and_what_was_published() {
        let mut fronts = summary(&["random", "nsga-2"], 0.02);
        fronts.tasks[0].limits = vec!["flops<=1e6".to_owned()];
        fronts.tasks[0].front = Some(front(&["error", "receptive-field"]));
        fronts.tasks[0].algorithms[1].fronts = Some(found(&[[0.1, -9.0], [0.3, -20.0]]));
        let html = page(&fronts);
        sample::assert_well_formed(&html);
        for text in [
            "The exact front of error × receptive-field with flops&lt;=1e6 has 2 cells",
            "is 1.0500 by samples, with a standard error of 0.0025.",
            "0.9876",
            "0.0123",
            "0.0625 [0.0312, 0.1250]",
            "0.2500 [0.1250, 0.5000]",
            "surrogate over the whole space",
            "0.9439",
            "receptive-field (pixels)",
            "error (fraction)",
            "final regret (percent of the exact front",
            "Its regret is the part of the exact front&#39;s hypervolume that the front of what it saw lacks",
        ] {
            assert!(html.contains(text), "{text}");
        }
        assert_eq!(html.matches("<svg class=\"plot\"").count(), 4);
        // Without the cells of fronts, as of runs of an earlier version, there is the exact front alone.
        fronts.tasks[0].algorithms[1].fronts = None;
        assert_eq!(page(&fronts).matches("<svg class=\"plot\"").count(), 4);
        // Three objectives have no picture.
        fronts.tasks[0].front = Some(FrontScale { published: &[], ..front(&["error", "parameters", "flops"]) });
        let html = page(&fronts);
        sample::assert_well_formed(&html);
        assert_eq!(html.matches("<svg class=\"plot\"").count(), 3);
        assert!(!html.contains("What was published"));
    }
}

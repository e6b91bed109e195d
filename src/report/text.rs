//! The report as plain text for a terminal.

use super::grid::Grid;
use super::{Judge, Report, summary, tables};
use crate::print;

/// Sentences are wrapped to this many characters.
const WIDTH: usize = 80;
const INDENT: usize = 2;
/// The recorded cells that a terminal shows.
const BEST: usize = 5;

pub(super) fn of(report: &Report) -> String {
    let header = &report.header;
    let mut text = format!(
        "{}\nnasbench {}, {}, protocol {}, seed {}, {} on {}\n",
        header.title,
        header.tool_version,
        header.dataset.name,
        header.protocol.name,
        header.seed,
        header.machine.device,
        print::counted(header.machine.cores, "core"),
    );
    let mut section = |name: &str, grids: &[Grid]| {
        if grids.iter().all(Grid::is_empty) {
            return;
        }
        text.extend(["\n", name, "\n"]);
        for grid in grids.iter().filter(|grid| !grid.is_empty()) {
            text += &grid.text(INDENT);
        }
    };
    let (records, verification) = (&report.records, &report.verification);
    let judged = report.surrogates.judge.as_ref().map(judge).unwrap_or_default();
    section("records", &[tables::rows(records)]);
    section("two trainings of the same cell", &[tables::repeats(records)]);
    section("a small budget against a larger one", &[tables::budgets(records)]);
    section("best recorded cells", &[tables::cells(records).first(BEST).narrowed()]);
    section("surrogates on unseen cells", &[tables::surrogates(&report.surrogates)]);
    section("searches", &[tables::searches(&report.searches)]);
    section("verification", &[tables::verified(verification).narrowed(), tables::differences(verification)]);
    section("rank correlation", &[tables::ranks(verification)]);
    section("time", &[tables::stages(header)]);
    text += &judged;
    text += "\n";
    for sentence in summary::sentences(report) {
        text += &wrapped(&sentence);
    }
    text
}

/// The judge's rules, and how far to trust them.
fn judge(judge: &Judge) -> String {
    let share = |value: Option<f64>| value.map_or_else(|| print::NOTHING.to_owned(), print::percent);
    let rules: Vec<_> = judge.rules.lines().map(|line| format!("{}{line}\n", " ".repeat(INDENT))).collect();
    format!(
        "\n{}\n{}  on unseen cells: precision {} %, recall {} %, where guessing has a precision of {} %\n",
        judge.question,
        rules.concat(),
        share(judge.precision),
        share(judge.recall),
        print::percent(judge.base_rate),
    )
}

/// Breaks a sentence into lines, the later ones indented.
fn wrapped(sentence: &str) -> String {
    let mut lines = vec![String::new()];
    for word in sentence.split(' ') {
        let line = lines.last_mut().expect("there is a first line");
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push(format!("{}{word}", " ".repeat(INDENT)));
        } else {
            let space = if line.is_empty() { "" } else { " " };
            *line += space;
            *line += word;
        }
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn the_text_tells_the_run_in_order_and_ends_with_the_verdict() {
        let text = sample::full().text();
        let order = [
            "records\n",
            "best recorded cells\n",
            "surrogates on unseen cells\n",
            "searches\n",
            "verification\n",
            "time\n",
            "The promise held",
        ];
        let places: Vec<_> = order.iter().map(|part| text.find(part).unwrap_or_else(|| panic!("`{part}` in {text}"))).collect();
        assert!(places.is_sorted(), "{text}");
        assert!(text.ends_with('\n'));
    }

    #[test]
    fn odd_reports_have_texts_too() {
        for report in sample::odd() {
            let text = report.text();
            assert!(text.lines().all(|line| line == line.trim_end()), "{text}");
            assert!(!text.contains("NaN"), "{text}");
        }
    }

    #[test]
    fn long_sentences_are_wrapped() {
        let text = wrapped(&"word ".repeat(50));
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH + INDENT));
        assert_eq!(text.split_whitespace().count(), 50);
    }
}

//! The report as plain text for a terminal.

use super::grid::INDENT;
use super::page::question;
use super::{Report, summary, tables};
use crate::print;
use crate::surrogate::quality::ClassifierQuality;
use crate::surrogate::rule_classifier::RuleClassifier;

/// Sentences are wrapped to this many characters.
const WIDTH: usize = 80;
/// The recorded cells that a terminal shows.
const BEST: usize = 5;

pub(super) fn text(report: &Report) -> String {
    let header = &report.header;
    let (records, verification) = (&report.records, &report.verification);
    let title = format!(
        "{}\nnasbench {}, {}, protocol {}, seed {}, {} on {}\n",
        header.title,
        env!("CARGO_PKG_VERSION"),
        header.dataset.name,
        header.protocol.name,
        header.seed,
        header.device,
        print::counted(header.cores, "core"),
    );
    [
        title,
        tables::rows(records).section("records"),
        tables::repeats(records).section("two trainings of the same cell"),
        tables::budgets(records).section("a small budget against a larger one"),
        tables::cells(records).first(BEST).narrowed().section("best recorded cells"),
        tables::surrogates(&report.surrogates).section("surrogates on unseen cells"),
        tables::searches(&report.searches).section("searches"),
        tables::verified(verification).narrowed().section("verification"),
        tables::differences(verification).text(INDENT),
        tables::ranks(verification).section("rank correlation"),
        tables::stages(header).section("time"),
        report.surrogates.judge.as_ref().map(judge).unwrap_or_default(),
        "\n".to_owned(),
        summary::sentences(report).iter().map(|sentence| print::wrapped("", sentence, INDENT, WIDTH)).collect(),
    ]
    .concat()
}

/// The judge's rules, and how far to trust them.
fn judge((judge, quality): &(RuleClassifier, ClassifierQuality)) -> String {
    let percent = |value: Option<f64>| value.map_or_else(print::nothing, print::percent);
    let rules = judge.to_string();
    let indented = |line: &str| format!("{:INDENT$}{line}\n", "");
    let rules: String = rules.lines().map(indented).collect();
    format!(
        "\n{}\n{rules}  on unseen cells: precision {} %, recall {} %, where guessing has a precision of {} %\n",
        question(),
        percent(quality.precision()),
        percent(quality.recall()),
        print::percent(quality.base_rate().unwrap_or_default()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::sample;

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
        let text = print::wrapped("", &"word ".repeat(50), INDENT, WIDTH);
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH + INDENT));
        assert_eq!(text.split_whitespace().count(), 50);
    }
}

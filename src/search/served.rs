//! An oracle for a search that drives itself: it asks for cells in lines of JSON, and is told what they reached.
//!
//! The lines are those of [a search in another program](super::external), from the other side.

use std::io::{self, BufRead, Write};

use serde_json::{Value, json};

use super::external::{MOST_BYTES, beginning, candidates, sentence, told};
use super::{Error, Setup, run};
use crate::file::read_line;
use crate::oracle::Oracle;
use crate::unit::Seed;

/// Answers questions until there are no more. The first line says what can be asked for, with a seed made of `seed`. An answer to a line that
/// cannot be understood, or to cells that cannot be measured, is an object with the key `error`.
///
/// # Errors
///
/// [`io::Error`] if the other side cannot be read or written; that it has ended is none.
pub fn serve(
    setup: &Setup,
    oracle: &mut dyn Oracle,
    seed: Seed,
    mut input: impl BufRead,
    mut output: impl Write,
) -> io::Result<()> {
    #[expect(clippy::cast_possible_truncation, reason = "a seed below 2^32, which any language holds exactly")]
    let said = beginning(setup, seed.derive("served").0 as u32);
    let mut say = |line: &Value| writeln!(output, "{line}").and_then(|()| output.flush());
    say(&said)?;
    loop {
        let line = match read_line(&mut input, MOST_BYTES) {
            Ok(None) => return Ok(()),
            Ok(Some(line)) => line,
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => return say(&json!({ "error": error.to_string() })),
            Err(error) => return Err(error),
        };
        if line.trim_ascii().is_empty() {
            continue;
        }
        let answer = answer(setup, oracle, &line);
        say(&answer.unwrap_or_else(|error| json!({ "error": error })))?;
    }
}

fn answer(setup: &Setup, oracle: &mut dyn Oracle, line: &[u8]) -> Result<Value, String> {
    let candidates = candidates(setup, line).map_err(|error| sentence(&error))?;
    let measurements = oracle.measure(&candidates).map_err(|error| sentence(&error))?;
    let trials = candidates.iter().zip(measurements).map(|(candidate, measured)| run::trial(&setup.goals, *candidate, measured));
    let trials = trials.collect::<Result<Vec<_>, Error>>().map_err(|error| sentence(&error))?;
    told(setup, &trials).map_err(|error| sentence(&error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::Setup;
    use crate::space::Space;
    use crate::table::{Benchmark, TableOracle};
    use crate::unit::Epochs;

    #[test]
    fn a_program_that_drives_is_told_what_a_search_would_see() {
        let table = Benchmark::open("tests/data/tiny-benchmark").unwrap().table().unwrap();
        let setup = Setup::new(Space::nas_bench_101().with_max_vertices(4).unwrap(), Epochs(2)).with_budgets(&[Epochs(1)]);
        let said = r#"{"cells":[{"matrix":"0100","ops":""},{"matrix":"010001000","ops":"maxpool3x3","epochs":1}]}

nonsense
{"cells":[{"matrix":"0100","ops":"","epochs":7}]}
"#;
        let mut heard = Vec::new();
        serve(&setup, &mut TableOracle::new(&table, Seed(1)), Seed(1), said.as_bytes(), &mut heard).unwrap();
        let lines: Vec<Value> = heard
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect();
        assert_eq!((lines.len(), &lines[0]["type"], &lines[0]["epochs"]), (4, &json!("start"), &json!(2)));
        let trials = lines[1]["trials"].as_array().unwrap();
        assert_eq!((trials.len(), &trials[0]["epochs"], &trials[1]["epochs"]), (2, &json!(2), &json!(1)));
        assert!(
            trials.iter().all(|trial| trial["validation_accuracy"].as_f64().is_some() && trial.get("test_accuracy").is_none())
        );
        assert!(lines[2]["error"].as_str().unwrap().contains("expected an object with the list `cells`"), "{}", lines[2]);
        assert!(lines[3]["error"].as_str().unwrap().contains("7 epochs, expected one of 1, 2"), "{}", lines[3]);
    }
}

//! The questions of EvoXBench about its problem `nb101`, answered by a benchmark: one JSON object a line, in and out.
//!
//! PlatEMO and other programs in MATLAB, Java and Python ask them over TCP. An encoding has 26 whole numbers: the 21 edges of seven vertices, row by
//! row, and the five operations in the order conv3x3, conv1x1, maxpool3x3. What is no cell, or is not recorded, has the error 1 and infinitely
//! many parameters and FLOPs, as there.
//!
//! Unlike there, `true_eval` gives the mean of the validation errors over all repeats: no search is told of a test accuracy.
//! `calc_perf_indicator` and `call` are refused.

use std::io::{self, BufRead, Write};

use rand::RngExt as _;
use rustc_hash::FxHashMap;
use serde_json::{Value, json};

use super::ExactFront;
use crate::file::read_line;
use crate::network::Skeleton;
use crate::objective::{self, Goals};
use crate::oracle::Measurement;
use crate::search::{SearchRng, external::MOST_BYTES};
use crate::space::{Cell, Operation, RawGraph, Space};
use crate::table::{Repeat, Table};
use crate::unit::{Accuracy, Epochs, Seconds, Seed};

/// The vertices of an encoding.
const VERTICES: usize = 7;
/// The edges of an encoding.
const EDGES: usize = VERTICES * (VERTICES - 1) / 2;
/// The numbers of an encoding.
const GENES: usize = EDGES + VERTICES - 2;
/// The most encodings that `sample` draws at once.
const MOST_SAMPLES: u64 = 1 << 20;
/// The objectives by their names there.
const OBJECTIVES: [(&str, &str); 3] = [("err", "error"), ("params", "parameters"), ("flops", "flops")];

/// A problem that was created by a connection.
struct Problem {
    epochs: Epochs,
    is_normalised: bool,
    front: ExactFront,
    /// The mean of each recorded cell, by its fingerprint.
    means: FxHashMap<u64, Measurement>,
}

/// Answers the questions of one connection until it ends or says `delete`.
///
/// # Errors
///
/// [`io::Error`] if the other side cannot be read or written.
pub fn evoxbench(
    table: &Table,
    skeleton: Skeleton,
    seed: Seed,
    mut input: impl BufRead,
    mut output: impl Write,
) -> io::Result<()> {
    let mut connection = Connection { table, skeleton, rng: seed.derive("evoxbench").rng(), problem: None };
    loop {
        let line = read_line(&mut input, MOST_BYTES);
        let is_too_long = line.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::FileTooLarge);
        let answer = match line {
            Err(error) if is_too_long => Err(error.to_string()),
            Err(error) => return Err(error),
            Ok(None) => return Ok(()),
            Ok(Some(line)) => match serde_json::from_slice::<Value>(&line) {
                Err(error) => Err(format!("the line is no JSON: {error}")),
                Ok(request) if request["operation"] == "delete" => return Ok(()),
                Ok(request) => connection.answer(&request),
            },
        };
        let text = match answer {
            Ok(None) => "{\"status\":\"ok\"}".to_owned(),
            Ok(Some(result)) => format!("{{\"status\":\"ok\",\"result\":{result}}}"),
            Err(reason) => json!({ "status": "err", "reason": reason }).to_string(),
        };
        writeln!(output, "{text}")?;
        output.flush()?;
        if is_too_long {
            return Ok(());
        }
    }
}

/// What one connection knows.
struct Connection<'a> {
    table: &'a Table,
    skeleton: Skeleton,
    rng: SearchRng,
    problem: Option<Problem>,
}

impl Connection<'_> {
    /// The result as JSON, if there is one.
    fn answer(&mut self, request: &Value) -> Result<Option<String>, String> {
        let operation = request["operation"].as_str().ok_or("a request is an object with the text `operation`")?;
        if operation == "create" {
            self.problem = Some(self.create(&request["config"])?);
            return Ok(None);
        }
        let Self { table, rng, problem, .. } = self;
        let problem = problem.as_ref().ok_or("`create` comes first")?;
        match operation {
            "query" => problem.query(table, request, rng).map(Some),
            "sample" => {
                let count = request["n_samples"].as_u64().filter(|count| *count <= MOST_SAMPLES);
                let count = count.ok_or_else(|| format!("`n_samples` is a number up to {MOST_SAMPLES}"))?;
                let cells = table.cells();
                let drawn = (0..count).map(|_| encoded(&cells[rng.random_range(0..cells.len())]));
                Ok(Some(json!(drawn.collect::<Vec<_>>()).to_string()))
            }
            "pareto_front" => {
                let mut rows = problem.front.cells.iter().map(|(_, values)| problem.scaled(values)).collect::<Vec<_>>();
                if let Some(count) = request["n_samples"].as_u64().filter(|count| *count > 0) {
                    let count = count.min(MOST_SAMPLES);
                    let drawn = (0..count).map(|_| rows[rng.random_range(0..rows.len())].clone());
                    rows = drawn.collect();
                    rows.sort_by(|one, other| one[0].total_cmp(&other[0]));
                }
                Ok(Some(matrix(&rows)))
            }
            "settings" => {
                let upper: Vec<u8> = (0..GENES).map(|gene| if gene < EDGES { 1 } else { 2 }).collect();
                let objectives = problem.front.goals.objectives().len();
                Ok(Some(json!({ "n_var": GENES, "lb": vec![0; GENES], "ub": upper, "n_obj": objectives }).to_string()))
            }
            other => Err(format!("no such operation `{other}` (known: create, query, sample, pareto_front, settings, delete)")),
        }
    }

    fn create(&self, config: &Value) -> Result<Problem, String> {
        let name = config["name"].as_str().unwrap_or_default();
        if !name.eq_ignore_ascii_case("nb101") {
            return Err(format!("no such problem `{name}` (known: nb101)"));
        }
        let arguments = &config["args"];
        let named = match &arguments["objs"] {
            Value::Null => "err&params&flops",
            names => names.as_str().ok_or("`objs` is a text, as in `err&params`")?,
        };
        // In their order there, whatever the order of the text is.
        let asked: Vec<&str> = named.split('&').collect();
        if let Some(unknown) = asked.iter().find(|name| OBJECTIVES.iter().all(|(known, _)| known != *name)) {
            return Err(format!("unknown objective `{unknown}` (known: err, params, flops)"));
        }
        let objectives = OBJECTIVES.iter().filter(|(known, _)| asked.contains(known)).map(|(_, name)| objective::find(name));
        let objectives = objectives.collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
        let goals = Goals::new(objectives, Vec::new(), self.skeleton).map_err(|error| error.to_string())?;
        let largest = self.table.budgets().last().copied().unwrap_or_default();
        let epochs = match &arguments["fidelity"] {
            Value::Null => largest,
            epochs => {
                let given = epochs.as_u64().and_then(|epochs| u16::try_from(epochs).ok()).map(Epochs);
                let known = || self.table.budgets().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                given
                    .filter(|epochs| self.table.budgets().contains(epochs))
                    .ok_or_else(|| format!("`fidelity` is {epochs}, expected one of {}", known()))?
            }
        };
        let measured = self.table.measurements(epochs).map_err(|error| error.to_string())?;
        let front = ExactFront::new(&measured, goals).map_err(|error| error.to_string())?;
        let means = measured.into_iter().map(|(cell, measurement)| (cell.fingerprint(), measurement)).collect();
        let is_normalised = arguments["normalized_objectives"].as_bool().unwrap_or(true);
        Ok(Problem { epochs, is_normalised, front, means })
    }
}

impl Problem {
    fn query(&self, table: &Table, request: &Value, rng: &mut SearchRng) -> Result<String, String> {
        let encodings = request["encoding"].as_array().ok_or("`encoding` is a list of whole numbers, or of such lists")?;
        let is_true = request["true_eval"].as_bool().unwrap_or_default();
        let one = |encoding: &Value, rng: &mut SearchRng| -> Result<Vec<f64>, String> {
            let Some(cell) = decoded(encoding)? else { return Ok(self.unknown()) };
            let measurement = if is_true { self.means.get(&cell.fingerprint()).copied() } else { self.drawn(table, &cell, rng) };
            let Some(measurement) = measurement else { return Ok(self.unknown()) };
            let worth = self.front.goals.worth(&cell, &measurement).map_err(|error| error.to_string())?;
            Ok(self.scaled(&worth.values))
        };
        let rows = if encodings.iter().any(Value::is_array) {
            encodings.iter().map(|encoding| one(encoding, rng)).collect::<Result<Vec<_>, _>>()?
        } else {
            vec![one(&request["encoding"], rng)?]
        };
        Ok(matrix(&rows))
    }

    /// One repeat of a cell; none if it is not recorded.
    fn drawn(&self, table: &Table, cell: &Cell, rng: &mut SearchRng) -> Option<Measurement> {
        let answer = table.answer(table.index_of(cell)?, self.epochs, Repeat::Drawn(Seed(rng.random()))).ok()?;
        #[expect(clippy::cast_possible_truncation, reason = "accuracies are single precision")]
        let accuracy = answer.end.validation_accuracy.and_then(|mean| Accuracy::from_fraction(mean.value as f32));
        Some(Measurement::new(accuracy, answer.end.training_time.map(|mean| Seconds(mean.value))))
    }

    /// The values of what is no recorded cell.
    fn unknown(&self) -> Vec<f64> {
        let values = self.front.goals.objectives().iter();
        self.scaled(&values.map(|objective| if objective.name == "error" { 1.0 } else { f64::INFINITY }).collect::<Vec<_>>())
    }

    fn scaled(&self, values: &[f64]) -> Vec<f64> {
        if !self.is_normalised {
            return values.to_vec();
        }
        let scale = &self.front.scale;
        // A front of one cell has no extent.
        let extent = |ideal: &f64, nadir: &f64| if nadir > ideal { nadir - ideal } else { 1.0 };
        let of = |(value, (ideal, nadir)): (&f64, (&f64, &f64))| (value - ideal) / extent(ideal, nadir);
        values.iter().zip(scale.ideal.iter().zip(&scale.nadir)).map(of).collect()
    }
}

/// The cell of an encoding; `None` if it is none.
fn decoded(encoding: &Value) -> Result<Option<Cell>, String> {
    let wrong = || format!("an encoding has {GENES} whole numbers, {EDGES} of them 0 or 1 and the others 0 to 2");
    let genes = encoding.as_array().filter(|genes| genes.len() == GENES).ok_or_else(wrong)?;
    // MATLAB has whole numbers as decimal ones.
    let whole = |gene: &Value| match gene.as_f64() {
        Some(0.0) => Some(0),
        Some(1.0) => Some(1),
        Some(2.0) => Some(2),
        _ => None,
    };
    let genes = genes.iter().map(whole).collect::<Option<Vec<usize>>>().ok_or_else(wrong)?;
    if genes[..EDGES].contains(&2) {
        return Err(wrong());
    }
    let mut matrix = vec![b'0'; VERTICES * VERTICES];
    let places = (0..VERTICES).flat_map(|x| (x + 1..VERTICES).map(move |y| x * VERTICES + y));
    for (place, gene) in places.zip(&genes) {
        matrix[place] = if *gene == 0 { b'0' } else { b'1' };
    }
    let matrix = String::from_utf8(matrix).expect("digits");
    let space = Space::nas_bench_101();
    let names: Vec<&str> = space.operations().map(Operation::name).collect();
    let operations: Vec<&str> = genes[EDGES..].iter().map(|gene| names[*gene]).collect();
    let graph = RawGraph::from_matrix(&matrix, &operations.join(",")).map_err(|error| error.to_string())?;
    Ok(graph.cell(&space).ok())
}

/// The encoding of a cell: vertices that it lacks have no edges and the first operation.
fn encoded(cell: &Cell) -> Vec<u8> {
    let spec = cell.padded(VERTICES);
    let edges = (0..VERTICES).flat_map(|x| (x + 1..VERTICES).map(move |y| (x, y))).map(|(x, y)| u8::from(spec.has_edge(x, y)));
    let known: Vec<Operation> = Space::nas_bench_101().operations().collect();
    let position = |vertex| spec.operation(vertex).and_then(|operation| known.iter().position(|other| *other == operation));
    let operations = (1..VERTICES - 1).map(|vertex| u8::try_from(position(vertex).unwrap_or_default()).unwrap_or_default());
    edges.chain(operations).collect()
}

/// A matrix as JSON, with the word that Python and MATLAB read for what is infinite.
fn matrix(rows: &[Vec<f64>]) -> String {
    let number = |value: &f64| if value.is_finite() { json!(value).to_string() } else { "Infinity".to_owned() };
    let row = |row: &Vec<f64>| format!("[{}]", row.iter().map(number).collect::<Vec<_>>().join(","));
    format!("[{}]", rows.iter().map(row).collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Benchmark;

    fn answers(said: &str) -> Vec<Value> {
        let benchmark = Benchmark::open("tests/data/tiny-benchmark").unwrap();
        let (table, skeleton) = (benchmark.table().unwrap(), benchmark.skeleton().unwrap());
        let mut heard = Vec::new();
        evoxbench(&table, skeleton, Seed(1), said.as_bytes(), &mut heard).unwrap();
        let text = String::from_utf8(heard).unwrap().replace("Infinity", "1e300");
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_program_creates_a_problem_and_asks_for_values() {
        let identity = {
            let mut genes = [0; GENES];
            genes[5] = 1;
            json!(genes)
        };
        let nothing = json!(vec![0; GENES]);
        let create =
            r#"{"operation":"create","config":{"name":"nb101","args":{"objs":"err&params","normalized_objectives":false}}}"#;
        let query = json!({ "operation": "query", "encoding": [identity, nothing], "true_eval": true });
        let said = format!(
            "{create}\n{query}\n{}\n{}\n{}\n{}\n{}\n",
            json!({ "operation": "query", "encoding": identity, "true_eval": false }),
            r#"{"operation":"settings"}"#,
            r#"{"operation":"sample","n_samples":3}"#,
            r#"{"operation":"pareto_front"}"#,
            r#"{"operation":"delete"}"#,
        );
        let found = answers(&said);
        assert_eq!(found.len(), 6);
        assert!(found.iter().all(|answer| answer["status"] == "ok"), "{found:?}");
        let both = found[1]["result"].as_array().unwrap();
        assert!((0.0..1.0).contains(&both[0][0].as_f64().unwrap()) && both[0][1].as_f64().unwrap() > 0.0);
        assert_eq!((both[1][0].as_f64().unwrap(), both[1][1].as_f64().unwrap()), (1.0, 1e300));
        assert_eq!((found[2]["result"].as_array().unwrap().len(), &found[3]["result"]["n_var"]), (1, &json!(26)));
        for genes in found[4]["result"].as_array().unwrap() {
            assert!(decoded(genes).unwrap().is_some());
        }
        assert!(!found[5]["result"].as_array().unwrap().is_empty());
    }

    #[test]
    fn an_encoding_is_a_cell_and_back() {
        let benchmark = Benchmark::open("tests/data/tiny-benchmark").unwrap();
        for cell in benchmark.table().unwrap().cells() {
            assert_eq!(decoded(&json!(encoded(cell))).unwrap().unwrap().fingerprint(), cell.fingerprint());
        }
    }

    #[test]
    fn what_cannot_be_answered_is_said_and_the_next_line_is_heard() {
        let create = r#"{"operation":"create","config":{"name":"NB101"}}"#;
        let said = format!(
            "nonsense\n[]\n{{\"operation\":\"query\"}}\n{create}\n{}\n{}\n{}\n{}\n{}\n{}\n",
            r#"{"operation":"query","encoding":[1,2]}"#,
            r#"{"operation":"query","encoding":"x"}"#,
            r#"{"operation":"calc_perf_indicator","inputs":[],"indicator":"hv"}"#,
            r#"{"operation":"create","config":{"name":"nb201"}}"#,
            r#"{"operation":"create","config":{"name":"nb101","args":{"objs":"latency"}}}"#,
            r#"{"operation":"create","config":{"name":"nb101","args":{"fidelity":7}}}"#,
        );
        let found = answers(&said);
        let good: Vec<bool> = found.iter().map(|answer| answer["status"] == "ok").collect();
        assert_eq!(good, [false, false, false, true, false, false, false, false, false, false]);
        assert!(found.iter().filter(|answer| answer["status"] == "err").all(|answer| answer["reason"].is_string()));
    }
}

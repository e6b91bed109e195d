//! A search in another program, in any language: lines of JSON on its standard input and output.
//!
//! The guide to searches in other programs has the protocol with examples.

use std::fmt::Write as _;
use std::io::{self, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use rand::RngExt as _;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Entry, Error, SearchRng, Searcher, Setup, Trial, check_option, defaults_of};
use crate::file::read_line;
use crate::oracle::Candidate;
use crate::space::{self, Operation, RawGraph};
use crate::unit::{Accuracy, Epochs};

/// The version of the protocol, which the first line says.
pub const PROTOCOL: u32 = 1;

/// A search in another program. It is in no list: its command is given.
pub const EXTERNAL: Entry = Entry {
    name: "external",
    about: "a search in another program, which reads and writes lines of JSON",
    source: "the program itself",
    uses_small_budgets: true,
    needs_several_objectives: false,
    defaults: defaults_of::<Options>,
    build: |setup| Ok(Box::new(External::new(setup)?)),
};

/// The longest line, in bytes: more is no answer, but a program that does not stop.
pub(crate) const MOST_BYTES: u64 = 16 << 20;
/// The most bytes of an answer that an error shows.
const MOST_SHOWN: usize = 200;
/// How long a program may take to end after its standard input was closed.
const GRACE: Duration = Duration::from_secs(2);

/// The options of an [external](EXTERNAL) search.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// The seconds that it has for each answer.
    pub timeout: f64,
    /// What tells the program from one of before under the same name, such as a digest of its file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { command: Vec::new(), timeout: 60.0, digest: None }
    }
}

/// Why another program cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExternalError {
    /// It could not be started.
    #[error("could not start `{program}`")]
    Start {
        /// The program.
        program: String,
        /// The cause.
        source: io::Error,
    },
    /// It ended where it should have answered.
    #[error("it ended before it answered{}", status.map_or_else(String::new, |status| format!(" ({status})")))]
    Ended {
        /// How it ended, if that is known.
        status: Option<ExitStatus>,
    },
    /// It wrote a line that nobody had asked for: its answers and the questions would no longer belong together.
    #[error("it wrote a line without being asked, expected one line for each question: `{found}`")]
    Unasked {
        /// The line, cut if it is long.
        found: String,
    },
    /// It did not answer in time.
    #[error("it did not answer within {seconds} s\nhint: `timeout` is the option that gives it more time")]
    Silent {
        /// The time that it had.
        seconds: f64,
    },
    /// Its answer is not what the protocol says.
    #[error("it answered `{found}`: {problem}")]
    Answer {
        /// The answer, cut if it is long.
        found: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Its answer could not be read.
    #[error("could not read its answer")]
    Read(#[source] io::Error),
}

/// A search in another program, which is started when it is first asked.
#[derive(Debug)]
struct External {
    setup: Setup,
    options: Options,
    program: Option<Program>,
}

/// Another program at work. It ends when this is dropped.
#[derive(Debug)]
struct Program {
    timeout: Duration,
    child: Child,
    /// What is to be said; without it the program's standard input ends.
    lines: Option<Sender<String>>,
    answers: Receiver<Result<Vec<u8>, ExternalError>>,
}

/// The answer to a question for cells.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    cells: Vec<Map<String, Value>>,
}

impl External {
    fn new(setup: &Setup) -> Result<Self, Error> {
        let options: Options = setup.options(EXTERNAL.name)?;
        let is_command = !options.command.is_empty();
        check_option(EXTERNAL.name, "command", &"[]", is_command, "a program and its arguments")?;
        let is_time = options.timeout > 0.0 && options.timeout <= 1e9;
        check_option(EXTERNAL.name, "timeout", &options.timeout, is_time, "more than 0 seconds, and at most 1e9")?;
        Ok(Self { setup: setup.clone(), options, program: None })
    }
}

/// What a program must know before the first question.
pub(super) fn beginning(setup: &Setup, seed: u32) -> Value {
    let Setup { space, epochs, budgets, goals, pool, .. } = setup;
    json!({
        "type": "start",
        "protocol": PROTOCOL,
        "seed": seed,
        "space": {
            "name": "nas-bench-101",
            "max_vertices": space.max_vertices(),
            "max_edges": space.max_edges(),
            "operations": space.operations().map(Operation::name).collect::<Vec<_>>(),
        },
        "cells": pool.as_ref().map(|pool| pool.cells().iter().map(described).collect::<Vec<_>>()),
        "epochs": epochs,
        "budgets": budgets,
        "objectives": goals.objectives().iter().map(|objective| objective.name).collect::<Vec<_>>(),
        "limits": goals.limits().iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

/// What a program is told of some trials.
pub(super) fn told(setup: &Setup, trials: &[Trial]) -> Result<Value, Error> {
    let trials = trials.iter().map(|trial| trial_of(setup, trial)).collect::<Result<Vec<_>, _>>()?;
    Ok(json!({ "type": "tell", "trials": trials }))
}

fn trial_of(setup: &Setup, trial: &Trial) -> Result<Value, Error> {
    let Trial { candidate, measurement, .. } = trial;
    let mut told = described(&candidate.architecture);
    told["epochs"] = json!(candidate.epochs);
    told["validation_accuracy"] = json!(measurement.validation_accuracy.map(Accuracy::decimal));
    told["training_time"] = json!(measurement.training_time);
    let goals = &setup.goals;
    if !goals.is_plain() {
        let worth = goals.worth(&candidate.architecture, measurement)?;
        let values = goals.objectives().iter().zip(&worth.values);
        let values = values.map(|(objective, value)| (objective.name.to_owned(), json!(objective.minimised(*value))));
        told["objectives"] = Value::Object(values.collect());
        told["violation"] = json!(worth.violation);
    }
    Ok(told)
}

impl Program {
    /// Starts the program of a command, which has one.
    fn start(options: &Options) -> Result<Self, ExternalError> {
        let (program, arguments) = options.command.split_first().expect("the options were checked");
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        // What it starts itself is ended with it.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let started = command.spawn();
        let mut child = started.map_err(|source| ExternalError::Start { program: program.clone(), source })?;
        let input = child.stdin.take().expect("its input was asked for");
        let output = child.stdout.take().expect("its output was asked for");
        let timeout = Duration::from_secs_f64(options.timeout);
        Ok(Self { timeout, child, lines: Some(speak(input)), answers: listen(output) })
    }

    /// Says a line. A program that does not listen is found out when it does not answer.
    fn say(&self, line: &Value) {
        if let Some(lines) = &self.lines {
            let _ = lines.send(format!("{line}\n"));
        }
    }

    fn answer(&mut self) -> Result<Vec<u8>, ExternalError> {
        match self.answers.recv_timeout(self.timeout) {
            Ok(answer) => answer,
            Err(RecvTimeoutError::Timeout) => Err(ExternalError::Silent { seconds: self.timeout.as_secs_f64() }),
            Err(RecvTimeoutError::Disconnected) => Err(ExternalError::Ended { status: self.status() }),
        }
    }

    /// How the program ended; it has a moment to do so.
    fn status(&mut self) -> Option<ExitStatus> {
        let started = Instant::now();
        while started.elapsed() < GRACE {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Some(status);
            }
            thread::sleep(Duration::from_millis(5));
        }
        None
    }
}

/// Writes lines to a program, from a thread of its own: one that does not read must not stop the search before its time is over.
fn speak(mut input: ChildStdin) -> Sender<String> {
    let (sender, lines) = channel::<String>();
    thread::spawn(move || {
        for line in lines {
            if input.write_all(line.as_bytes()).and_then(|()| input.flush()).is_err() {
                return;
            }
        }
    });
    sender
}

/// Reads the lines of a program as they come. It ends with the program.
fn listen(output: ChildStdout) -> Receiver<Result<Vec<u8>, ExternalError>> {
    // A program that answers without being asked waits.
    let (sender, receiver) = sync_channel(1);
    thread::spawn(move || {
        let mut output = BufReader::new(output);
        loop {
            let answer = match read_line(&mut output, MOST_BYTES) {
                Ok(None) => return,
                Ok(Some(line)) => Ok(line),
                Err(error) => Err(ExternalError::Read(error)),
            };
            let is_last = answer.is_err();
            if sender.send(answer).is_err() || is_last {
                return;
            }
        }
    });
    receiver
}

/// Reads what a program proposes.
pub(super) fn candidates(setup: &Setup, answer: &[u8]) -> Result<Vec<Candidate>, ExternalError> {
    let wrong = |problem: String| ExternalError::Answer { found: shown(answer), problem };
    let Answer { cells } = serde_json::from_slice(answer)
        .map_err(|error| wrong(format!("expected an object with the list `cells`, as in {{\"cells\":[…]}} ({error})")))?;
    cells.into_iter().map(|cell| candidate(setup, cell).map_err(wrong)).collect()
}

fn candidate(setup: &Setup, mut cell: Map<String, Value>) -> Result<Candidate, String> {
    let epochs = match cell.remove("epochs") {
        None => setup.epochs,
        Some(given) => {
            let epochs = given.as_u64().and_then(|epochs| u16::try_from(epochs).ok()).map(Epochs);
            let known = || setup.budgets.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let epochs = epochs.filter(|epochs| setup.budgets.contains(epochs));
            epochs.ok_or_else(|| format!("{given} epochs, expected one of {}", known()))?
        }
    };
    let graphs = RawGraph::from_json(&Value::Object(cell).to_string()).map_err(|error| sentence(&error))?;
    let [graph] = &graphs[..] else { return Err(format!("{} cells in one object", graphs.len())) };
    if let Some(key) = graph.passed_over().first() {
        return Err(format!("unknown key `{key}`, expected `matrix`, `ops` and, for another budget, `epochs`"));
    }
    let cell = graph.cell(&setup.space).map_err(|error: space::Error| sentence(&error))?;
    if !setup.holds(&cell) {
        return Err(format!("`{cell}` is not recorded, expected one of the recorded cells"));
    }
    Ok(Candidate::new(cell, epochs))
}

/// A cell, by the names of the columns of a table.
fn described(cell: &space::Cell) -> Value {
    json!({
        "module_hash": cell.hash().to_string(),
        "module_adjacency": cell.adjacency_text(),
        "module_operations": cell.operations_text(),
    })
}

/// The beginning of an answer, for a message.
fn shown(answer: &[u8]) -> String {
    let text = String::from_utf8_lossy(answer.trim_ascii_end());
    // What a terminal would act on is not shown as it is.
    let printable = |letter: char| if letter.is_control() { letter.escape_default().to_string() } else { letter.to_string() };
    let cut: String = text.chars().take(MOST_SHOWN).map(printable).collect();
    if text.chars().nth(MOST_SHOWN).is_some() { format!("{cut}…") } else { cut }
}

/// An error with its causes.
pub(super) fn sentence(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}

fn failed(source: ExternalError) -> Error {
    Error::Searcher { algorithm: EXTERNAL.name.to_owned(), source: source.into() }
}

impl Searcher for External {
    fn ask(&mut self, room: usize, rng: &mut SearchRng) -> Result<Vec<Candidate>, Error> {
        if self.program.is_none() {
            let program = Program::start(&self.options).map_err(failed)?;
            program.say(&beginning(&self.setup, rng.random()));
            self.program = Some(program);
        }
        let program = self.program.as_mut().expect("it was started");
        match program.answers.try_recv() {
            Ok(Ok(line)) => return Err(failed(ExternalError::Unasked { found: shown(&line) })),
            Ok(Err(error)) => return Err(failed(error)),
            // One that has ended is found out below.
            Err(_) => {}
        }
        program.say(&json!({ "type": "ask", "room": room }));
        let answer = program.answer().map_err(failed)?;
        candidates(&self.setup, &answer).map_err(failed)
    }

    fn tell(&mut self, trials: &[Trial]) -> Result<(), Error> {
        let told = told(&self.setup, trials)?;
        self.program.iter().for_each(|program| program.say(&told));
        Ok(())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.lines.take());
        if self.status().is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        // The standard library ends one process, and no group.
        #[cfg(unix)]
        let _ = Command::new("kill").args(["-KILL", "--", &format!("-{}", self.child.id())]).stderr(Stdio::null()).status();
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;
    use crate::network::Skeleton;
    use crate::objective::{Goals, find};
    use crate::oracle::{self, Measurement, Oracle};
    use crate::search::{Budget, History, Pool, run};
    use crate::space::{Cell, Space};
    use crate::unit::{Seconds, Seed};

    /// Every cell reaches three quarters, in a second.
    struct Always;

    impl Oracle for Always {
        fn measure(&mut self, candidates: &[Candidate]) -> Result<Vec<Measurement>, oracle::Error> {
            let measurement = Measurement::new(Accuracy::from_fraction(0.75), Some(Seconds(1.0)));
            Ok(vec![measurement; candidates.len()])
        }
    }

    fn setup(script: &str) -> Setup {
        let options = Options { command: ["sh", "-c", script].map(ToOwned::to_owned).into(), timeout: 5.0, digest: None };
        let space = Space::nas_bench_101().with_max_vertices(5).unwrap();
        Setup::new(space, Epochs(12)).with_budgets(&[Epochs(4), Epochs(12)]).with_options(&options)
    }

    fn search(setup: &Setup, evaluations: usize) -> Result<History, Error> {
        run(&EXTERNAL, setup, &mut Always, Budget::Evaluations(evaluations), Seed(3))
    }

    /// The message of a search, with its cause.
    fn message(script: &str) -> String {
        sentence(&search(&setup(script), 5).unwrap_err())
    }

    /// Answers each question with a line.
    fn answering(line: &str) -> String {
        format!("while read said; do case \"$said\" in *'\"ask\"'*) echo '{line}';; esac; done")
    }

    #[test]
    fn a_program_is_asked_and_told_in_lines() {
        let folder = tempfile::tempdir().unwrap();
        let said = folder.path().join("said");
        let cell = r#"{"cells":[{"matrix":[[0,1],[0,0]],"ops":["input","output"]}]}"#;
        let script = format!("tee '{}' | {}", said.display(), answering(cell));
        let history = search(&setup(&script), 2).unwrap();
        let epochs: Vec<_> = history.trials.iter().map(|trial| trial.candidate.epochs.0).collect();
        assert_eq!(epochs, [12, 12]);
        let said = fs_err::read_to_string(said).unwrap();
        let lines: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let kinds: Vec<_> = lines.iter().map(|line| line["type"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["start", "ask", "tell", "ask", "tell"]);
        assert_eq!((&lines[0]["protocol"], &lines[0]["budgets"]), (&json!(1), &json!([4, 12])));
        assert_eq!(lines[2]["trials"][0]["module_hash"], "043721b9c7fe8c5fad811d47d83132ec");
        assert_eq!(lines[2]["trials"][0]["validation_accuracy"], 0.75);
        assert!(lines[2]["trials"][0].get("objectives").is_none());
    }

    #[test]
    fn a_program_is_started_when_it_is_asked_and_not_before() {
        let folder = tempfile::tempdir().unwrap();
        let starts = folder.path().join("starts");
        let cell = r#"{"cells":[{"matrix":"0100","ops":""}]}"#;
        let setup = setup(&format!("echo one >> '{}'; {}", starts.display(), answering(cell)));
        EXTERNAL.searcher(&setup).unwrap();
        assert!(!starts.exists());
        search(&setup, 2).unwrap();
        assert_eq!(fs_err::read_to_string(starts).unwrap(), "one\n");
    }

    #[test]
    fn a_search_for_several_objectives_is_told_all_of_them() {
        let goals = ["error", "parameters"].map(|name| find(name).unwrap());
        let goals = Goals::new(goals.into(), vec!["flops<=1".parse().unwrap()], Skeleton::nas_bench_101()).unwrap();
        let setup = Setup { goals, ..setup("cat") };
        let history = search(&Setup { goals: Goals::default(), ..setup.clone() }, 1);
        assert!(sentence(&history.unwrap_err()).contains("expected an object with the list `cells`"));
        let cell = Cell::from_texts("0100", "input,output").unwrap();
        let trial = Trial::new(Candidate::new(cell, Epochs(12)), Measurement::new(Accuracy::from_fraction(0.75), None));
        let told = trial_of(&setup, &trial).unwrap();
        assert_eq!(told["objectives"], json!({ "error": 0.25, "parameters": 882_570.0 }));
        assert!(told["violation"].as_f64().unwrap() > 0.0);
    }

    #[test]
    fn a_program_that_fails_is_named_with_what_it_did() {
        for (script, expected) in [
            ("exit 3", "it ended before it answered (exit status: 3)"),
            ("read one; echo nonsense", "it answered `nonsense`: expected an object with the list `cells`"),
            ("echo '{\"cells\":[{\"matrix\":\"0100\",\"ops\":\"\",\"epochs\":7}]}'", "7 epochs, expected one of 4, 12"),
            (
                "echo '{\"cells\":[{\"matrix\":\"0100\",\"ops\":\"\",\"speed\":7}]}'",
                "unknown key `speed`, expected `matrix`, `ops`",
            ),
            (
                "read start; read ask; echo '{\"cells\":[{\"matrix\":\"0000\",\"ops\":\"é\"}]}'",
                "`{\"cells\":[{\"matrix\":\"0000\",\"ops\":\"é\"}]}`",
            ),
            ("read start; read ask; printf 'a\\033[2Jb\\n'", "it answered `a\\u{1b}[2Jb`: "),
            (
                "read start; read ask; echo '{\"cells\":[{\"matrix\":\"010001000\",\"ops\":\"odd\"}]}'",
                "unknown operation `odd` (known: conv3x3-bn-relu, conv1x1-bn-relu, maxpool3x3)",
            ),
            (
                "read start; read ask; echo '{\"cells\":[{\"matrix\":\"0100\",\"ops\":\"\"}]}'; echo more; cat > /dev/null",
                "`more`",
            ),
            ("yes | tr -d '\\n'", "could not read its answer: a line has more than 16777216 bytes"),
        ] {
            let found = message(script);
            assert!(found.starts_with("`external` cannot go on: ") && found.contains(expected), "{script}: {found}");
        }
        let message = sentence(&search(&setup("").with_options(&Options::default()), 1).unwrap_err());
        assert_eq!(message, "`external` has command = [], expected a program and its arguments");
        let nowhere = Options { command: vec!["/nowhere/search".to_owned()], ..Options::default() };
        let message = sentence(&search(&setup("").with_options(&nowhere), 1).unwrap_err());
        assert!(message.contains("could not start `/nowhere/search`"), "{message}");
    }

    #[test]
    fn a_program_that_does_not_answer_is_ended() {
        let started = Instant::now();
        let mut silent = setup("while true; do sleep 1; done");
        silent.options["timeout"] = json!(0.2);
        let message = sentence(&search(&silent, 1).unwrap_err());
        assert!(message.contains("it did not answer within 0.2 s"), "{message}");
        // It was given its grace, and no more.
        assert!(started.elapsed() < GRACE + Duration::from_secs(20));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_a_program_started_ends_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let mut silent = setup(&format!("sleep 600 & echo $! > '{}'; wait", file.display()));
        silent.options["timeout"] = json!(0.3);
        search(&silent, 1).unwrap_err();
        let pid = fs_err::read_to_string(file).unwrap();
        let started = Instant::now();
        while std::path::Path::new("/proc").join(pid.trim()).exists() {
            // One that has ended, but whom nobody has waited for, is no process any more.
            let status = fs_err::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
            if status.contains(") Z ") {
                break;
            }
            assert!(started.elapsed() < Duration::from_secs(10), "the process {pid} lives on");
            thread::sleep(Duration::from_millis(10));
        }
    }

    #[test]
    fn cells_that_are_not_recorded_are_refused() {
        let other = Cell::from_texts("010001000", "input,maxpool3x3,output").unwrap();
        let setup = Setup { pool: Some(Pool::new(vec![other], None)), ..setup("cat") };
        let error = candidates(&setup, br#"{"cells":[{"matrix":"0100","ops":""}]}"#).unwrap_err().to_string();
        assert!(error.ends_with("`0-1` is not recorded, expected one of the recorded cells"), "{error}");
        assert_eq!(candidates(&setup, br#"{"cells":[{"matrix":"010001000","ops":"maxpool3x3"}]}"#).unwrap().len(), 1);
        assert_eq!(candidates(&setup, br#"{"cells":[]}"#).unwrap(), []);
    }

    #[test]
    fn a_thousand_hostile_lines_are_errors() {
        let setup = setup("cat");
        let mut rng = SearchRng::seed_from_u64(5);
        let valid = br#"{"cells":[{"matrix":[[0,1,0],[0,0,1],[0,0,0]],"ops":["input","conv3x3","output"],"epochs":12}]}"#;
        assert!(candidates(&setup, valid).is_ok());
        for _ in 0..1_000 {
            let mut line = valid.to_vec();
            for _ in 0..rng.random_range(1..6) {
                let place = rng.random_range(0..line.len());
                match rng.random_range(0..4) {
                    0 => line.truncate(place.max(1)),
                    1 => line[place.min(valid.len() - 1)] = rng.random(),
                    2 => line.insert(place, b"[]{}\",:019-e"[rng.random_range(0..12)]),
                    _ => drop(line.remove(place.min(line.len() - 1))),
                }
                if line.is_empty() {
                    line.push(b'{');
                }
            }
            if let Err(error) = candidates(&setup, &line) {
                assert!(!error.to_string().is_empty());
            }
        }
        let deep = [b"{\"cells\":".as_slice(), &b"[".repeat(100_000)].concat();
        assert!(candidates(&setup, &deep).is_err());
    }
}

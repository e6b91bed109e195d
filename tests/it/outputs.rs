//! What was asked to be saved is saved, whoever reads what is printed: standard output and standard error are pipes that nobody reads,
//! and the full device.

#![cfg(target_os = "linux")]

use std::path::Path;
use std::process::{Command, Output, Stdio};

use fs_err as fs;
use nasbench::table::Benchmark;

use crate::pipeline::TINY;

const BENCHMARK: &str = "tests/data/tiny-benchmark";

/// Where a stream of a command goes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Sink {
    /// To the test.
    Read,
    /// Into a pipe that nobody reads any more.
    Closed,
    /// To a device on which there is no room.
    Full,
}

impl Sink {
    fn open(self) -> Stdio {
        match self {
            Self::Read => Stdio::piped(),
            Self::Closed => {
                let (reader, writer) = std::io::pipe().unwrap();
                drop(reader);
                writer.into()
            }
            Self::Full => fs::OpenOptions::new().write(true).open("/dev/full").unwrap().into_parts().0.into(),
        }
    }
}

fn nasbench(arguments: &str, folder: &Path, [out, errors]: [Sink; 2]) -> Output {
    let words = arguments.split(' ').map(|word| word.replace("DIR", folder.to_str().unwrap()));
    let mut command = Command::new(env!("CARGO_BIN_EXE_nasbench"));
    let child = command.args(words).stdin(Stdio::null()).stdout(out.open()).stderr(errors.open()).spawn();
    child.unwrap().wait_with_output().unwrap()
}

/// Runs a command into each kind of sink. `prepare` fills the folder before; `files` are there afterwards, whatever became of what was
/// printed, and not empty.
fn saves(arguments: &str, files: &[&str], prepare: impl Fn(&Path)) {
    let (full, closed, read) = (Sink::Full, Sink::Closed, Sink::Read);
    for (sinks, expected) in [([closed, read], 0), ([full, read], 1), ([read, closed], 0), ([read, full], 0)] {
        let folder = tempfile::tempdir().unwrap();
        prepare(folder.path());
        let output = nasbench(arguments, folder.path(), sinks);
        assert_eq!(output.status.code(), Some(expected), "{arguments} into {sinks:?}: {output:?}");
        if sinks[0] == full {
            let errors = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(errors.contains("error: No space left on device"), "{arguments}: {errors}");
        }
        for file in files {
            let path = folder.path().join(file);
            let length = fs::metadata(&path).map_or(0, |metadata| metadata.len());
            assert!(length > 0, "{arguments} into {sinks:?} leaves no `{file}`: {output:?}");
        }
    }
}

fn nothing(_: &Path) {}

/// Runs a command that must succeed.
fn does(arguments: &str, folder: &Path) {
    let output = nasbench(arguments, folder, [Sink::Read, Sink::Read]);
    assert!(output.status.success(), "{arguments}: {output:?}");
}

#[test]
fn a_trained_model_is_saved_and_exported() {
    let train = format!("train --edges 0-1,1-2 --ops conv3x3 --protocol {TINY} --save DIR/m.safetensors");
    saves(&format!("{train} --export DIR/m.onnx"), &["m.safetensors", "m.onnx"], nothing);
    let evaluate = "evaluate DIR/m.safetensors --export DIR/m.onnx --answers DIR/answers.safetensors";
    saves(evaluate, &["m.onnx", "answers.safetensors"], |folder| does(&train, folder));
}

#[test]
fn models_and_their_curves_are_saved() {
    saves(&format!("fit {BENCHMARK} --model svr --encoding statistics --out DIR/svr.json"), &["svr.json"], nothing);
    let importances = "--train 40 --encoding operations --importances";
    saves(&format!("fit {BENCHMARK} --model svr {importances} --out DIR/svr.json"), &["svr.json"], nothing);
    saves(&format!("fit {BENCHMARK} --model judge-tree --out DIR/judge.json"), &["judge.json"], nothing);
    let assess = format!("assess {BENCHMARK} --model svr --encoding operations --train-sizes 20 --seeds 2 --out DIR/c.svg");
    saves(&assess, &["c.svg"], nothing);
}

#[test]
fn trials_and_comparisons_are_saved() {
    saves(&format!("search --on {BENCHMARK} --algorithm hyperband --budget 9evals --out DIR/x.parquet"), &["x.parquet"], nothing);
    let compare = format!("compare --on {BENCHMARK} --algorithms random --runs 3 --budget 5evals --out DIR/results");
    saves(&compare, &["results/report.html", "results/comparison.json", "results/trajectories.parquet"], nothing);
}

#[test]
fn rows_pictures_and_scripts_are_written() {
    for format in ["csv", "parquet", "tfrecord"] {
        // Nothing goes to standard output.
        let export = format!("export {BENCHMARK} --format {format} --out DIR/rows");
        for sinks in [[Sink::Full, Sink::Closed], [Sink::Closed, Sink::Full]] {
            let folder = tempfile::tempdir().unwrap();
            let output = nasbench(&export, folder.path(), sinks);
            assert!(output.status.success() && folder.path().join("rows").exists(), "{export}: {output:?}");
        }
    }
    saves("space show --edges 0-1 --ops= --svg DIR/cell.svg", &["cell.svg"], nothing);
    let cluster = "cluster slurm DIR/bench --max-vertices 3 --shards 4";
    saves(cluster, &["bench.slurm/record.sbatch", "bench.slurm/compact.sbatch", "bench/benchmark.toml"], nothing);
}

#[test]
fn benchmarks_are_made() {
    let record = format!("record DIR/bench --protocol {TINY} --max-vertices 2 --epochs 1 --repeats 1");
    saves(&record, &["bench/benchmark.toml"], nothing);
    let whole = |folder: &Path| does(&record, folder);
    saves("compact DIR/bench", &["bench/records.parquet"], whole);
    let second = record.replace("--repeats 1", "--repeats 2").replace("DIR/bench", "DIR/other");
    saves("merge DIR/bench DIR/other --out DIR/all", &["all/records.parquet"], |folder| {
        whole(folder);
        does(&second, folder);
    });
    saves("import DIR/rows.tfrecord --out DIR/imported", &["imported/records.parquet"], |folder| {
        does(&format!("export {BENCHMARK} --format tfrecord --out DIR/rows.tfrecord"), folder);
    });
    let folder = tempfile::tempdir().unwrap();
    let output = nasbench(&record, folder.path(), [Sink::Closed, Sink::Full]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(Benchmark::open(folder.path().join("bench")).unwrap().records().unwrap().len(), 1);
}

#[test]
fn a_run_ends_with_its_report() {
    let folder = tempfile::tempdir().unwrap();
    let run = format!("run --protocol {TINY} --max-vertices 3 --workers 2 --out DIR/run");
    let output = nasbench(&run, folder.path(), [Sink::Closed, Sink::Full]);
    assert!(output.status.success() && folder.path().join("run/report.html").exists(), "{output:?}");
    let output = nasbench(&run, folder.path(), [Sink::Full, Sink::Closed]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
}

#[test]
fn a_page_that_is_no_report_of_a_run_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let run = format!("run --protocol {TINY} --max-vertices 3 --workers 2 --out DIR/run");
    let page = folder.path().join("run/report.html");
    does(&format!("compare --on {BENCHMARK} --algorithms random --runs 2 --budget 3evals --out DIR/run"), folder.path());
    let foreign = fs::read(&page).unwrap();
    let output = nasbench(&run, folder.path(), [Sink::Read, Sink::Read]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--force"), "{output:?}");
    assert!(fs::read(&page).unwrap() == foreign && !folder.path().join("run/benchmark").exists());
}

#[test]
fn a_search_by_training_that_is_interrupted_leaves_its_trials() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("trials.parquet");
    let search = format!(
        "search --on train --protocol {TINY} --algorithm random --budget 100000evals --max-vertices 4 --out {}",
        file.display()
    );
    let mut child = Command::new(env!("CARGO_BIN_EXE_nasbench"))
        .args(search.split(' '))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let patience = std::time::Instant::now();
    while !file.exists() && patience.elapsed().as_secs() < 60 {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert!(child.try_wait().unwrap().is_none(), "it goes on");
    // What Ctrl-C sends.
    let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("trials.parquet"), "{output:?}");
    assert!(nasbench::table::holds_trials(&file), "the trials so far are whole");
}

#[test]
fn what_is_wrong_is_an_error_even_if_nobody_reads_what_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    let (bench, shards) = (folder.path().join("bench"), folder.path().join("bench/shards"));
    fs::create_dir_all(&shards).unwrap();
    fs::copy(Path::new(BENCHMARK).join("benchmark.toml"), bench.join("benchmark.toml")).unwrap();
    fs::write(shards.join("1.parquet"), "no rows").unwrap();
    for (arguments, expected) in [
        ("check DIR/bench", "damaged file"),
        ("check DIR/bench --format json", "damaged file"),
        ("query tests/data/tiny-benchmark --hash 043721b9 --hash 00000000", "not in `tests/data/tiny-benchmark`"),
        ("space check --edges 0-1,1-2 --ops odd", "the cell is not one of the space"),
        ("check DIR/bench --repair", "the shards that were moved"),
    ] {
        let output = nasbench(arguments, folder.path(), [Sink::Closed, Sink::Read]);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(1) && errors.contains(expected), "{arguments}: {output:?}");
    }
    assert!(bench.join("damaged").exists() && !shards.join("1.parquet").exists(), "the repair was done all the same");
}

#[test]
fn binary_rows_that_the_device_does_not_take_are_an_error() {
    for format in ["parquet", "arrow", "csv", "jsonl"] {
        let folder = tempfile::tempdir().unwrap();
        let output = nasbench(&format!("export {BENCHMARK} --format {format}"), folder.path(), [Sink::Full, Sink::Read]);
        assert_eq!(output.status.code(), Some(1), "{format}: {output:?}");
        let output = nasbench(&format!("export {BENCHMARK} --format {format}"), folder.path(), [Sink::Closed, Sink::Read]);
        assert_eq!(output.status.code(), Some(0), "{format}: {output:?}");
    }
}

/// A path whose name is no text is refused by every command that would make something there: whoever reads its name would not find it.
#[test]
fn a_path_that_is_no_text_is_refused_where_something_would_be_made() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    let (folder, model) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let odd = folder.path().join(OsStr::from_bytes(b"odd\xff"));
    let train = format!("train --edges 0-1 --ops= --protocol {TINY} --save");
    does(&format!("{train} DIR/m.safetensors"), model.path());
    let export = format!("export {BENCHMARK} --format csv --out");
    let fit = format!("fit {BENCHMARK} --model svr --encoding statistics --out");
    let assess = format!("assess {BENCHMARK} --model svr --train-sizes 20 --seeds 2 --out");
    let merge = format!("merge {BENCHMARK} {BENCHMARK} --out");
    let search = format!("search --on {BENCHMARK} --algorithm random --budget 3evals --out");
    let compare = format!("compare --on {BENCHMARK} --algorithms random --runs 2 --budget 3evals --out");
    for words in [
        "cluster slurm --max-vertices 3",
        &format!("run --protocol {TINY} --max-vertices 3 --out"),
        &format!("record --protocol {TINY} --max-vertices 2 --epochs 1 --repeats 1"),
        "import tests/cli/import.in/seven.tfrecord --out",
        "import tests/cli/import.in/energy.csv --out",
        "evaluate DIR/m.safetensors --export",
        "evaluate DIR/m.safetensors --answers",
        "space show --edges 0-1 --ops= --svg",
        &train,
        &train.replace("--save", "--export"),
        &train.replace("--save", "--checkpoint"),
        &export,
        &fit,
        &assess,
        &merge,
        &search,
        &compare,
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nasbench"));
        command.args(words.split(' ').map(|word| word.replace("DIR", model.path().to_str().unwrap()))).arg(&odd);
        let output = command.output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(1) && errors.contains("is not UTF-8"), "{words}: {output:?}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{words} leaves something behind");
    }
    // The name of a file that is imported is kept in `benchmark.toml`.
    let file = folder.path().join(OsStr::from_bytes(b"odd\xff.csv"));
    fs::copy("tests/cli/import.in/energy.csv", &file).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_nasbench"));
    let output = command.arg("import").arg(&file).arg("--out").arg(folder.path().join("bench")).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && errors.contains("is not UTF-8"), "{output:?}");
    assert!(!folder.path().join("bench").exists());
}

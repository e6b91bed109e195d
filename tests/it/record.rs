//! `nasbench record` as a user has it: processes side by side, signals, damaged files.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use nasbench::table::{Benchmark, Part};

use crate::pipeline::{TINY, assert_same};

fn nasbench(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nasbench"));
    command.args(arguments);
    command
}

/// Records the 7 cells of at most 3 vertices.
fn record(folder: &Path, more: &[&str]) -> Command {
    let mut command =
        nasbench(&["record", folder.to_str().unwrap(), "--protocol", TINY, "--max-vertices", "3", "--workers", "2"]);
    command.args(more);
    command
}

fn succeed(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

fn start(command: &mut Command) -> Child {
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

fn text_of_failure(child: Child) -> String {
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr).unwrap()
}

/// Waits until something is there; a recording that ended before would never show it.
fn wait_for(what: impl Fn() -> bool) {
    let started = Instant::now();
    while !what() {
        assert!(started.elapsed() < Duration::from_mins(1), "it did not come");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_recording_grows_by_repeats_budgets_and_vertices() {
    let folder = tempfile::tempdir().unwrap();
    let bench = folder.path().join("bench");
    assert!(succeed(&mut record(&bench, &["--epochs", "1", "--repeats", "1"])).starts_with("7 models trained"));
    assert!(succeed(&mut record(&bench, &["--epochs", "1,2", "--repeats", "2"])).starts_with("21 models trained"));
    assert!(succeed(&mut record(&bench, &["--epochs", "1,2", "--repeats", "2"])).starts_with("0 models trained"));
    let text = succeed(record(&bench, &["--epochs", "1", "--repeats", "1"]).args(["--order", "random"]));
    assert!(text.contains("7 of 7 are recorded"), "{text}");
    assert_eq!(Benchmark::open(&bench).unwrap().records().unwrap().len(), 28);
    succeed(&mut nasbench(&[
        "check",
        bench.to_str().unwrap(),
        "--space",
        "nas-bench-101",
        "--max-vertices",
        "3",
        "--repeats",
        "2",
    ]));
}

#[test]
fn shards_in_processes_of_their_own_record_what_one_process_would() {
    let folder = tempfile::tempdir().unwrap();
    let (alone, together) = (folder.path().join("alone"), folder.path().join("together"));
    succeed(&mut record(&alone, &[]));
    let children: Vec<_> = ["0/3", "1/3", "2/3"].map(|shard| start(&mut record(&together, &["--shard", shard]))).into();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let [alone, together] = [alone, together].map(|folder| Benchmark::open(folder).unwrap());
    assert_same(&alone.records().unwrap(), &together.records().unwrap());
    let rows: usize = together
        .files(Part::Recorded)
        .unwrap()
        .iter()
        .map(|file| nasbench::table::read(file, together.identity()).unwrap().len())
        .sum();
    assert_eq!(rows, 28, "no row stands twice");
}

#[cfg(unix)]
#[test]
fn a_recording_that_is_told_to_end_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (alone, bench) = (folder.path().join("alone"), folder.path().join("bench"));
    // Long enough that a signal hits trainings, not the moment between two.
    let long = ["--epochs", "300", "--repeats", "1"];
    succeed(&mut record(&alone, &long));
    let mut stopped = 0;
    for _ in 0..3 {
        let child = start(&mut record(&bench, &long));
        let activity = bench.join("journals/all.activity");
        let is_training =
            || std::fs::read_to_string(&activity).is_ok_and(|text| text.contains(&format!("\"process\":{},", child.id())));
        wait_for(is_training);
        std::thread::sleep(Duration::from_millis(50));
        succeed(Command::new("kill").args(["-TERM", &child.id().to_string()]));
        let asked = Instant::now();
        let text = text_of_failure(child);
        assert!(asked.elapsed() < Duration::from_secs(20), "it took {:?}", asked.elapsed());
        assert!(text.contains("stopped by a signal with") && text.contains("hint: the same command continues"), "{text}");
        stopped += usize::from(bench.join("checkpoints").exists());
    }
    assert!(stopped > 0, "no training was broken off");
    succeed(&mut record(&bench, &long));
    assert!(!bench.join("checkpoints").exists() && !bench.join("journals").exists());
    let [alone, bench] = [alone, bench].map(|folder| Benchmark::open(folder).unwrap());
    assert_same(&alone.records().unwrap(), &bench.records().unwrap());
}

#[test]
fn a_second_recording_of_the_same_cells_is_told_who_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let bench = folder.path().join("bench");
    let mut first = start(&mut record(&bench, &["--epochs", "2000", "--repeats", "1"]));
    wait_for(|| bench.join("journals/all.activity").exists());
    let text = text_of_failure(start(&mut record(&bench, &["--epochs", "2000", "--repeats", "1"])));
    assert!(text.contains("is in the hands of process"), "{text}");
    assert!(text.contains(&first.id().to_string()), "{text}");
    let page = succeed(&mut nasbench(&["watch", bench.to_str().unwrap()]));
    assert!(page.contains("of 7 models") && page.contains(&format!("process {}", first.id())), "{page}");
    let text = text_of_failure(start(&mut nasbench(&["compact", bench.to_str().unwrap()])));
    assert!(text.contains("is in the hands of process"), "{text}");
    first.kill().unwrap();
    first.wait().unwrap();
    let page = succeed(&mut nasbench(&["watch", bench.to_str().unwrap()]));
    assert!(page.starts_with("nobody records"), "{page}");
}

#[test]
fn a_shard_damaged_by_hand_is_named_and_recorded_again() {
    let folder = tempfile::tempdir().unwrap();
    let (alone, bench) = (folder.path().join("alone"), folder.path().join("bench"));
    succeed(&mut record(&alone, &[]));
    succeed(&mut record(&bench, &[]));
    let shard = Benchmark::open(&bench).unwrap().files(Part::Recorded).unwrap().remove(0);
    let mut bytes = std::fs::read(&shard).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x20;
    std::fs::write(&shard, &bytes).unwrap();
    let output = nasbench(&["check", bench.to_str().unwrap()]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let name = shard.file_name().unwrap().to_str().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("damaged") && text.contains(name), "{text}");
    assert!(succeed(&mut record(&bench, &[])).starts_with("28 models trained"));
    assert_eq!(std::fs::read(bench.join("damaged").join(name)).unwrap(), bytes, "nothing is thrown away");
    succeed(&mut nasbench(&["check", bench.to_str().unwrap()]));
    let [alone, bench] = [alone, bench].map(|folder| Benchmark::open(folder).unwrap());
    assert_same(&alone.records().unwrap(), &bench.records().unwrap());
}

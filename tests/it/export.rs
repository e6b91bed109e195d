//! Rows that leave a benchmark by the command line and come back.

use std::path::Path;
use std::process::{Command, Output};

use fs_err as fs;
use nasbench::table::{Benchmark, Record};

const BENCHMARK: &str = "tests/data/tiny-benchmark";
/// What an import says of it under the official protocol.
const OTHER_NETWORK: &str = "note: 364 records state another number of trainable parameters than the network of their cell has";

fn nasbench(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_nasbench")).args(arguments).output().unwrap()
}

fn export(format: &str, out: &Path, more: &[&str]) -> Output {
    let out = out.to_str().unwrap();
    nasbench(&[&["export", BENCHMARK, "--format", format, "--out", out], more].concat())
}

#[test]
fn an_exported_file_is_whole_and_not_overwritten_unasked() {
    let folder = tempfile::tempdir().unwrap();
    for format in ["csv", "jsonl", "parquet", "arrow", "tfrecord"] {
        let file = folder.path().join(format);
        let first = export(format, &file, &[]);
        assert!(first.status.success(), "{format}: {first:?}");
        assert_eq!(String::from_utf8(first.stderr).unwrap(), format!("364 rows are in `{}`\n", file.display()));
        let written = fs::read(&file).unwrap();

        fs::write(&file, "precious").unwrap();
        let refused = export(format, &file, &[]);
        assert_eq!(refused.status.code(), Some(1), "{format}");
        assert!(
            String::from_utf8(refused.stderr).unwrap().contains("is there already\nhint: `--force` overwrites it"),
            "{format}"
        );
        assert_eq!(fs::read(&file).unwrap(), b"precious");

        let forced = export(format, &file, &["--force", "--quiet"]);
        assert!(forced.status.success() && forced.stderr.is_empty(), "{format}: {forced:?}");
        assert_eq!(fs::read(&file).unwrap(), written, "{format} is not the same the second time");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 5, "something was left beside the files");
}

#[test]
fn an_exported_parquet_file_is_a_compacted_benchmark() {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(Path::new(BENCHMARK).join("benchmark.toml"), folder.path().join("benchmark.toml")).unwrap();
    assert!(export("parquet", &folder.path().join("records.parquet"), &[]).status.success());
    let records = Benchmark::open(BENCHMARK).unwrap().records().unwrap();
    assert_eq!(Benchmark::open(folder.path()).unwrap().records().unwrap(), records);
}

#[test]
fn rows_of_verification_are_exported_apart() {
    let text = nasbench(&["export", BENCHMARK, "--format", "jsonl", "--verified"]).stdout;
    let rows: Vec<serde_json::Value> =
        String::from_utf8(text).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), Benchmark::open(BENCHMARK).unwrap().verified().unwrap().len());
    assert!(rows.iter().all(|row| row["repeat"].as_u64() >= Some(100) && row["source"] == "verified"));
}

#[test]
fn every_export_and_every_query_comes_back_by_import() {
    let folder = tempfile::tempdir().unwrap();
    let records = Benchmark::open(BENCHMARK).unwrap().records().unwrap();
    let import = |file: &Path, out: &Path| {
        let run = nasbench(&["import", file.to_str().unwrap(), "--out", out.to_str().unwrap()]);
        assert!(run.status.success(), "{run:?}");
        (Benchmark::open(out).unwrap(), String::from_utf8(run.stderr).unwrap())
    };
    for format in ["csv", "jsonl", "parquet", "arrow"] {
        let (file, out) = (folder.path().join(format), folder.path().join(format!("{format}-bench")));
        assert!(export(format, &file, &["--quiet"]).status.success());
        let (again, said) = import(&file, &out);
        assert_eq!((again.records().unwrap(), said.starts_with(OTHER_NETWORK)), (records.clone(), true), "{format}: {said}");
        let check = nasbench(&["check", out.to_str().unwrap()]);
        assert!(check.status.success(), "{check:?}");
    }
    // The official format lacks much of a row.
    let official = |record: &Record| {
        let Record { hash, cell, epochs, repeat, parameters, start, halfway, end, total_time, .. } = record.clone();
        (hash, cell, epochs, repeat, parameters, [start, halfway, end], total_time)
    };
    let (file, out) = (folder.path().join("rows.tfrecord"), folder.path().join("tfrecord-bench"));
    assert!(export("tfrecord", &file, &["--quiet"]).status.success());
    let (again, _) = import(&file, &out);
    assert!(again.records().unwrap().iter().map(official).eq(records.iter().map(official)));

    let printed = |record: &Record| {
        let time = record.end.training_time;
        (record.key(), record.cell, record.parameters, time, record.end.validation_accuracy, record.end.test_accuracy)
    };
    for format in ["csv", "json"] {
        let (file, out) = (folder.path().join(format!("query.{format}")), folder.path().join(format!("query-{format}")));
        let cells: Vec<_> = records.iter().map(|record| format!("--hash={}", record.hash)).collect();
        let mut arguments = vec!["query", BENCHMARK, "--repeat", "all", "--format", format];
        arguments.extend(cells.iter().map(String::as_str).step_by(4));
        fs::write(&file, nasbench(&arguments).stdout).unwrap();
        let (again, said) = import(&file, &out);
        assert!(again.records().unwrap().iter().map(printed).eq(records.iter().map(printed)), "{format}");
        assert!(said.starts_with(OTHER_NETWORK), "{said}");
    }
    let means = folder.path().join("means.csv");
    fs::write(&means, nasbench(&["query", BENCHMARK, "--best", "5", "--format", "csv"]).stdout).unwrap();
    let (again, said) = import(&means, &folder.path().join("means"));
    // Of how many repeats the means are has no place in a row of one training.
    assert!(said.contains(" that are not read: repeats, diverged_repeats, training_time_repeats, "), "{said}");
    assert!(said.contains("\nnote: 5 rows are means over repeats: each counts as one repeat\n"), "{said}");
    assert!(again.records().unwrap().iter().all(|record| record.repeat == 0));
}

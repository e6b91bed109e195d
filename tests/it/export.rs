//! Rows that leave a benchmark by the command line and come back.

use std::path::Path;
use std::process::{Command, Output};

use fs_err as fs;
use nasbench::table::Benchmark;

const BENCHMARK: &str = "tests/data/tiny-benchmark";

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

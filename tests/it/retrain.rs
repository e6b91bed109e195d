//! `nasbench check --retrain`: what a table says can be had again.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::pipeline::TINY;

fn nasbench(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_nasbench")).args(arguments).output().unwrap()
}

/// A benchmark of the 7 cells of at most 3 vertices, as text of its path.
fn recorded(folder: &Path) -> String {
    let bench = folder.join("bench").display().to_string();
    let ended = nasbench(&["record", &bench, "--max-vertices", "3", "--protocol", TINY, "--quiet"]);
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    bench
}

#[test]
fn rows_of_this_machine_come_out_the_same_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let bench = recorded(folder.path());
    let ended = nasbench(&["check", &bench, "--retrain", "5", "--format", "json", "--quiet"]);
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let found: Value = serde_json::from_slice(&ended.stdout).unwrap();
    let rows = found["retrained"]["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 5);
    for row in rows {
        assert_eq!((&row["is_same"], &row["numerics"]), (&Value::Bool(true), &found["retrained"]["numerics"]), "{row}");
        assert_eq!(row["validation_accuracy"], row["new_validation_accuracy"]);
    }
    assert_eq!(found["parts"][0]["numerics_revisions"].as_array().unwrap().len(), 1);
    let manifest = fs_err::read_to_string(Path::new(&bench).join("benchmark.toml")).unwrap();
    assert!(manifest.contains(&format!("\nnumerics = {}\n", nasbench::engine::NUMERICS)), "{manifest}");
}

/// Without `--dataset` a benchmark is trained on its own images, whichever these are.
#[test]
fn the_bundled_benchmark_comes_out_the_same() {
    let ended = nasbench(&["check", "nb101-5v-clutter", "--retrain", "1", "--format", "json", "--quiet"]);
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let found: Value = serde_json::from_slice(&ended.stdout).unwrap();
    let row = &found["retrained"]["rows"][0];
    // Other vector instructions round differently.
    assert_eq!(row["is_same"] == true, row["numerics"] == found["retrained"]["numerics"], "{row}");
}

#[test]
fn other_images_and_other_arithmetic_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let bench = recorded(folder.path());
    let ended = nasbench(&["check", &bench, "--retrain", "3", "--device", "reference", "--quiet"]);
    let said = String::from_utf8_lossy(&ended.stdout);
    assert!(
        ended.status.success() && said.contains("trained again with numerics ") && said.contains(": reference with "),
        "{said}"
    );
    let file = Path::new(&bench).join("benchmark.toml");
    let text = fs_err::read_to_string(&file).unwrap();
    fs_err::write(&file, text.replace(&format!("numerics = {}\n", nasbench::engine::NUMERICS), "numerics = 999\n")).unwrap();
    let ended = nasbench(&["record", &bench, "--max-vertices", "3", "--protocol", TINY]);
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(
        ended.status.success() && said.contains("warning: the benchmark was begun with revision 999 of the numerics"),
        "{said}"
    );
    let imported =
        nasbench(&["check", "tests/data/tiny-benchmark", "--retrain", "1", "--dataset", "npz", "--data-dir", "tests/tiny.toml"]);
    assert_eq!(imported.status.code(), Some(1));
}

//! A run that is killed with −9 again and again ends with the same rows as one that was left alone, and so does compacting.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use nasbench::table::{Benchmark, Part, Record, write};
use nasbench::unit::Seed;
use rand::RngExt as _;

use crate::pipeline::{TINY, assert_same};

fn start(out: &Path) -> Child {
    let arguments = ["run", "--protocol", TINY, "--max-vertices", "3", "--workers", "2", "--seed", "1", "--out"];
    Command::new(env!("CARGO_BIN_EXE_nasbench"))
        .args(arguments)
        .arg(out)
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

#[test]
fn killing_a_run_at_any_moment_loses_no_row_and_doubles_none() {
    let folder = tempfile::tempdir().unwrap();
    let (alone, killed) = (folder.path().join("alone"), folder.path().join("killed"));
    let started = std::time::Instant::now();
    assert!(start(&alone).wait().unwrap().success());
    let whole = started.elapsed();
    let mut rng = Seed(9).rng();
    let mut hit = 0;
    for _ in 0..12 {
        let mut child = start(&killed);
        std::thread::sleep(whole.mul_f64(rng.random_range(0.05..0.5)));
        hit += usize::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(hit > 0, "every run was over before it was killed");
    assert!(start(&killed).wait().unwrap().success());
    let [alone, killed] = [alone, killed].map(|out| Benchmark::open(out.join("benchmark")).unwrap());
    assert_same(&alone.records().unwrap(), &killed.records().unwrap());
    assert_same(&alone.verified().unwrap(), &killed.verified().unwrap());
}

/// A benchmark of some thousand rows in shards, and its rows.
fn in_shards(folder: &Path) -> (Benchmark, Vec<Record>) {
    let tiny = Benchmark::open("tests/data/tiny-benchmark").unwrap();
    let mut rows = Vec::new();
    for record in tiny.records().unwrap() {
        rows.extend((0..20).map(|more| Record { repeat: record.repeat + 2 * more, ..record.clone() }));
    }
    fs_err::create_dir(folder).unwrap();
    fs_err::copy("tests/data/tiny-benchmark/benchmark.toml", folder.join("benchmark.toml")).unwrap();
    let benchmark = Benchmark::open(folder).unwrap();
    let shards = benchmark.shards(Part::Recorded);
    fs_err::create_dir(&shards).unwrap();
    for (index, rows) in rows.chunks(300).enumerate() {
        write(&shards.join(format!("{index:03}.parquet")), rows, benchmark.identity()).unwrap();
    }
    rows.sort_by_key(Record::key);
    (benchmark, rows)
}

fn compact(benchmark: &Benchmark) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nasbench"));
    command.arg("compact").arg(benchmark.folder()).stdout(Stdio::null()).stderr(Stdio::inherit()).spawn().unwrap()
}

#[test]
fn killing_a_compaction_at_any_moment_loses_no_row_and_the_next_one_finishes() {
    let folder = tempfile::tempdir().unwrap();
    let (benchmark, rows) = in_shards(&folder.path().join("alone"));
    let started = std::time::Instant::now();
    assert!(compact(&benchmark).wait().unwrap().success());
    let whole = started.elapsed();
    assert!(benchmark.records().unwrap() == rows);
    let mut rng = Seed(9).rng();
    let mut hit = 0;
    for attempt in 0..10 {
        let (benchmark, rows) = in_shards(&folder.path().join(attempt.to_string()));
        for _ in 0..3 {
            let mut child = compact(&benchmark);
            std::thread::sleep(whole.mul_f64(rng.random_range(0.05..1.1)));
            hit += usize::from(child.try_wait().unwrap().is_none());
            child.kill().unwrap();
            child.wait().unwrap();
            assert!(benchmark.records().unwrap() == rows, "attempt {attempt}");
        }
        assert!(compact(&benchmark).wait().unwrap().success());
        assert!(benchmark.records().unwrap() == rows, "attempt {attempt}");
        assert!(!benchmark.shards(Part::Recorded).exists());
    }
    assert!(hit > 0, "every compaction was over before it was killed");
}

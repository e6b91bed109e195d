//! A run that is killed with −9 again and again ends with the same rows as one that was left alone.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use nasbench::table::Benchmark;
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
    for _ in 0..12 {
        let mut child = start(&killed);
        std::thread::sleep(whole.mul_f64(rng.random_range(0.05..0.5)));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(start(&killed).wait().unwrap().success());
    let [alone, killed] = [alone, killed].map(|out| Benchmark::open(out.join("benchmark")).unwrap());
    assert_same(&alone.records().unwrap(), &killed.records().unwrap());
    assert_same(&alone.verified().unwrap(), &killed.verified().unwrap());
}

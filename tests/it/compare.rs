//! A comparison that is made on other threads, is killed, or grows, has the same bytes as one that was made at once.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Starts a comparison in a folder, so that its results lie in `folder/out`.
fn start(folder: &Path, threads: usize, algorithms: &str, epochs: &str, runs: u32) -> Child {
    let tiny = fs_err::canonicalize("tests/data/tiny-benchmark").unwrap();
    fs_err::create_dir_all(folder).unwrap();
    Command::new(env!("CARGO_BIN_EXE_nasbench"))
        .current_dir(folder)
        .env("RAYON_NUM_THREADS", threads.to_string())
        .args(["compare", "--budget", "40evals", "--seed", "5", "--out", "out", "--quiet", "--algorithms", algorithms])
        .args(["--runs", &runs.to_string(), "--epochs", epochs, "--on"])
        .arg(tiny)
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

fn results(folder: &Path) -> [Vec<u8>; 3] {
    ["trajectories.parquet", "comparison.json", "report.html"].map(|name| fs_err::read(folder.join("out").join(name)).unwrap())
}

#[test]
fn a_comparison_that_is_refused_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for algorithms in ["random,random", "genetic:elites=500"] {
        assert!(!start(folder.path(), 1, algorithms, "2", 1).wait().unwrap().success());
        assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 0, "{algorithms}");
    }
}

#[test]
fn a_comparison_has_the_same_bytes_however_it_was_made() {
    const ALGORITHMS: &str = "random,regularized-evolution,hyperband,local-search";
    let folder = tempfile::tempdir().unwrap();
    let [alone, killed, grown] = ["alone", "killed", "grown"].map(|name| -> PathBuf { folder.path().join(name) });

    let started = Instant::now();
    assert!(start(&alone, 1, ALGORITHMS, "1,2", 60).wait().unwrap().success());
    let whole = started.elapsed();
    let expected = results(&alone);

    let mut hit = 0;
    for part in [2_u32, 3, 4] {
        let mut child = start(&killed, 3, ALGORITHMS, "1,2", 60);
        std::thread::sleep(Duration::max(whole / part, Duration::from_millis(1)));
        hit += usize::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(hit > 0, "every comparison was over before it was killed");
    assert!(start(&killed, 3, ALGORITHMS, "1,2", 60).wait().unwrap().success());
    assert!(results(&killed) == expected);

    assert!(start(&grown, 2, "hyperband,random", "2", 13).wait().unwrap().success());
    assert!(results(&grown) != expected);
    assert!(start(&grown, 2, ALGORITHMS, "1,2", 60).wait().unwrap().success());
    assert!(results(&grown) == expected);
}

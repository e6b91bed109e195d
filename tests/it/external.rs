//! Searches in other programs: the examples of the guide run, and one that fails costs its own runs only.

use std::path::Path;
use std::process::{Command, Output};

const PYTHON: &str = "python3 tests/data/external/search.py";
const AWK: &str = "awk -W interactive -f tests/data/external/search.awk";

fn nasbench(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_nasbench")).args(arguments).arg("--quiet").output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The trials of a search in a program.
fn search(program: &str) -> String {
    let output = nasbench(&["search", "--external", program, "--budget", "12evals", "--seed", "3", "--format", "csv"]);
    assert!(output.status.success(), "{program}: {}", text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn the_examples_of_the_guide_are_those_that_run() {
    let guide = fs_err::read_to_string("src/guide/external.md").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let compiled = folder.path().join("search");
    assert!(Command::new("cc").arg("tests/data/external/search.c").arg("-o").arg(&compiled).status().unwrap().success());
    let compiled = compiled.to_string_lossy().into_owned();
    for (file, program) in [("search.py", PYTHON), ("search.awk", AWK), ("search.c", compiled.as_str())] {
        // The first line of a file says what it is.
        let source = fs_err::read_to_string(Path::new("tests/data/external").join(file)).unwrap();
        let (_, shown) = source.split_once('\n').unwrap();
        assert!(guide.contains(shown.trim()), "the guide shows another {file}");
        assert!(shown.trim().lines().count() <= 20, "{file} is long");
        let trials = search(program);
        assert!(trials.lines().count() > 1, "{program}: {trials}");
        assert_eq!(search(program), trials, "{program} is the same with one seed");
    }
}

#[test]
fn a_program_that_fails_costs_its_own_runs_only() {
    let folder = tempfile::tempdir().unwrap();
    let [out, flag] = ["out", "flag"].map(|name| folder.path().join(name).to_string_lossy().into_owned());
    let mine = format!("mine={PYTHON}");
    let compare = |others: &[&str], runs: &str| {
        let mut arguments =
            vec!["compare", "--algorithms", "random", "--budget", "10evals", "--runs", runs, "--out", out.as_str()];
        for other in others {
            arguments.extend(["--external", other]);
        }
        nasbench(&arguments)
    };
    // It ends at once, until a file is there.
    let failing = format!("failing=sh -c 'test -e {flag} && exec {AWK}'");
    let output = compare(&[&mine, &failing], "4");
    assert!(!output.status.success());
    let said = text(&output.stderr);
    assert!(said.contains("4 of 12 runs failed; the others are kept"), "{said}");
    assert!(
        said.contains("could not run `failing`") && said.contains("`failing` cannot go on: it ended before it answered"),
        "{said}"
    );
    fs_err::write(&flag, "").unwrap();
    let output = compare(&[&mine, &failing], "4");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let page = text(&output.stdout);
    assert!(page.contains("mine") && page.contains("failing"), "{page}");
    // The same runs at once have the same results.
    let before = fs_err::read(Path::new(&out).join("trajectories.parquet")).unwrap();
    fs_err::remove_dir_all(&out).unwrap();
    assert!(compare(&[&mine, &failing], "4").status.success());
    assert_eq!(fs_err::read(Path::new(&out).join("trajectories.parquet")).unwrap(), before);
}

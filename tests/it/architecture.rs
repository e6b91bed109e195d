//! The house rules: floors know only what is below them, heavy crates live in one place, files and lists agree.

use std::path::{Path, PathBuf};

/// The floors, from the ground up. A file imports only from its own floor and those before it.
const FLOORS: &[&[&str]] = &[
    &["file", "frame", "hex", "unit", "statistics"],
    &["space"],
    &["oracle"],
    &["dataset"],
    &["network"],
    &["engine"],
    &["train"],
    &["table"],
    &["record"],
    &["surrogate"],
    &["search"],
    &["verify"],
    &["compare"],
    &["analysis"],
    &["report"],
    &["pipeline"],
];

/// Each heavy crate, and the only folder or file that may name it.
const HOMES: &[(&str, &str)] = &[
    ("burn", "engine/burn"),
    ("arrow", "table"),
    ("parquet", "table"),
    ("polars", "table/sql"),
    ("polars_plan", "table/sql"),
    ("sqlparser", "table/sql"),
    ("linfa", "surrogate"),
    ("linfa_svm", "surrogate"),
    ("linfa_trees", "surrogate"),
    ("ndarray", "surrogate"),
    ("smartcore", "surrogate"),
    ("plotters", "report"),
    ("clap", "cli"),
    ("clap_complete", "cli"),
    ("anyhow", "cli"),
    ("indicatif", "cli"),
    ("comfy_table", "cli"),
];

const MOST_LINES: usize = 600;

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Every Rust file below `folder`, as its path below `src` and its text.
fn files(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(source()).unwrap().to_str().unwrap().replace('\\', "/");
            found.push((name, fs_err::read_to_string(&path).unwrap()));
        }
    }
    found
}

fn floor_of(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

/// The words that follow `prefix` in the code of a text, comments left out.
fn words_after<'a>(text: &'a str, prefix: &'a str) -> impl Iterator<Item = &'a str> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(move |line| line.split(prefix).skip(1)).map(|rest| {
        let end = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(rest.len());
        &rest[..end]
    })
}

#[test]
fn floors_import_only_from_below() {
    for (name, text) in files(&source()) {
        let module = name.split(['/', '.']).next().unwrap();
        let Some(floor) = floor_of(module) else {
            assert!(matches!(module, "lib" | "main" | "cli"), "`{name}` stands on no floor");
            continue;
        };
        for target in words_after(&text, "crate::") {
            if let Some(other) = floor_of(target) {
                let fine = other < floor || target == module;
                assert!(fine, "`{name}` on floor {floor} imports `{target}` of floor {other}");
            }
        }
    }
}

#[test]
fn every_module_of_the_library_has_a_floor() {
    let library = fs_err::read_to_string(source().join("lib.rs")).unwrap();
    let declared: Vec<_> = words_after(&library, "pub mod ").collect();
    assert_eq!(declared.len(), FLOORS.iter().map(|floor| floor.len()).sum::<usize>());
    let floors: Vec<_> = declared.iter().map(|module| floor_of(module).expect("a floor")).collect();
    assert!(floors.is_sorted(), "the library declares its modules in the order of the floors");
}

#[test]
fn heavy_crates_stay_at_home() {
    for (name, text) in files(&source()) {
        for (library, home) in HOMES {
            let path = format!("{library}::");
            let named = text.lines().filter(|line| !line.trim_start().starts_with("//")).any(|line| {
                line.match_indices(&path).any(|(at, _)| {
                    !line[..at].ends_with(|letter: char| letter.is_alphanumeric() || letter == '_' || letter == ':')
                })
            });
            assert!(!named || name.starts_with(home), "`{name}` names `{library}`, whose home is `{home}`");
        }
    }
}

#[test]
fn every_algorithm_file_is_registered() {
    let folder = source().join("search/algorithm");
    let list = fs_err::read_to_string(folder.join("mod.rs")).unwrap();
    for (name, _) in files(&folder) {
        let module = name.trim_start_matches("search/algorithm/").trim_end_matches(".rs");
        if module != "mod" {
            assert!(list.contains(&format!("{module}::ENTRY")), "`{name}` is not in the list of algorithms");
        }
    }
}

#[test]
fn no_file_is_too_long_to_read() {
    for (name, text) in files(&source()) {
        let lines = text.lines().count();
        assert!(lines <= MOST_LINES, "`{name}` has {lines} lines, expected at most {MOST_LINES}");
    }
}

//! The house rules: floors know only what is below them, heavy crates live in one place, files and lists agree.

use std::path::{Path, PathBuf};

/// The floors, from the ground up. A file imports only from its own floor and those before it.
const FLOORS: &[&[&str]] = &[
    &["file", "frame", "front", "hex", "unit", "statistics"],
    &["space"],
    &["oracle", "print"],
    &["dataset"],
    &["network"],
    &["objective"],
    &["engine"],
    &["train"],
    &["table"],
    &["interchange"],
    &["record"],
    &["surrogate"],
    &["search"],
    &["verify"],
    &["compare"],
    &["analysis"],
    &["report"],
    &["pipeline"],
    &["guide"],
];

/// Each crate that has a home, and the only folders or files that may name it.
const HOMES: &[(&str, &[&str])] = &[
    // Engines.
    ("aligned_vec", &["engine/lane"]),
    ("burn", &["engine/burn"]),
    ("pulp", &["engine/lane", "space"]),
    ("wgpu", &["engine/stack"]),
    // Mathematics and models.
    ("libm", &["statistics", "surrogate", "search"]),
    ("linfa", &["surrogate"]),
    ("linfa_svm", &["surrogate"]),
    ("linfa_trees", &["surrogate"]),
    ("ndarray", &["surrogate"]),
    ("smartcore", &["surrogate"]),
    ("statrs", &["statistics"]),
    // Tables.
    ("arrow", &["table", "interchange", "analysis/summary"]),
    ("csv", &["interchange", "cli"]),
    ("parquet", &["table", "interchange"]),
    ("polars", &["interchange/sql"]),
    ("polars_expr", &["interchange/sql"]),
    ("polars_plan", &["interchange/sql"]),
    ("sqlparser", &["interchange/sql"]),
    // Formats of files.
    ("base64", &["interchange/official"]),
    ("ciborium", &["unit", "frame", "train", "table", "record", "compare"]),
    ("crc32c", &["interchange/official"]),
    ("crc32fast", &["frame", "dataset", "table", "record"]),
    ("flate2", &["file", "dataset", "interchange"]),
    ("md5", &["space"]),
    ("prost", &["train/onnx", "interchange/official"]),
    ("rmp_serde", &["surrogate"]),
    ("safetensors", &["train"]),
    ("sha2", &["unit", "dataset", "train", "table", "interchange", "cli"]),
    ("toml", &["dataset", "train", "table", "cli"]),
    ("zip", &["dataset"]),
    ("zune_jpeg", &["dataset"]),
    ("zune_png", &["dataset"]),
    // The system.
    ("core_affinity", &["record"]),
    ("cpu_time", &["train", "compare"]),
    ("dirs", &["table"]),
    ("fs4", &["pipeline"]),
    // What a person sees.
    ("anstream", &["cli"]),
    ("anstyle", &["cli"]),
    ("anyhow", &["cli"]),
    ("clap", &["cli"]),
    ("clap_complete", &["cli"]),
    ("comfy_table", &["cli"]),
    ("indicatif", &["cli"]),
    ("plotters", &["report/plot"]),
    ("shlex", &["cli"]),
    ("signal_hook", &["cli"]),
    // Used by nothing: Cargo.toml says what for.
    ("either", &[]),
    ("fastrand", &[]),
    ("itertools", &[]),
    ("once_cell", &[]),
    ("serde_spanned", &[]),
    ("toml_datetime", &[]),
    ("toml_parser", &[]),
    ("toml_writer", &[]),
    ("winnow", &[]),
];

/// The crates that any file may name.
const EVERYWHERE: &[&str] = &["fs_err", "rand", "rand_chacha", "rayon", "rustc_hash", "serde", "serde_json", "thiserror"];

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
        // `use crate::{…}` is taken apart; a path within the code stands by itself.
        let imported: Vec<_> = imports(&text).into_iter().filter(|path| path[0] == "crate").map(|path| path[1].clone()).collect();
        for target in words_after(&text, "crate::").chain(imported.iter().map(String::as_str)) {
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

/// Whether the code of a text, comments left out, has a path that starts with a crate.
fn names(text: &str, library: &str) -> bool {
    let path = format!("{library}::");
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(|line| line.match_indices(&path).map(move |(at, _)| &line[..at])).any(|before| {
        // `::csv::` is the crate, `super::csv::` is not.
        let before = before.strip_suffix("::").unwrap_or(before);
        !before.ends_with(|letter: char| letter.is_alphanumeric() || letter == '_' || letter == '>')
    })
}

#[test]
fn crates_stay_at_home() {
    let files = files(&source());
    for (library, homes) in HOMES {
        let users: Vec<_> = files.iter().filter(|(_, text)| names(text, library)).map(|(name, _)| name.as_str()).collect();
        for user in &users {
            assert!(homes.iter().any(|home| user.starts_with(home)), "`{user}` names `{library}`, whose homes are {homes:?}");
        }
        for home in *homes {
            assert!(users.iter().any(|user| user.starts_with(home)), "no file of `{home}` names `{library}`");
        }
    }
}

#[test]
fn a_crate_is_found_where_a_path_starts_with_it() {
    for text in
        ["use csv::Reader;", "use ::csv::Reader;", "let reader = (csv::Reader::new)(file);", "use {std::fs, csv::Reader};"]
    {
        assert!(names(text, "csv"), "{text}");
    }
    for text in ["use super::csv::Reader;", "// as csv::Reader does", "use arrow_csv::Reader;", "mod csv;"] {
        assert!(!names(text, "csv"), "{text}");
    }
}

#[test]
fn every_crate_has_a_home() {
    let manifest = fs_err::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    let (_, dependencies) = manifest.split_once("\n[dependencies]\n").unwrap();
    let (dependencies, _) = dependencies.split_once("\n[").unwrap();
    let declared = dependencies.lines().filter_map(|line| line.split_once(" = ")).map(|(name, _)| name.replace('-', "_"));
    let mut declared: Vec<String> = declared.map(|name| if name == "md_5" { "md5".to_owned() } else { name }).collect();
    declared.sort();
    let mut known: Vec<_> = HOMES.iter().map(|(library, _)| *library).chain(EVERYWHERE.iter().copied()).collect();
    known.sort_unstable();
    assert_eq!(declared, known);
}

#[test]
fn every_algorithm_file_is_registered() {
    let folder = source().join("search/algorithm");
    let list = fs_err::read_to_string(folder.join("mod.rs")).unwrap();
    for (name, _) in files(&folder) {
        let module = name.trim_start_matches("search/algorithm/").trim_end_matches(".rs");
        if module != "mod" {
            assert!(list.contains(&format!("    {module} => ")), "`{name}` is not in the list of algorithms");
        }
    }
}

#[test]
fn every_list_with_commas_takes_spaces_around_them() {
    let mut lists = 0;
    for (name, text) in files(&source().join("cli")) {
        for rest in text.split("value_delimiter = ',', ").skip(1) {
            assert!(rest.starts_with("value_parser = Item("), "a list of `{name}` does not parse its items with `Item`");
            lists += 1;
        }
        let delimiters = text.matches("value_delimiter").count() - text.matches("`value_delimiter`").count();
        assert_eq!(delimiters, text.matches("value_delimiter = ',', ").count(), "`{name}`");
    }
    assert!(lists > 10, "the lists are found");
}

#[test]
fn no_file_is_too_long_to_read() {
    for (name, text) in files(&source()) {
        let lines = text.lines().count();
        assert!(lines <= MOST_LINES, "`{name}` has {lines} lines, expected at most {MOST_LINES}");
    }
}

/// The paths that a text imports, outside of its tests, braces taken apart.
fn imports(text: &str) -> Vec<Vec<String>> {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    let statements = code.split(';').filter_map(|statement| {
        let start = statement.rfind("\nuse ").map(|at| at + 5).or_else(|| statement.rfind(" use ").map(|at| at + 5))?;
        Some(statement[start..].split_whitespace().collect::<String>())
    });
    statements.flat_map(|path| taken_apart(&path)).map(|path| path.split("::").map(ToOwned::to_owned).collect()).collect()
}

/// `a::{b, c::{d}}` as `a::b` and `a::c::d`.
fn taken_apart(path: &str) -> Vec<String> {
    let Some((head, rest)) = path.split_once('{') else { return vec![path.to_owned()] };
    let (mut depth, mut part, mut parts) = (0, String::new(), Vec::new());
    for letter in rest.chars() {
        match letter {
            '}' if depth == 0 => break,
            ',' if depth == 0 => parts.push(std::mem::take(&mut part)),
            _ => {
                depth += i32::from(letter == '{') - i32::from(letter == '}');
                part.push(letter);
            }
        }
    }
    parts.push(part);
    parts.iter().filter(|part| !part.is_empty()).flat_map(|part| taken_apart(&format!("{head}{part}"))).collect()
}

/// The file below `src` that a path of modules leads to; `None` for a face of a folder, which only hands names on, and for crates.
fn file_of(path: &[String], known: &[String]) -> Option<usize> {
    (1..=path.len()).rev().find_map(|length| {
        let stem = path[..length].join("/");
        let is_folder = known.iter().any(|name| *name == format!("{stem}/mod.rs"));
        let file = known.iter().position(|name| *name == format!("{stem}.rs"));
        if is_folder { Some(None) } else { file.map(Some) }
    })?
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let files = files(&source());
    let names: Vec<String> = files.iter().map(|(name, _)| name.clone()).collect();
    let targets = |(name, text): &(String, String)| -> Vec<usize> {
        let own: Vec<String> = name.trim_end_matches(".rs").trim_end_matches("/mod").split('/').map(ToOwned::to_owned).collect();
        let absolute = |path: Vec<String>| -> Option<Vec<String>> {
            let ups = path.iter().take_while(|segment| *segment == "super").count();
            match path[0].as_str() {
                "crate" => Some(path[1..].to_vec()),
                "self" => Some([&own[..], &path[1..]].concat()),
                "super" => Some([&own[..own.len() - ups], &path[ups..]].concat()),
                _ => None,
            }
        };
        imports(text).into_iter().filter_map(absolute).filter_map(|path| file_of(&path, &names)).collect()
    };
    let is_face = |name: &String| name.ends_with("mod.rs") || name.ends_with("tests.rs");
    let imported: Vec<Vec<usize>> = files.iter().map(|file| if is_face(&file.0) { Vec::new() } else { targets(file) }).collect();
    assert!(imported.iter().map(Vec::len).sum::<usize>() > 300, "the imports are found");
    for start in 0..files.len() {
        let (mut seen, mut open) = (vec![false; files.len()], imported[start].clone());
        while let Some(file) = open.pop() {
            assert!(file != start, "`{}` imports itself, through other files", names[start]);
            if !std::mem::replace(&mut seen[file], true) {
                open.extend(&imported[file]);
            }
        }
    }
}

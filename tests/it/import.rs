//! Benchmarks that are made of what other commands print, by the command line: what came of a training stays as it was.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use fs_err as fs;
use nasbench::table::{Benchmark, Number, Record, Status, Stop};

use crate::pipeline::TINY;

const BENCHMARK: &str = "tests/data/tiny-benchmark";
/// A cell that was trained twice at 1 and 2 epochs.
const CELL: &str = "b49ac8c578b4561d79ac7087988f1c61";

fn nasbench(words: &[&str], folder: &Path) -> Output {
    let words = words.iter().map(|word| word.replace("DIR", folder.to_str().unwrap()));
    Command::new(env!("CARGO_BIN_EXE_nasbench")).args(words).output().unwrap()
}

/// Runs a command that must succeed. Returns what it prints, and what it says beside.
fn does(words: &[&str], folder: &Path) -> (String, String) {
    let output = nasbench(words, folder);
    assert!(output.status.success(), "{words:?}: {output:?}");
    (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
}

/// A protocol that says which images the networks of the tiny benchmark see.
fn protocol(folder: &Path) -> String {
    let images = "[network]\nclasses = 10\nimage = { channels = 1, height = 14, width = 14 }\n";
    let file = folder.join("protocol.toml");
    fs::write(&file, fs::read_to_string(TINY).unwrap().replace("[network]\n", images)).unwrap();
    file.to_str().unwrap().to_owned()
}

/// The tiny benchmark in a folder, with other ends for the trainings of a cell at 2 epochs: those without an end stay as they are.
fn with_ends(folder: &Path, ends: [Option<&str>; 2]) -> PathBuf {
    let (text, _) = does(&["export", BENCHMARK, "--format", "csv"], folder);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().unwrap().clone();
    let position = |name: &str| header.iter().position(|column| column == name).unwrap();
    let mut writer = csv::Writer::from_path(folder.join("rows.csv")).unwrap();
    writer.write_record(&header).unwrap();
    for row in reader.records() {
        let mut row: Vec<String> = row.unwrap().iter().map(ToOwned::to_owned).collect();
        let end = ends[row[position("repeat")].parse::<usize>().unwrap()];
        if let Some(end) = end.filter(|_| row[position("module_hash")] == CELL && row[position("epochs")] == "2") {
            end.clone_into(&mut row[position("status")]);
            for name in ["final_train_accuracy", "final_validation_accuracy", "final_test_accuracy"] {
                row[position(name)].clear();
            }
        }
        writer.write_record(&row).unwrap();
    }
    writer.flush().unwrap();
    drop(writer);
    let protocol = protocol(folder);
    let (_, said) = does(&["import", "DIR/rows.csv", "--protocol", &protocol, "--out", "DIR/bench"], folder);
    assert_eq!(said, "");
    folder.join("bench")
}

/// What a cell counts as, to the last digit: its mean validation accuracy at 2 epochs, and how many repeats diverged.
fn judged(benchmark: &Benchmark) -> (f64, usize) {
    let table = benchmark.table().unwrap();
    let index = table.hashes().iter().position(|hash| hash.to_string() == CELL).unwrap();
    let answer = table.answer(index, nasbench::unit::Epochs(2), nasbench::table::Repeat::Mean).unwrap();
    (answer.at(Stop::Final).validation_accuracy.unwrap().value, answer.diverged)
}

#[test]
fn a_training_that_diverged_stays_diverged_in_what_a_query_prints() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Benchmark::open(with_ends(folder.path(), [None, Some("diverged")])).unwrap();
    let expected = judged(&bench);
    // Of the repeats one has .19 and the other counts as chance.
    let survivor = Benchmark::open(BENCHMARK)
        .unwrap()
        .records()
        .unwrap()
        .into_iter()
        .find(|record| record.hash.to_string() == CELL && (record.epochs.0, record.repeat) == (2, 0));
    let survivor = nasbench::unit::shortest_decimal(survivor.unwrap().end.validation_accuracy.unwrap().fraction());
    assert!((expected.0 - f64::midpoint(survivor, 0.1)).abs() < 1e-12 && expected.1 == 1, "{expected:?}");
    let protocol = protocol(folder.path());
    let sql = "select * from records";
    for (name, words) in [
        ("repeats", vec!["--hash", CELL, "--repeat", "all"]),
        ("sql", vec!["--sql", sql]),
        (
            "some",
            vec![
                "--sql",
                "select module_hash, module_adjacency, module_operations, epochs, repeat, trainable_parameters, status, \
                 final_training_time, final_validation_accuracy from records",
            ],
        ),
    ] {
        for format in ["csv", "json"] {
            let (text, _) = does(&[&["query", "DIR/bench", "--format", format], &words[..]].concat(), folder.path());
            let file = folder.path().join("printed");
            fs::write(&file, text).unwrap();
            let out = folder.path().join(format!("{name}-{format}"));
            let (_, said) =
                does(&["import", "DIR/printed", "--protocol", &protocol, "--out", out.to_str().unwrap()], folder.path());
            assert_eq!(said, "", "{name} as {format}");
            let again = Benchmark::open(&out).unwrap();
            assert_eq!(judged(&again), expected, "{name} as {format}");
            let status = |record: &Record| (record.key(), record.status, record.end.training_time);
            let all: Vec<_> = bench.records().unwrap().iter().map(status).collect();
            let found: Vec<_> = again.records().unwrap().iter().map(status).collect();
            assert!(found.iter().all(|one| all.contains(one)), "{name} as {format}");
            assert_eq!(found.iter().filter(|(_, status, _)| *status == Status::Diverged).count(), 1);
            if name == "sql" {
                assert_eq!(again.records().unwrap(), bench.records().unwrap(), "all columns as {format}");
            }
        }
    }
    let (table, _) = does(&["query", "DIR/bench", "--hash", CELL, "--epochs", "2", "--repeat", "all"], folder.path());
    assert!(table.contains(" 1, diverged "), "{table}");
}

#[test]
fn the_official_format_has_no_mark_for_what_diverged_and_this_is_said() {
    let folder = tempfile::tempdir().unwrap();
    with_ends(folder.path(), [Some("diverged"), Some("failed")]);
    let export = ["export", "DIR/bench", "--format", "tfrecord", "--out", "DIR/rows.tfrecord"];
    let (_, said) = does(&export, folder.path());
    let expected = "\nleft out: 2 rows, which lack final_test_accuracy (2), final_train_accuracy (2), final_validation_accuracy (2)\n\
        1 training diverged: the official format has no mark for that, so it is left out; a mean over its records is over what is \
        written\n";
    assert!(said.ends_with(expected), "{said}");
    let (_, said) = does(&[&export[..], &["--force", "--quiet"]].concat(), folder.path());
    assert_eq!(said, "");
}

/// Whoever reads what is said: the file is there, and that is what the exit code is about.
#[cfg(target_os = "linux")]
#[test]
fn a_file_that_is_written_is_a_success_even_if_nothing_can_be_said_of_it() {
    let folder = tempfile::tempdir().unwrap();
    with_ends(folder.path(), [Some("diverged"), Some("failed")]);
    let file = folder.path().join("rows.tfrecord");
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap().into_parts().0;
    let mut command = Command::new(env!("CARGO_BIN_EXE_nasbench"));
    command.arg("export").arg(folder.path().join("bench")).args(["--format", "tfrecord", "--out"]).arg(&file);
    let output = command.stderr(full).output().unwrap();
    assert!(output.status.success() && file.exists(), "{output:?}");
}

#[test]
fn cells_of_which_all_trainings_failed_are_counted_by_a_fit() {
    let folder = tempfile::tempdir().unwrap();
    with_ends(folder.path(), [Some("failed"), Some("failed")]);
    let fit = ["fit", "DIR/bench", "--model", "svr", "--encoding", "statistics", "--out", "DIR/svr.json"];
    let (_, said) = does(&fit, folder.path());
    assert!(said.starts_with("note: 1 of 91 cells are left out, as all of their trainings failed\n"), "{said}");
    let (_, said) = does(&[&fit[..], &["--target", "training_time", "--force"]].concat(), folder.path());
    assert!(!said.contains("left out"), "their times are known: {said}");
}

#[test]
fn an_import_goes_on_past_rows_that_are_not_right_if_asked() {
    let folder = tempfile::tempdir().unwrap();
    let rows = "matrix,ops,epochs,validation_accuracy\n0100,,4,0.5\n0000,,4,0.5\n010001000,conv3x3,4,50\n";
    fs::write(folder.path().join("cells.csv"), rows).unwrap();
    let output = nasbench(&["import", "DIR/cells.csv", "--out", "DIR/bench"], folder.path());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && said.contains("cells.csv`, line 3, column `matrix`: expected a cell ("), "{said}");
    assert!(!folder.path().join("bench").exists());
    let (printed, said) = does(&["import", "DIR/cells.csv", "--out", "DIR/bench", "--keep-going"], folder.path());
    let lines: Vec<_> = said.lines().collect();
    assert!(lines[0].starts_with("left out: ") && lines[0].contains("cells.csv`, line 3, column `matrix`: "), "{said}");
    assert!(lines[1].ends_with("line 4, column `validation_accuracy`: expected an accuracy as a fraction, 0 to 1, found 50"));
    assert!(printed.contains("imported 1 records of 1 cells") && printed.contains("\n  2 left out\n"), "{printed}");
}

#[test]
fn a_kept_column_of_whole_numbers_is_whole_in_sql() {
    let folder = tempfile::tempdir().unwrap();
    let rows = ",module_adjacency,module_operations,epochs,validation_accuracy,vertices,id,energy,note\n\
        0,0100,\"input,output\",4,0.5,2,9007199254740993,0.5,a\n";
    fs::write(folder.path().join("cells.csv"), rows).unwrap();
    let (_, said) = does(&["import", "DIR/cells.csv", "--out", "DIR/bench"], folder.path());
    let file = folder.path().join("cells.csv");
    let file = file.display();
    let expected = format!(
        "note: columns of `{file}` that are not read: id, energy\n\
         hint: `--column keep=id` keeps one as an extra column\n\
         note: columns of `{file}` that are not read and cannot be kept: number 1 (it has no name), vertices (a benchmark has a column \
         of this name), note (it does not hold numbers)\n"
    );
    assert_eq!(said, expected);
    let kept = ["--column", "keep=id", "--column", "keep=energy"];
    does(&[&["import", "DIR/cells.csv", "--out", "DIR/kept"], &kept[..]].concat(), folder.path());
    let sql = "select id, id - 9007199254740992 as rest, energy from records";
    let (rows, _) = does(&["query", "DIR/kept", "--format", "csv", "--sql", sql], folder.path());
    assert_eq!(rows, "id,rest,energy\n9007199254740993,1,0.5\n");
    let records = Benchmark::open(folder.path().join("kept")).unwrap().records().unwrap();
    assert_eq!(records[0].extra["id"], Number::Whole(9_007_199_254_740_993));
}

#[test]
fn parameters_of_another_network_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let rows = "module_adjacency,module_operations,epochs,validation_accuracy,trainable_parameters\n\
        0100,\"input,output\",4,0.5,206\n0100,\"input,output\",4,0.6,206\n";
    fs::write(folder.path().join("cells.csv"), rows).unwrap();
    let (_, said) = does(&["import", "DIR/cells.csv", "--out", "DIR/bench"], folder.path());
    let expected = "note: 2 records state another number of trainable parameters than the network of their cell has under \
        `nas-bench-101`, and keep it; the first is cell 043721b9c7fe8c5fad811d47d83132ec at 4 epochs, repeat 0: 206 instead of 882570\n\
        hint: `--protocol` says in which network the cells were trained\n";
    assert_eq!(said, expected);
    let protocol = protocol(folder.path());
    let (_, said) = does(&["import", "DIR/cells.csv", "--protocol", &protocol, "--out", "DIR/tiny"], folder.path());
    assert_eq!(said, "");
}

#[test]
fn a_file_of_hashes_may_have_a_mark_and_a_line_that_is_no_hash() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("hashes"), format!("\u{feff}{CELL}\nno hash\n043721b9\n")).unwrap();
    let query = ["query", BENCHMARK, "--hash", "@DIR/hashes", "--epochs", "2", "--format", "csv"];
    let output = nasbench(&query, folder.path());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && said.contains("line 2: `no hash` is no module hash"), "{said}");
    assert_eq!(output.stdout, b"");
    let output = nasbench(&[&query[..], &["--keep-going"]].concat(), folder.path());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && said.contains("(1 of what was asked): cell 2 of 3: "), "{said}");
    let printed = String::from_utf8(output.stdout).unwrap();
    let hashes: Vec<_> = printed.lines().skip(1).map(|line| &line[..32]).collect();
    assert_eq!(hashes, [CELL, "043721b9c7fe8c5fad811d47d83132ec"]);

    // The first digits of a hash would need a list of the whole space.
    fs::write(folder.path().join("hashes"), format!("{CELL}\nno hash\n043721b9c7fe8c5fad811d47d83132ec\n")).unwrap();
    does(&["fit", BENCHMARK, "--model", "svr", "--encoding", "statistics", "--out", "DIR/svr.json"], folder.path());
    let predict = ["predict", "DIR/svr.json", "--hash", "@DIR/hashes", "--format", "csv", "--keep-going"];
    let output = nasbench(&predict, folder.path());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && said.contains("1 of 3 cells could not be taken: cell 2 of 3: "), "{said}");
    assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), 3);
}

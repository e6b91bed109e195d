//! Whole files, and everything that can be wrong with them.

mod keep_going;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::*;
use crate::interchange::export::{self, Format, export};
#[cfg(feature = "sql")]
use crate::interchange::sql;
use crate::network::count;
use crate::space::Cell;
use crate::table::fixture::{benchmark, records, with_divergence};
use crate::table::{Part, Table};
use crate::unit::{Accuracy, Epochs, Parameters, Seconds};

/// Returns a file in a folder of its own.
fn file(name: &str, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(name);
    fs_err::write(&file, bytes).unwrap();
    (folder, file)
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn contents(text: &str, columns: &Columns) -> Result<Contents, Error> {
    let (_folder, file) = file("cells.csv", text.as_bytes());
    read_table(&file, columns, &Skeleton::nas_bench_101())
}

fn read(text: &str, columns: &Columns) -> Result<Vec<Record>, Error> {
    contents(text, columns).map(|contents| contents.records)
}

fn message(text: &str, columns: &Columns) -> String {
    let message = read(text, columns).unwrap_err().to_string();
    message[message.find("cells.csv").unwrap()..].to_owned()
}

/// Returns the names of the columns that were not read.
fn ignored(contents: &Contents) -> Vec<&str> {
    contents.ignored.iter().map(|ignored| ignored.column.as_str()).collect()
}

fn import(file: &Path, columns: &Columns, protocol: &Protocol, out: &Path) -> Result<(Benchmark, Contents), Error> {
    import_table(file, columns, protocol, "cifar-10", false, out)
}

fn named<'a>(names: impl IntoIterator<Item = &'a str>) -> Columns {
    names.into_iter().try_fold(Columns::default(), Columns::with).unwrap()
}

fn wide() -> Columns {
    named([
        "adjacency=matrix",
        "operations=ops",
        "validation_accuracy@4=val_4",
        "validation_accuracy@108=val_108",
        "training_time@108=seconds",
    ])
}

#[test]
fn a_row_for_each_cell_has_its_budgets_in_columns() {
    let text = "matrix,ops,val_4,val_108,seconds\n\
                010001000,input conv3x3 output,0.25,0.75,100.5\n\
                \"[[0,1],[0,0]]\",\"input,output\",0.5,,\n";
    let records = read(text, &wide()).unwrap();
    assert_eq!(records.len(), 3, "an empty field is no training");
    let table = Table::from_records(&records);
    let cell = Cell::from_texts("010001000", "input,conv3x3-bn-relu,output").unwrap();
    let index = table.index_of(&cell).unwrap();
    assert_eq!(table.parameters(index), count(&cell, &Skeleton::nas_bench_101()).unwrap().0);
    let last = table.rows(index)[1].at(crate::table::Stop::Final);
    assert_eq!((last.validation_accuracy, last.training_time), (Accuracy::from_fraction(0.75), Seconds(100.5)));
}

#[test]
fn what_a_row_leaves_empty_is_not_known() {
    let text = "matrix,ops,val_4,val_108,seconds\n0100,input output,0.5,,7\n010001000,input conv3x3 output,0.5,0.9,0\n";
    let records = read(text, &wide()).unwrap();
    let of = |vertices: usize, epochs| {
        let has_key = |record: &&Record| record.cell.vertices() == vertices && record.epochs == Epochs(epochs);
        let record = records.iter().find(has_key).unwrap();
        (record.status, record.end.training_time.measured())
    };
    assert_eq!((of(2, 4), of(2, 108)), ((Status::Ok, None), (Status::Failed, Some(Seconds(7.0)))));
    assert_eq!(of(3, 108), (Status::Ok, None));
    let only_times = named(["adjacency=matrix", "operations=ops", "training_time@4=seconds"]);
    assert_eq!(read(text, &only_times).unwrap()[0].status, Status::Ok);
}

#[test]
fn a_row_for_each_training_has_the_names_that_a_query_prints() {
    let text = "module_hash,epochs,repeat,trainable_parameters,validation_accuracy,module_adjacency,module_operations\n\
                043721b9c7fe8c5fad811d47d83132ec,12,,7,0.5,0100,\"input,output\"\n\
                043721b9c7fe8c5fad811d47d83132ec,12,,7,0.6,0100,\"input,output\"\n";
    let records = read(text, &Columns::default()).unwrap();
    assert_eq!(records.iter().map(|record| record.repeat).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(records[0].parameters, Parameters(7));
    let other = text.replace("043721b9c7fe8c5fad811d47d83132ec,12", "143721b9c7fe8c5fad811d47d83132ec,12");
    let expected = "line 2, column `module_hash`: expected 043721b9c7fe8c5fad811d47d83132ec, that of the cell, found 143721";
    assert!(message(&other, &Columns::default()).contains(expected), "{}", message(&other, &Columns::default()));
    let copied = text.replace("12,,7", "12,1,7");
    assert!(matches!(read(&copied, &Columns::default()), Err(Error::RepeatedKey { .. })));
    assert!(message(&text.replace("12,,7", "12,best,7"), &Columns::default()).contains("expected the number of a repeat"));
    let of_means = contents(&text.replace("12,,7", "12,mean,7"), &Columns::default()).unwrap();
    assert_eq!((of_means.records, of_means.means), (records, 2));
    assert!(message(&text.replace("12,,7", "12,100,7"), &Columns::default()).contains("expected at most 99"));
    assert!(message(&text.replace("ec,12", "ec,0"), &Columns::default()).contains("column `epochs`"));
}

#[test]
fn what_cannot_be_right_is_named_with_its_line_and_column() {
    let header = "matrix,ops,val_4,val_108,seconds\n";
    let of = |row: &str| message(&format!("{header}0100,input output,0.5,0.5,1\n{row}\n"), &wide());
    let expected = "cells.csv`, line 3, column `val_108`: expected an accuracy as a fraction, 0 to 1, found NaN";
    assert_eq!(of("0100,input output,0.5,NaN,1"), expected);
    assert!(of("0100,input output,94.1,0.5,1").contains("column `val_4`: expected an accuracy as a fraction"));
    assert!(of("0100,input output,0.5,0.5,inf").contains("column `seconds`: expected seconds, 0 or more, found inf"));
    assert!(of("010,input output,0.5,0.5,1").contains("column `matrix`: expected a cell ("));
    assert!(of("0100,input output output,0.5,0.5,1").contains("column `matrix`: expected a cell ("));
    let unknown = of("010001000,input conv9x9 output,0.5,0.5,1");
    assert!(unknown.contains("column `ops`: expected operations (") && unknown.ends_with("found conv9x9"), "{unknown}");
    assert_eq!(of("0100,input output"), "cells.csv`");
}

#[test]
fn columns_that_are_not_there_are_named() {
    let missing = message("module_adjacency,labels,val\n", &Columns::default());
    let expected = "cells.csv` has no column `module_operations` (known: module_adjacency, labels, val)\n\
        hint: `--column operations=NAME` says which column it is";
    assert_eq!(missing, expected);
    let columns = Columns::default().with("operations=labels").unwrap();
    let missing = message("module_adjacency,labels,val\n", &columns);
    let expected = "cells.csv` has no column `validation_accuracy` (known: module_adjacency, labels, val)\n\
        hint: `--column validation_accuracy=NAME` says which column it is, `validation_accuracy@108=NAME` if it is of one budget";
    assert_eq!(missing, expected);
    let header = "module_adjacency,labels,validation_accuracy\n";
    let missing = message(header, &columns);
    assert!(
        missing.contains("no column `epochs`") && missing.ends_with("\nhint: `--column epochs=NAME` says which column it is")
    );
    let other = message(header, &Columns::default().with("operations=ops").unwrap());
    assert_eq!(other, "cells.csv` has no column `ops` (known: module_adjacency, labels, validation_accuracy)");
    assert!(matches!(read("matrix,ops,val_4,val_108,seconds\n", &wide()), Err(Error::NoRecords { .. })));
    for wrong in ["", "operations", "operations=", "colour=red", "operations@4=ops", "test_accuracy@0=a", "test_accuracy@x=a"] {
        assert!(matches!(Columns::default().with(wrong), Err(Error::Columns { .. })), "{wrong}");
    }
}

#[test]
fn a_benchmark_is_made_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let (file, out) = (folder.path().join("cells.csv"), folder.path().join("bench"));
    fs_err::write(&file, "matrix,ops,val_4,val_108,seconds\n0100,input output,0.5,0.6,7\n").unwrap();
    let protocol = Protocol::find("nas-bench-101").unwrap();
    let (benchmark, contents) = import(&file, &wide(), &protocol, &out).unwrap();
    assert_eq!(benchmark.records().unwrap(), contents.records);
    assert_eq!(benchmark.skeleton().unwrap(), Skeleton::nas_bench_101());
    assert_eq!(benchmark.imported()[0].records, 2);
    assert!(matches!(import(&file, &wide(), &protocol, &out), Err(Error::Table(crate::table::Error::NotEmpty { .. }))));
    let open = Protocol::find("quick").unwrap();
    let other = folder.path().join("other");
    assert!(matches!(import(&file, &wide(), &open, &other), Err(Error::Table(crate::table::Error::NoNetwork { .. }))));
    assert!(!other.exists());
}

const CELLS: [(&str, &str); 2] = [("010001000", "input,conv3x3-bn-relu,output"), ("0100", "input,output")];

fn of_cells(records: &[Record]) -> Vec<(String, String, u16, Option<f32>)> {
    let fraction = |record: &Record| record.end.validation_accuracy.map(Accuracy::fraction);
    let row = |record: &Record| (record.cell.adjacency_text(), record.cell.operations_text(), record.epochs.0, fraction(record));
    records.iter().map(row).collect()
}

fn expected() -> Vec<(String, String, u16, Option<f32>)> {
    let row = |((adjacency, operations), fraction): (&(&str, &str), f32)| {
        ((*adjacency).to_owned(), (*operations).to_owned(), 108, Some(fraction))
    };
    let mut rows: Vec<_> = CELLS.iter().zip([0.75, 0.5]).map(row).collect();
    rows.sort_by_key(|(adjacency, operations, ..)| Cell::from_texts(adjacency, operations).unwrap().hash());
    rows
}

#[test]
fn cells_are_read_however_a_program_wrote_them() {
    let columns = named(["adjacency=matrix", "operations=ops", "validation_accuracy=val"]);
    for text in [
        "matrix,ops,epochs,val\n010001000,input conv3x3 output,108,0.75\n0100,input output,108,0.5\n",
        "\u{feff}matrix,ops,epochs,val\r\n010001000,input conv3x3 output,108.0,0.75\r\n0100,input output,108.0,0.5\r\n",
        "matrix;ops;epochs;val\n010001000;input,conv3x3,output;108;0,75\n0100;input,output;108;0,5\n",
        "sep=;\nmatrix;ops;epochs;val\n010001000;input,conv3x3,output;108,0;0,75\n0100;input,output;108,0;0,5\n",
        "matrix\tops\tepochs\tval\n[[0,1,0],[0,0,1],[0,0,0]]\t['input', 'conv3x3-bn-relu', 'output']\t108\t.75\n\
         0 1 0 0\t['input' 'output']\t108\t5e-1\n",
        "matrix,ops,epochs,val\n10001000,\"[-1, 0, -2]\",108,0.75\n100,\"-1,-2\",108,0.5\n",
        "matrix,ops,epochs,val\n\"[[0 1 0]\n [0 0 1]\n [0 0 0]]\",conv3x3,108,0.75\n\"array([[0, 1],\n       [0, 0]])\",,108,0.5\n",
        "matrix,ops,epochs,val\n\"[[False, True, False], [False, False, True], [False, False, False]]\",conv3x3,108,0.75\n\
         \"[[0., 1.], [0., 0.]]\",input output,108,0.5\n",
        "{\"matrix\": [[0,1,0],[0,0,1],[0,0,0]], \"ops\": [\"input\",\"conv3x3-bn-relu\",\"output\"], \"epochs\": 108, \"val\": 0.75}\n\
         {\"val\": 0.5, \"ops\": [-1, -2], \"epochs\": 108.0, \"matrix\": \"0100\"}\n",
        "\u{feff}[{\"matrix\": \"010001000\", \"ops\": \"conv3x3\", \"epochs\": 108, \"val\": 0.75},\n\
         {\"matrix\": [[false,true],[false,false]], \"ops\": [], \"epochs\": 108, \"val\": 0.5}]",
    ] {
        let found = contents(text, &columns).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!((of_cells(&found.records), found.ignored), (expected(), Vec::new()), "{text}");
        let (_folder, file) = file("cells.csv.gz", &packed(text.as_bytes()));
        assert_eq!(read_table(&file, &columns, &Skeleton::nas_bench_101()).unwrap().records, found.records);
    }
}

#[test]
fn what_no_reader_can_be_sure_of_is_named() {
    let columns = named(["adjacency=matrix", "operations=ops", "validation_accuracy=val"]);
    let of = |row: &str| message(&format!("matrix,ops,epochs,val\n{row}\n"), &columns);
    let spreadsheet = of("1.0001E+07,input conv3x3 output,108,0.5");
    let expected = "cells.csv`, line 2, column `matrix`: expected a cell (the matrix is `1.0001E+07`, a number that has lost its \
        digits; hint: store the column as text), found 1.0001E+07 with input conv3x3 output";
    assert_eq!(spreadsheet, expected.replace("; hint: ", "; "));
    assert!(of("0 1 0,input output,108,0.5").contains("the matrix has 3 digits, expected a square number"));
    assert!(of("010001000,\"-1,7,-2\",108,0.5").ends_with("found -1"), "{}", of("010001000,\"-1,7,-2\",108,0.5"));
    let timed = named(["adjacency=matrix", "operations=ops", "training_time@108=time"]);
    let thousands = message("matrix;ops;time\n0100;input output;1,768\n", &timed);
    assert_eq!(thousands, "cells.csv`, line 2, column `time`: expected seconds, 0 or more, found 1,768");
    assert!(of("0100,input output,108.5,0.5").ends_with("column `epochs`: expected a number of epochs, at least 1, found 108.5"));
    let json = message("[{\"matrix\": \"0100\", \"ops\": [], \"epochs\": 4, \"val\": 2}]", &columns);
    assert_eq!(json, "cells.csv`, object 1, column `val`: expected an accuracy as a fraction, 0 to 1, found 2");
}

#[test]
fn two_columns_of_one_name_are_refused_with_both_positions() {
    let header = "matrix,ops,epochs,val,val\n0100,input output,4,0.5,0.6\n";
    let expected = "cells.csv` has two columns `val`, number 4 and number 5\nhint: give one of them another name, or take it out";
    for columns in [Columns::default(), named(["adjacency=matrix", "operations=ops", "validation_accuracy=val"])] {
        assert_eq!(message(header, &columns), expected);
    }
    assert!(message("note,module_adjacency, note\n", &Columns::default()).contains("two columns `note`, number 1 and number 3"));
    let json = "{\"matrix\": \"0100\", \"val\": 0.5, \"val\": 0.6}";
    let error = read(json, &Columns::default()).unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(source, "object 1 has the key `val` twice");
    let shared = |one: &str, other: &str| Columns::default().with(one).unwrap().with(other).unwrap_err().to_string();
    let of = |one: &str, other: &str| format!("the column `acc` is named for `{one}` and for `{other}`: expected one of them");
    let (validation, test) = ("validation_accuracy", "test_accuracy");
    assert_eq!(shared("validation_accuracy@4=acc", "test_accuracy@4=acc"), of(validation, test));
    assert_eq!(shared("validation_accuracy@4=acc", "validation_accuracy@12=acc"), of(validation, validation));
    assert_eq!(shared("keep=acc", "test_accuracy=acc"), of(KEEP, test));
    assert_eq!(shared("keep=acc", "keep@4=acc"), of(KEEP, KEEP));
}

#[test]
fn json_keeps_every_digit_and_is_refused_where_it_is_no_rows() {
    let columns = named(["adjacency=matrix", "operations=ops", "training_time@4=seconds", "validation_accuracy@4=val"]);
    let text =
        "{\"note\": \"a \\\"{quoted}\\\\\", \"matrix\":[[0,1],[0,0]],\"ops\":[],\"seconds\":0.018483656000000005,\"val\":null}\n";
    let found = contents(text, &columns).unwrap();
    assert_eq!((found.records[0].end.training_time, ignored(&found)), (Seconds(0.018_483_656_000_000_005), vec!["note"]));
    let cause = |text: &str| {
        let error = read(text, &columns).unwrap_err();
        assert!(matches!(error, Error::Unreadable { .. }), "{error}");
        std::error::Error::source(&error).unwrap().to_string()
    };
    assert_eq!(cause("[1, 2]"), "row 1 is `1`, expected an object");
    assert_eq!(cause("{\"matrix\": \"0100\"} [[1]]"), "row 2 is `[1]`, expected an object");
    assert_eq!(cause("[{\"matrix\": \"0100\"},\n {\"matrix\" \"0100\"}]"), "expected `:` at line 2 column 12");
    assert!(cause("{\"matrix\": \"01").starts_with("EOF while parsing a string at line 1"));
}

#[cfg(feature = "sql")]
#[test]
fn columns_that_are_not_read_are_named_and_numbers_are_kept_if_asked() {
    let text = "matrix,ops,val_4,val_108,seconds,energy,,half\n\
                0100,input output,0.5,0.6,7,1.25,x,0.25\n010001000,conv3x3,0.5,0.7,8,,x,0.5\n";
    let found = contents(text, &wide()).unwrap();
    assert_eq!(ignored(&found), ["energy", "number 7", "half"]);
    let obstacles: Vec<_> = found.ignored.iter().map(|ignored| ignored.obstacle).collect();
    assert_eq!(obstacles, [None, Some("it has no name"), None]);
    assert!(found.records.iter().all(|record| record.extra.is_empty()));

    let columns = wide().with("keep=energy").unwrap().with("keep@108=half").unwrap();
    let (folder, file) = file("cells.csv", text.as_bytes());
    let out = folder.path().join("bench");
    let protocol = Protocol::find("nas-bench-101").unwrap();
    let (benchmark, contents) = import(&file, &columns, &protocol, &out).unwrap();
    assert_eq!(ignored(&contents), ["number 7"]);
    let sql = "select epochs, energy, half from records where vertices = 2 order by epochs";
    let rows = |benchmark: &Benchmark| serde_json::to_string(&sql::query(benchmark, sql).unwrap().rows).unwrap();
    assert_eq!(rows(&benchmark), "[[4,1.25,null],[108,1.25,0.25]]");
    assert_eq!(benchmark.records().unwrap(), contents.records);

    // A second file with other columns beside it, merged and compacted: nothing is lost.
    let other = folder.path().join("other");
    let text = "matrix,ops,val_4,val_108,seconds,carbon\n011001000,conv3x3,0.5,0.6,7,3\n";
    fs_err::write(&file, text).unwrap();
    let (second, _) = import(&file, &wide().with("keep=carbon").unwrap(), &protocol, &other).unwrap();
    let merged = crate::table::merge(&[benchmark.clone(), second], &folder.path().join("merged"), &|_, _, _| {}).unwrap();
    assert_eq!(merged.rows, 6);
    assert_eq!(rows(&merged.benchmark), "[[4,1.25,null],[108,1.25,0.25]]");
    let all = sql::query(&merged.benchmark, "select sum(carbon), count(energy), count(*) from records").unwrap().rows;
    assert_eq!(serde_json::to_string(&all).unwrap(), "[[6,2,6]]", "what is whole stays whole");
    fs_err::create_dir_all(merged.benchmark.shards(Part::Recorded)).unwrap();
    let shard = merged.benchmark.shards(Part::Recorded).join("1.parquet");
    fs_err::rename(merged.benchmark.folder().join("records.parquet"), shard).unwrap();
    crate::table::compact(&merged.benchmark, Part::Recorded, &|_, _, _| {}).unwrap().unwrap();
    assert_eq!(rows(&merged.benchmark), "[[4,1.25,null],[108,1.25,0.25]]");

    // Out and in again: Parquet and Arrow say themselves which columns are extra ones.
    for (format, kept) in [(Format::Parquet, ""), (Format::Arrow, ""), (Format::Csv, "keep"), (Format::JsonLines, "keep")] {
        let mut bytes = Vec::new();
        export(&merged.benchmark, Part::Recorded, format, &mut bytes, &mut |_, _| {}).unwrap();
        fs_err::write(&file, bytes).unwrap();
        let names = ["keep=energy", "keep=half", "keep=carbon"];
        let columns = if kept.is_empty() { Columns::default() } else { named(names) };
        let again = read_table(&file, &columns, &Skeleton::nas_bench_101()).unwrap();
        assert_eq!((again.records, again.ignored), (merged.benchmark.records().unwrap(), Vec::new()), "{format:?}");
    }
}

#[test]
fn a_column_is_kept_only_if_it_holds_numbers_under_a_name_of_its_own() {
    let columns = wide().with("keep=energy").unwrap();
    let of = |value: &str| message(&format!("matrix,ops,val_4,val_108,seconds,energy\n0100,,0.5,0.6,7,{value}\n"), &columns);
    for value in ["much", "NaN", "inf"] {
        let expected = format!("cells.csv`, line 2, column `energy`: expected a number, as the column is kept, found {value}");
        assert_eq!(of(value), expected);
    }
    assert!(message("matrix,ops,val_4,val_108,seconds\n", &columns).contains("has no column `energy` (known: "));
    for name in ["epochs", "Module_Hash", "flops"] {
        let message = Columns::default().with(&format!("keep={name}")).unwrap_err().to_string();
        assert_eq!(message, format!("a column cannot be kept as `{name}`, which every benchmark has: expected another name"));
    }
    let message = Columns::default().with("enrgy=energy").unwrap_err().to_string();
    assert!(message.ends_with("hint: `keep=NAME` keeps another column of numbers"), "{message}");
}

fn exported(benchmark: &Benchmark, format: Format) -> Vec<u8> {
    let mut bytes = Vec::new();
    export(benchmark, Part::Recorded, format, &mut bytes, &mut |_, _| {}).unwrap();
    bytes
}

#[test]
fn every_export_is_imported_as_the_same_rows() {
    let folder = tempfile::tempdir().unwrap();
    let benchmark = benchmark(folder.path(), &records(), &[]);
    let protocol = Protocol::find("nas-bench-101").unwrap();
    for (name, format) in
        [("csv", Format::Csv), ("jsonl", Format::JsonLines), ("parquet", Format::Parquet), ("arrow", Format::Arrow)]
    {
        let bytes = exported(&benchmark, format);
        let (folder, file) = file(&format!("rows.{name}"), &bytes);
        let out = folder.path().join("bench");
        let (again, contents) = import(&file, &Columns::default(), &protocol, &out).unwrap();
        assert_eq!(again.records().unwrap(), records(), "{name}");
        assert_eq!((contents.ignored, contents.means), (Vec::new(), 0));
        if name != "parquet" {
            fs_err::write(&file, packed(&bytes)).unwrap();
            assert_eq!(read_table(&file, &Columns::default(), &Skeleton::nas_bench_101()).unwrap().records, records());
        }
    }
}

#[test]
fn a_text_has_null_for_what_is_no_number_in_a_curve() {
    let folder = tempfile::tempdir().unwrap();
    let mut all = with_divergence(records());
    let benchmark = benchmark(folder.path(), &all, &[]);
    let read = |format| {
        let (_folder, file) = file("rows", &exported(&benchmark, format));
        read_table(&file, &Columns::default(), &Skeleton::nas_bench_101()).unwrap().records
    };
    assert_eq!(read(Format::Arrow), all);
    // The texts cannot tell infinite from no number.
    all[0].curves.train_loss = vec![1.0, f32::NAN, f32::NAN];
    assert_eq!(read(Format::Csv), all);
    assert_eq!(read(Format::JsonLines), all);
}

#[test]
fn a_value_of_an_export_that_cannot_be_right_is_named_with_the_line_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let benchmark = benchmark(folder.path(), &records(), &[]);
    let text = String::from_utf8(exported(&benchmark, Format::Csv)).unwrap();
    let mut lines: Vec<_> = text.lines().map(ToOwned::to_owned).collect();
    let flops = records()[1].flops.0.to_string();
    lines[2] = lines[2].replacen(&format!(",{flops},"), ",many,", 1);
    let file = folder.path().join("a.csv");
    fs_err::write(&file, lines.join("\n")).unwrap();
    let error = read_table(&file, &Columns::default(), &Skeleton::nas_bench_101()).unwrap_err();
    let message = std::error::Error::source(&error).expect("arrow says what is wrong").to_string();
    assert!(message.contains("'many'") && message.contains(" at line 3. "), "{message}");
}

#[test]
fn columns_of_an_export_are_what_they_are_called() {
    let folder = tempfile::tempdir().unwrap();
    let benchmark = benchmark(folder.path(), &records(), &[]);
    let skeleton = Skeleton::nas_bench_101();
    let columns = Columns::default().with("validation_accuracy=final_test_accuracy").unwrap();
    for (name, format) in
        [("a.csv", Format::Csv), ("a.jsonl", Format::JsonLines), ("a.parquet", Format::Parquet), ("a.arrow", Format::Arrow)]
    {
        let file = folder.path().join(name);
        fs_err::write(&file, exported(&benchmark, format)).unwrap();
        assert_eq!(read_table(&file, &Columns::default(), &skeleton).unwrap().records.len(), records().len());
        let message = read_table(&file, &columns, &skeleton).unwrap_err().to_string();
        let expected =
            "has every column of a benchmark, each under its name: `final_test_accuracy` cannot be read as `validation_accuracy`";
        assert!(message.contains(name) && message.contains(expected), "{message}");
    }
}

#[test]
fn what_is_wrong_with_an_export_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let benchmark = benchmark(folder.path(), &records(), &[]);
    let message = |bytes: &[u8]| {
        let (folder, file) = file("rows", bytes);
        let error = read_table(&file, &Columns::default(), &Skeleton::nas_bench_101()).unwrap_err();
        error.to_string().replace(&format!("{}/", folder.path().display()), "")
    };
    let text = String::from_utf8(exported(&benchmark, export::Format::Csv)).unwrap();
    let hash = records()[0].hash.to_string();
    let changed = text.replacen(&hash, &hash.chars().rev().collect::<String>(), 1);
    assert!(message(changed.as_bytes()).contains("`rows`, row 0, column `module_hash`: expected "));
    let doubled = format!("{text}{}\n", text.lines().nth(1).unwrap());
    assert!(message(doubled.as_bytes()).starts_with("`rows` has two rows of cell "));
    assert_eq!(message(text.replacen(",4,0,", ",four,0,", 1).as_bytes()), "could not read the rows of `rows`");
    let verified = text.replacen(",4,0,", ",4,100,", 1);
    assert!(message(verified.as_bytes()).ends_with("at 4 epochs, repeat 100: expected repeats below 100"));
    let parquet = exported(&benchmark, export::Format::Parquet);
    assert_eq!(message(&packed(&parquet)), "`rows` is a Parquet file packed by gzip\nhint: `gzip -d FILE` unpacks it");
    assert_eq!(message(&parquet[..parquet.len() / 2]), "could not read or write `rows` as Parquet");
    let official = fs_err::read("tests/cli/import.in/seven.tfrecord").unwrap();
    let expected = "`rows` is a file of the official release\nhint: `nasbench import` makes a benchmark of it";
    assert_eq!(message(&official), expected);
    let trials = folder.path().join("trials.parquet");
    crate::table::write_trials(&trials, &[]).unwrap();
    let expected =
        "`rows` is a Parquet file that another program wrote\nhint: write its rows as CSV, whose columns `--column` names";
    assert_eq!(message(&fs_err::read(trials).unwrap()), expected);
}

#[test]
fn a_hash_is_the_same_in_upper_and_lower_case() {
    let lower = "043721b9c7fe8c5fad811d47d83132ec";
    let header = "module_hash,epochs,validation_accuracy,module_adjacency,module_operations";
    let text =
        format!("{header}\n{lower},12,0.5,0100,\"input,output\"\n{},12,0.6,0100,\"input,output\"\n", lower.to_ascii_uppercase());
    let records = read(&text, &Columns::default()).unwrap();
    assert_eq!(
        records.iter().map(|record| (record.hash.to_string(), record.repeat)).collect::<Vec<_>>(),
        [(lower.to_owned(), 0), (lower.to_owned(), 1)]
    );
    let folder = tempfile::tempdir().unwrap();
    let benchmark = benchmark(folder.path(), &crate::table::fixture::records(), &[]);
    let text = String::from_utf8(exported(&benchmark, Format::Csv)).unwrap();
    let upper = text.replace(lower, &lower.to_ascii_uppercase());
    assert_ne!(upper, text);
    assert_eq!(read(&upper, &Columns::default()).unwrap(), benchmark.records().unwrap());
}

#[test]
fn how_a_training_ended_is_read_in_any_case_and_other_words_are_refused() {
    let header = "module_adjacency,module_operations,epochs,repeat,training_time,validation_accuracy,status";
    let rows = ["0,1,0.5,ok", "1,2,,Diverged", "2,,,DIVERGED", "3,,,failed", "4,,0.4, FAILED ", "5,,0.5,", "6,3,,"];
    let of = |rows: &[&str]| rows.iter().map(|row| format!("0100,\"input,output\",4,{row}")).collect::<Vec<_>>().join("\n");
    let records = read(&format!("{header}\n{}", of(&rows)), &Columns::default()).unwrap();
    let statuses: Vec<_> = records.iter().map(|record| record.status).collect();
    let expected = [
        Status::Ok,
        Status::Diverged,
        Status::Diverged,
        Status::Failed,
        Status::Failed,
        Status::Ok,
        // It does not say, and its time is known.
        Status::Failed,
    ];
    assert_eq!(statuses, expected);
    let upper = read(&format!("{}\n{}", header.replace("status", "Status"), of(&rows)), &Columns::default()).unwrap();
    assert_eq!(upper, records, "nor does the case of the name matter");
    // Where cells are judged, a training that diverged counts as chance.
    let table = Table::from_records(&records[..3]);
    assert_eq!(table.judged_accuracies(0, Epochs(4)), [0.5, 0.1, 0.1]);
    let expected = "cells.csv`, line 3, column `status`: expected one of ok, diverged, failed, found COMPLETED";
    assert_eq!(message(&format!("{header}\n{}", of(&["0,1,0.5,ok", "1,1,0.5,COMPLETED"])), &Columns::default()), expected);
}

#[test]
fn in_a_row_for_each_cell_the_status_is_that_of_a_budget() {
    let text =
        "matrix,ops,val_4,val_108,end,status\n0100,input output,0.5,,diverged,perfect\n010001000,conv3x3,0.5,0.9,,perfect\n";
    let columns = named(["validation_accuracy@4=val_4", "validation_accuracy@108=val_108", "status@108=end"]);
    let found = contents(text, &columns).unwrap();
    let mut statuses: Vec<_> =
        found.records.iter().map(|record| (record.cell.vertices(), record.epochs.0, record.status)).collect();
    statuses.sort_unstable_by_key(|(vertices, epochs, _)| (*vertices, *epochs));
    let expected = [(2, 4, Status::Ok), (2, 108, Status::Diverged), (3, 4, Status::Ok), (3, 108, Status::Ok)];
    assert_eq!(statuses, expected);
    assert_eq!(ignored(&found), ["status"], "it does not say of which budget it is");
    assert!(message(text, &columns.with("status=status").unwrap()).contains("no column `epochs`"));
}

#[test]
fn the_names_of_a_benchmark_and_of_cells_in_json_are_found() {
    let columns = "module_hash,module_adjacency,module_operations,final_validation_accuracy,final_training_time,epochs";
    let row = "043721b9c7fe8c5fad811d47d83132ec,0100,\"input,output\",0.5,7.5,108";
    let of_sql = contents(&format!("{columns}\n{row}\n"), &Columns::default()).unwrap();
    assert_eq!((of_sql.records[0].end.training_time, ignored(&of_sql)), (Seconds(7.5), vec![]));
    let json = "[{\"matrix\": [[0, 1], [0, 0]], \"ops\": [\"input\", \"output\"], \"epochs\": 108, \
        \"validation_accuracy\": 0.5, \"training_time\": 7.5}]";
    assert_eq!(read(json, &Columns::default()).unwrap(), of_sql.records);
    // A name that a query prints goes before another one of the same field.
    let both = "module_adjacency,matrix,ops,epochs,validation_accuracy,final_validation_accuracy\n0100,011001000,,4,0.5,0.6\n";
    let both = contents(both, &Columns::default()).unwrap();
    assert_eq!((both.records[0].cell.vertices(), both.records[0].end.validation_accuracy), (2, Accuracy::from_fraction(0.5)));
    assert_eq!(ignored(&both), ["matrix", "final_validation_accuracy"]);
}

#[test]
fn what_a_query_prints_of_half_a_training_is_not_taken_for_its_end() {
    let text = "module_adjacency,module_operations,epochs,validation_accuracy,stop\n0100,\"input,output\",4,0.5,";
    let expected = "cells.csv`, line 2, column `stop`: expected values of the end of a training, found halfway";
    assert_eq!(message(&format!("{text}halfway\n"), &Columns::default()), expected);
    assert_eq!(read(&format!("{text}early\n"), &Columns::default()).unwrap().len(), 1);
}

#[test]
fn all_columns_as_json_in_a_list_are_an_export() {
    let folder = tempfile::tempdir().unwrap();
    let benchmark = benchmark(folder.path(), &crate::table::fixture::records(), &[]);
    let lines = String::from_utf8(exported(&benchmark, Format::JsonLines)).unwrap();
    let list = format!("[\n{}\n]\n", lines.trim_end().replace('\n', ",\n"));
    assert_eq!(read(&list, &Columns::default()).unwrap(), benchmark.records().unwrap());
}

#[cfg(feature = "sql")]
#[test]
fn whole_numbers_stay_whole_in_a_column_that_is_kept() {
    use crate::table::Number;

    let text = "matrix,ops,epochs,validation_accuracy,id,half,mixed,large\n\
        0100,,4,0.5,9007199254740993,0.5,1,18446744073709551615\n010001000,conv3x3,4,0.5,,1,2.5,1\n";
    let (folder, file) = file("cells.csv", text.as_bytes());
    let out = folder.path().join("bench");
    let protocol = Protocol::find("nas-bench-101").unwrap();
    let columns = named(["keep=id", "keep=half", "keep=mixed"]);
    let (benchmark, contents) = import(&file, &columns, &protocol, &out).unwrap();
    assert_eq!(benchmark.records().unwrap(), contents.records);
    let extra: Vec<_> =
        contents.records.iter().filter(|record| record.cell.vertices() == 2).map(|record| &record.extra).collect();
    let expected =
        [("half", Number::Decimal(0.5)), ("id", Number::Whole(9_007_199_254_740_993)), ("mixed", Number::Decimal(1.0))];
    assert_eq!(extra[0].iter().map(|(name, number)| (name.as_str(), *number)).collect::<Vec<_>>(), expected);
    // One with more digits than any number here has cannot be kept.
    assert_eq!(contents.ignored[0].obstacle, Some("it does not hold numbers"));
    let rows = sql::query(&benchmark, "select id, half, mixed from records order by vertices limit 1").unwrap().rows;
    assert_eq!(serde_json::to_string(&rows).unwrap(), "[[9007199254740993,0.5,1.0]]");
    for (format, kept) in [(Format::Parquet, false), (Format::Arrow, false), (Format::Csv, true), (Format::JsonLines, true)] {
        fs_err::write(&file, exported(&benchmark, format)).unwrap();
        let columns = if kept { columns.clone() } else { Columns::default() };
        let again = read_table(&file, &columns, &Skeleton::nas_bench_101()).unwrap();
        assert_eq!(again.records, contents.records, "{format:?}");
    }
}

#[test]
fn parameters_that_contradict_the_network_are_counted() {
    let text = "matrix,ops,epochs,validation_accuracy,trainable_parameters\n\
        0100,,4,0.5,7\n0100,,12,0.5,8\n010001000,conv3x3,4,0.5,\n";
    let found = contents(text, &Columns::default()).unwrap();
    let of_two_vertices: Vec<_> = found.records.iter().filter(|record| record.cell.vertices() == 2).collect();
    assert_eq!([0, 1].map(|index| of_two_vertices[index].parameters), [Parameters(7), Parameters(8)], "they are kept");
    let counted = count(&of_two_vertices[0].cell, &Skeleton::nas_bench_101()).unwrap().0;
    let recounted = Recounted { records: 2, first: of_two_vertices[0].key(), stated: Parameters(7), counted };
    assert_eq!(found.recounted, Some(recounted));
    let agreeing = text.replace(",7\n", &format!(",{counted}\n")).replace(",8\n", ",\n");
    assert_eq!(contents(&agreeing, &Columns::default()).unwrap().recounted, None);
}

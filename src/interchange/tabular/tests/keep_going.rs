//! Files of which some rows are not right.

use super::*;

/// Reads a file with and without keeping going: what is left out, and the rows that were read.
fn salvaged(name: &str, bytes: &[u8]) -> (Vec<String>, Vec<Record>) {
    let (folder, file) = file(name, bytes);
    let (protocol, out) = (Protocol::find("nas-bench-101").unwrap(), folder.path().join("bench"));
    let strict = import(&file, &Columns::default(), &protocol, &out).unwrap_err().to_string();
    assert!(!out.exists(), "{strict}");
    let (benchmark, contents) = import_table(&file, &Columns::default(), &protocol, "any", true, &out).unwrap();
    assert_eq!(benchmark.records().unwrap(), contents.records);
    assert_eq!(contents.left_out.count, contents.left_out.listed.len() as u64);
    let chain = |error: &Error| {
        let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
        [error.to_string()].into_iter().chain(causes.map(ToString::to_string)).collect::<Vec<_>>().join(": ")
    };
    let said = contents.left_out.listed.iter().map(|error| chain(error).replace(&format!("{}/", folder.path().display()), ""));
    (said.collect(), contents.records)
}

#[test]
fn rows_that_are_not_right_can_be_left_out_and_are_listed() {
    let header = "module_adjacency,module_operations,epochs,repeat,validation_accuracy,test_accuracy\n";
    let rows = [
        "0100,\"input,output\",4,0,0.5,0.5",
        "0000,\"input,output\",4,0,0.5,0.5",
        "010001000,conv3x3,4,0,5,0.5",
        "010001000,conv3x3,4",
        "0100,\"input,output\",4,0,0.7,0.5",
        "010001000,conv3x3,4,100,0.5,0.5",
        "010001000,conv3x3,4,1,0.6,0.5",
    ];
    let (left_out, records) = salvaged("cells.csv", format!("{header}{}\n", rows.join("\n")).as_bytes());
    let expected = [
        "`cells.csv`, line 3, column `module_adjacency`: expected a cell (the cell is disconnected: no path leads from the input to the \
         output), found 0000 with input,output",
        "`cells.csv`, line 4, column `validation_accuracy`: expected an accuracy as a fraction, 0 to 1, found 5",
        "could not read `cells.csv`: CSV error: record 4 (line: 5, byte: ",
        "`cells.csv`, line 7, column `repeat`: expected at most 99",
        "`cells.csv` has two rows of cell 043721b9c7fe8c5fad811d47d83132ec at 4 epochs, repeat 0",
    ];
    assert_eq!(left_out.len(), expected.len(), "{left_out:#?}");
    for (found, expected) in left_out.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found}, expected {expected}");
    }
    let fractions: Vec<_> = of_cells(&records).into_iter().map(|(_, _, _, fraction)| fraction.unwrap()).collect();
    assert!(fractions == [0.5, 0.6] || fractions == [0.6, 0.5], "of rows with one key the first is kept: {fractions:?}");

    let json = "[7, {\"matrix\": \"0100\", \"ops\": [], \"epochs\": 4, \"validation_accuracy\": 0.5},\
        {\"matrix\": \"0100\", \"matrix\": \"0100\", \"ops\": [], \"epochs\": 4, \"validation_accuracy\": 0.5}]";
    let (left_out, records) = salvaged("cells.json", json.as_bytes());
    assert_eq!(records.len(), 1);
    assert_eq!(
        left_out,
        [
            "could not read `cells.json`: row 1 is `7`, expected an object",
            "could not read `cells.json`: object 3 has the key `matrix` twice"
        ]
    );
}

#[test]
fn rows_of_an_export_that_are_not_right_can_be_left_out_too() {
    let folder = tempfile::tempdir().unwrap();
    let all = records();
    let benchmark = benchmark(folder.path(), &all, &[]);
    let hash = all[4].hash.to_string();
    let other: String = hash.chars().rev().collect();
    for format in [Format::Csv, Format::JsonLines] {
        let text = String::from_utf8(exported(&benchmark, format)).unwrap();
        let first = usize::from(format == Format::Csv);
        let mut lines: Vec<_> = text.lines().map(ToOwned::to_owned).collect();
        lines[first + 4] = lines[first + 4].replace(&hash, &other);
        lines[first + 7] = lines[first + 7].replace(",108,", ",much,").replace("\"epochs\":108", "\"epochs\":\"much\"");
        let (left_out, records) = salvaged("rows", lines.join("\n").as_bytes());
        assert_eq!(left_out.len(), 2, "{left_out:?}");
        assert!(left_out[0].starts_with(&format!("`rows`, row 4, column `module_hash`: expected {hash}")), "{}", left_out[0]);
        assert!(left_out[1].starts_with("could not read the rows of `rows`: "), "{}", left_out[1]);
        assert!(left_out[1].contains("row 7: "), "{}", left_out[1]);
        let kept: Vec<_> =
            all.iter().enumerate().filter(|(index, _)| ![4, 7].contains(index)).map(|(_, one)| one.clone()).collect();
        assert_eq!(records, kept, "{format:?}");
    }
}

#[test]
fn a_file_of_which_no_row_is_right_says_why_even_if_it_keeps_going() {
    let (folder, file) = file("cells.csv", b"matrix,ops,epochs,validation_accuracy\n0000,,4,0.5\n");
    let (protocol, out) = (Protocol::find("nas-bench-101").unwrap(), folder.path().join("bench"));
    let error = import_table(&file, &Columns::default(), &protocol, "any", true, &out).unwrap_err().to_string();
    assert!(error.contains("line 2, column `matrix`: expected a cell ("), "{error}");
    assert!(!out.exists());
}

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, DictionaryArray, Float32Array, Float64Array, RecordBatch, StringArray, UInt16Array};
use arrow::datatypes::{Int32Type, Schema};
use parquet::arrow::ArrowWriter;
use proptest::prelude::*;

use super::*;
use crate::space::Space;
use crate::table::fixture::new_benchmark;
use crate::table::{Identity, schema, write, writer};
use crate::unit::Seed;

/// Returns a record whose values are functions of its key.
fn record(cell: Cell, epochs: u16, repeat: u16) -> Record {
    let part = f32::from(cell.hash().to_bytes()[0]) + f32::from(epochs) + f32::from(repeat) * 100.0;
    let moment = |scale: f32| Evaluation {
        training_time: Seconds(f64::from(part * scale)),
        train_accuracy: Accuracy::from_fraction(part / 1_000.0 * scale),
        validation_accuracy: Accuracy::from_fraction(part / 2_000.0 * scale).filter(|_| repeat != 3),
        test_accuracy: Accuracy::from_fraction(part / 3_000.0 * scale),
    };
    let status = if repeat == 3 { Status::Diverged } else { Status::Ok };
    let parameters = Parameters(u32::from(cell.hash().to_bytes()[1]));
    Record { parameters, halfway: moment(0.5), end: moment(1.0), status, ..Record::blank(cell, Epochs(epochs), repeat) }
}

fn cells(max_vertices: usize) -> Vec<Cell> {
    Space::nas_bench_101().with_max_vertices(max_vertices).unwrap().cells().unwrap()
}

fn tiny() -> Table {
    let records: Vec<_> =
        cells(3).into_iter().flat_map(|cell| (0..4).map(move |repeat| record(cell, 4 + repeat % 2, repeat))).collect();
    Table::from_records(&records)
}

/// Panics unless a table says what records say, and nothing else.
fn assert_says(table: &Table, records: &[Record]) {
    assert_eq!(table.row_count(), records.len());
    assert!(table.hashes().is_sorted_by(|one, next| one < next));
    assert_eq!(table.first_rows.len(), table.len() + 1);
    for record in records {
        let index = table.index_of(&record.cell).unwrap();
        assert_eq!(table.index_of_hash(record.hash), Some(index));
        assert_eq!(table.cells()[index].hash(), record.hash);
        assert_eq!(table.parameters(index), record.parameters);
        let row = table.row(index, record.epochs, record.repeat).unwrap();
        assert_eq!((row.epochs(), row.repeat(), row.status()), (record.epochs, record.repeat, record.status));
        assert_eq!((row.at(Stop::Halfway), row.at(Stop::Final)), (record.halfway, record.end));
        assert!(table.budgets().contains(&record.epochs));
        assert!(table.rows(index).is_sorted_by_key(|row| (row.epochs(), row.repeat())));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_table_says_what_the_records_say(
        keys in proptest::collection::vec((0_usize..91, 1_u16..4, 0_u16..4, 0_usize..3), 0..300),
        is_sorted: bool,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let benchmark = new_benchmark(folder.path());
        let cells = cells(4);
        let shards = benchmark.shards(Part::Recorded);
        let files = [folder.path().join("records.parquet"), shards.join("1.parquet"), shards.join("2.parquet")];
        for (place, file) in files.iter().enumerate() {
            let of_file = keys.iter().filter(|(.., which)| *which == place);
            let mut records: Vec<_> = of_file.map(|(cell, epochs, repeat, _)| record(cells[*cell], *epochs, *repeat)).collect();
            if is_sorted {
                records.sort_by_key(Record::key);
            }
            write(file, &records, benchmark.identity()).unwrap();
        }
        let records = benchmark.records().unwrap();
        assert_says(&benchmark.table().unwrap(), &records);
        assert_says(&Table::from_records(&records), &records);
    }
}

#[test]
fn a_cell_that_goes_on_in_the_next_row_group_is_one_cell() {
    let folder = tempfile::tempdir().unwrap();
    let benchmark = new_benchmark(folder.path());
    let mut records: Vec<_> = cells(4).into_iter().flat_map(|cell| (0..3).map(move |repeat| record(cell, 4, repeat))).collect();
    records.sort_by_key(Record::key);
    let properties = writer::properties(benchmark.identity()).into_builder().set_max_row_group_row_count(Some(10)).build();
    write_with(&folder.path().join("records.parquet"), &schema::to_batch(&records), properties);
    assert_says(&benchmark.table().unwrap(), &records);
}

fn write_with(file: &Path, batch: &RecordBatch, properties: parquet::file::properties::WriterProperties) {
    let mut writer = ArrowWriter::try_new(fs_err::File::create(file).unwrap(), batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
}

/// Returns a batch of four rows in which one column is replaced.
fn batch_with(column: &str, array: ArrayRef) -> RecordBatch {
    let cells = cells(3);
    let records: Vec<_> = [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(cell, repeat)| record(cells[cell], 4, repeat)).into();
    let batch = schema::to_batch(&records);
    let index = batch.schema().index_of(column).unwrap();
    let mut fields: Vec<_> = batch.schema().fields().iter().map(|field| field.as_ref().clone()).collect();
    fields[index] = fields[index].clone().with_data_type(array.data_type().clone()).with_nullable(true);
    let mut columns = batch.columns().to_vec();
    columns[index] = array;
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
}

#[test]
fn a_damaged_value_is_refused_as_the_reader_of_records_refuses_it() {
    let (one, two) = (cells(3)[0].hash().to_string(), cells(3)[1].hash().to_string());
    let texts = |texts: [&str; 4]| -> ArrayRef { Arc::new(StringArray::from(texts.to_vec())) };
    let damaged: Vec<(&str, ArrayRef)> = vec![
        ("module_hash", texts([&one, &one, &one, &one])),
        ("module_hash", texts([&one, &one, &one, &two])),
        ("module_hash", texts([&two, &two, &one, &one])),
        ("module_hash", texts([&one, &one, &two, &two.replace('c', "d").replace('a', "b")])),
        ("module_adjacency", texts(["0100", "0100", "010001000", "000000000"])),
        ("module_adjacency", texts(["0100", "01", "010001000", "010001000"])),
        ("module_adjacency", texts(["0100", "0100", "0120", "010001000"])),
        ("module_operations", texts(["input,output", "input,output", "input,odd,output", "input,output"])),
        ("epochs", Arc::new(UInt16Array::from(vec![Some(1), Some(1), None, Some(1)]))),
        ("epochs", Arc::new(Float32Array::from(vec![1.0; 4]))),
        ("repeat", texts(["0", "1", "0", "1"])),
        ("final_training_time", Arc::new(Float64Array::from(vec![0.0, 1.0, 2.0, -1.0]))),
        ("halfway_training_time", Arc::new(Float64Array::from(vec![0.0, 1.0, f64::NAN, 1.0]))),
        ("final_training_time", Arc::new(Float64Array::from(vec![Some(0.0), Some(1.0), None, Some(1.0)]))),
        ("halfway_test_accuracy", Arc::new(Float32Array::from(vec![0.0, 1.0, 1.5, 1.0]))),
        ("final_train_accuracy", Arc::new(Float32Array::from(vec![None, Some(1.0), Some(f32::NAN), Some(1.0)]))),
        ("status", Arc::new(vec!["ok", "ok", "ok", "perfect"].into_iter().collect::<DictionaryArray<Int32Type>>())),
        ("status", Arc::new(vec![Some("ok"), None, Some("ok"), Some("ok")].into_iter().collect::<DictionaryArray<Int32Type>>())),
    ];
    for (column, array) in damaged {
        let folder = tempfile::tempdir().unwrap();
        let benchmark = new_benchmark(folder.path());
        let file = folder.path().join("records.parquet");
        write_with(&file, &batch_with(column, array), writer::properties(benchmark.identity()));
        let expected = benchmark.records().unwrap_err().to_string();
        let message = benchmark.table().unwrap_err().to_string();
        // Both name file, row and column; which of two wrong columns comes first is of no account.
        let place = |text: &str| text.split("expected").next().unwrap().to_owned();
        assert_eq!(place(&message), place(&expected), "{message}");
    }
}

#[test]
fn rows_of_another_benchmark_and_cut_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let benchmark = new_benchmark(folder.path());
    let file = folder.path().join("records.parquet");
    write(&file, &[record(cells(3)[1], 4, 0)], Identity::from_hex(&"6".repeat(64)).unwrap()).unwrap();
    assert!(matches!(benchmark.table(), Err(Error::ForeignRows { .. })));
    write(&file, &[record(cells(3)[1], 4, 0)], benchmark.identity()).unwrap();
    let whole = fs_err::read(&file).unwrap();
    for length in (0..whole.len()).step_by(97) {
        fs_err::write(&file, &whole[..length]).unwrap();
        assert!(matches!(benchmark.table(), Err(Error::Parquet { .. })), "{length}");
    }
}

#[test]
fn a_cell_is_found_however_it_is_numbered() {
    let cell = |operations: &str| Cell::from_texts("0110000100010000", operations).unwrap();
    let (one, other) = (cell("input,conv3x3-bn-relu,maxpool3x3,output"), cell("input,maxpool3x3,conv3x3-bn-relu,output"));
    let table = Table::from_records(&[record(one, 4, 0)]);
    assert_ne!(one, other);
    assert_eq!(table.query(&other, Epochs(4), Repeat::Mean).unwrap().cell, one);
}

#[test]
fn a_mean_is_over_the_repeats_that_have_the_value_and_one_that_diverged_counts_as_chance() {
    let cell = cells(3)[2];
    let records: Vec<_> = [1, 2, 3].map(|repeat| record(cell, 4, repeat)).into();
    let answer = Table::from_records(&records).query(&cell, Epochs(4), Repeat::Mean).unwrap();
    assert_eq!((answer.repeat, answer.epochs), (None, Epochs(4)));
    assert_eq!((answer.repeats, answer.diverged), (3, 1));
    let sum: f64 =
        records[..2].iter().filter_map(|record| record.end.validation_accuracy).map(|one| f64::from(one.fraction())).sum();
    let validation = answer.end.validation_accuracy.unwrap();
    assert!((validation.value - (sum + 0.1) / 3.0).abs() < 1e-7 && validation.repeats == 3);
    let times: f64 = records.iter().map(|record| record.halfway.training_time.0).sum();
    assert_eq!(answer.halfway.training_time, Some(Mean { value: times / 3.0, repeats: 3 }));
    let four = Table::from_records(&records[2..]).with_classes(4).query(&cell, Epochs(4), Repeat::Mean).unwrap();
    assert_eq!(four.end.validation_accuracy, Some(Mean { value: 0.25, repeats: 1 }));
    // Asked for alone, it has what was measured: nothing.
    let alone = Table::from_records(&records).query(&cell, Epochs(4), Repeat::One(3)).unwrap();
    assert_eq!((alone.end.validation_accuracy, alone.diverged), (None, 1));
}

#[test]
fn each_mean_says_how_many_repeats_it_is_of() {
    let cell = cells(3)[2];
    let mut records: Vec<_> = [0, 1].map(|repeat| record(cell, 4, repeat)).into();
    records[1].end.validation_accuracy = None;
    let answer = Table::from_records(&records).query(&cell, Epochs(4), Repeat::Mean).unwrap();
    let repeats = [answer.end.validation_accuracy, answer.end.test_accuracy].map(|mean| mean.unwrap().repeats);
    assert_eq!((answer.repeats, repeats), (2, [1, 2]));
}

#[test]
fn a_time_that_nobody_measured_is_neither_answered_nor_the_best() {
    let cells = cells(3);
    let timed = |cell: Cell, epochs, repeat, seconds| {
        let end = Evaluation { training_time: Seconds(seconds), ..Evaluation::default() };
        Record { end, ..Record::blank(cell, Epochs(epochs), repeat) }
    };
    let records =
        [timed(cells[0], 4, 0, 0.0), timed(cells[1], 4, 0, 0.0), timed(cells[1], 4, 1, 8.0), timed(cells[1], 5, 0, 0.0)];
    let table = Table::from_records(&records);
    let time = |cell: usize, epochs| {
        let answer = table.query(&cells[cell], Epochs(epochs), Repeat::Mean).unwrap();
        answer.official(Stop::Final).training_time
    };
    assert_eq!([time(0, 4), time(1, 4), time(1, 5)], [None, Some(Seconds(8.0)), None]);
    let by = RANKINGS.iter().find(|ranking| ranking.name == "final_training_time").unwrap();
    let best: Vec<_> = table.best(Epochs(4), by, 5).unwrap().iter().map(|answer| answer.cell).collect();
    assert_eq!(best, [cells[1]]);
    assert_eq!(
        table.best(Epochs(5), by, 5).unwrap_err().to_string(),
        "no cell has a `final_training_time` at 5 epochs (there is: trainable_parameters)"
    );
    assert!(table.check_times(Epochs(4)).is_ok());
    assert_eq!(table.check_times(Epochs(5)).unwrap_err().to_string(), "no training time is known at 5 epochs");
}

#[test]
fn an_answer_has_the_official_key_names() {
    let table = tiny();
    let cell = cells(3)[1];
    let answer = table.query(&cell, Epochs(4), Repeat::One(2)).unwrap();
    let expected = record(cell, 4, 2);
    let printed = serde_json::to_value(answer.official(Stop::Halfway)).unwrap();
    let accuracy = |accuracy: Option<Accuracy>| serde_json::json!(accuracy);
    assert_eq!(
        printed,
        serde_json::json!({
            "module_adjacency": [[0, 1, 0], [0, 0, 1], [0, 0, 0]],
            "module_operations": ["input", "conv3x3-bn-relu", "output"],
            "trainable_parameters": expected.parameters.0,
            "training_time": expected.halfway.training_time.0,
            "train_accuracy": accuracy(expected.halfway.train_accuracy),
            "validation_accuracy": accuracy(expected.halfway.validation_accuracy),
            "test_accuracy": accuracy(expected.halfway.test_accuracy),
        })
    );
}

#[test]
fn what_is_not_there_is_refused_in_the_official_order() {
    let table = tiny();
    let known = cells(3)[1];
    let unknown = cells(4)[90];
    let message = |cell: &Cell, epochs, repeat| table.query(cell, Epochs(epochs), repeat).unwrap_err().to_string();
    assert_eq!(message(&unknown, 6, Repeat::Mean), "nothing was trained for 6 epochs (known: 4, 5)");
    assert_eq!(message(&unknown, 4, Repeat::Mean), format!("cell {} is not recorded", unknown.hash()));
    assert_eq!(message(&known, 4, Repeat::One(1)), format!("cell {} has no repeat 1 at 4 epochs (known: 0, 2)", known.hash()));
    let partial = Table::from_records(&[record(known, 4, 0), record(unknown, 5, 0)]);
    let message = partial.query(&known, Epochs(5), Repeat::Mean).unwrap_err().to_string();
    assert_eq!(message, format!("cell {} is not recorded at 5 epochs", known.hash()));
}

#[test]
fn a_draw_is_a_function_of_seed_and_cell() {
    let records: Vec<_> = cells(3)
        .into_iter()
        .flat_map(|cell| (0..4).flat_map(move |repeat| [4, 5].map(|epochs| record(cell, epochs, repeat))))
        .collect();
    let table = Table::from_records(&records);
    let drawn = |seed, index, epochs| table.answer(index, Epochs(epochs), Repeat::Drawn(Seed(seed))).unwrap().repeat.unwrap();
    let all = |seed| (0..7).map(|index| drawn(seed, index, 4)).collect::<Vec<_>>();
    assert_eq!(all(1), all(1));
    assert_eq!(all(1), (0..7).map(|index| drawn(1, index, 5)).collect::<Vec<_>>());
    let counts = (0..100).flat_map(all).fold([0; 4], |mut counts, repeat| {
        counts[usize::from(repeat)] += 1;
        counts
    });
    // 700 fair draws among four, within four standard deviations.
    assert!(counts.iter().all(|count| (129..=221).contains(count)), "{counts:?}");
}

#[test]
fn the_best_come_first() {
    let table = tiny();
    for by in RANKINGS {
        let best = table.best(Epochs(4), by, 3).unwrap();
        let mut values: Vec<_> =
            (0..table.len()).map(|index| by.value(&table.answer(index, Epochs(4), Repeat::Mean).unwrap()).unwrap()).collect();
        values.sort_by(f64::total_cmp);
        if by.is_higher_better {
            values.reverse();
        }
        assert_eq!(best.iter().map(|answer| by.value(answer).unwrap()).collect::<Vec<_>>(), values[..3], "{}", by.name);
    }
    for (name, stop, expected) in [
        ("training_time", None, "final_training_time"),
        ("training_time", Some(Stop::Halfway), "halfway_training_time"),
        ("validation_accuracy", Some(Stop::Final), "final_validation_accuracy"),
        ("final_test_accuracy", Some(Stop::Halfway), "final_test_accuracy"),
        ("trainable_parameters", Some(Stop::Halfway), "trainable_parameters"),
    ] {
        assert_eq!(Ranking::find(name, stop).map(|by| by.name), Some(expected));
    }
    assert!(Ranking::find("accuracy", None).is_none() && Ranking::find("", None).is_none());
    assert_eq!(table.best(Epochs(4), &RANKINGS[0], 100).unwrap().len(), 7);
    assert!(matches!(table.best(Epochs(9), &RANKINGS[0], 1), Err(Error::UnknownBudget { .. })));
}

#[test]
fn the_nearest_cells_come_first() {
    let table = tiny();
    let cell = Cell::from_texts("0100001000010000", "input,maxpool3x3,maxpool3x3,output").unwrap();
    let nearest = table.nearest(&cell, 2);
    assert_eq!(nearest.len(), 2);
    assert!(nearest.is_sorted_by_key(|(_, edits)| *edits));
    let fewest = table.cells().iter().map(|other| crate::space::distance(&cell, other)).min();
    assert_eq!(Some(nearest[0].1), fewest);
    let index = table.index_of(&cells(3)[3]).unwrap();
    assert_eq!(table.nearest(&cells(3)[3], 1), [(index, 0)]);
    assert_eq!(Table::from_records(&[]).nearest(&cell, 3), []);
}

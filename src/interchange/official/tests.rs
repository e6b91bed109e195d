//! Whole files in and out, and everything that can be wrong with them.

use std::path::{Path, PathBuf};

use fs_err as fs;
use proptest::prelude::*;

use super::fixture::{self, Texts, Trained, file, model};
use super::frame::{self, Frame};
use super::{Exported, Step, Summary, export, import};
use crate::interchange::Error;
use crate::space::{Cell, Space};
use crate::table::{Benchmark, Record, Source, Status};
use crate::unit::{Accuracy, Epochs, Seconds};

/// A folder with a file, and where it is imported to.
struct Setting {
    folder: tempfile::TempDir,
    file: PathBuf,
    out: PathBuf,
}

impl Setting {
    fn of(bytes: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (file, out) = (folder.path().join("nb.tfrecord"), folder.path().join("bench"));
        fs::write(&file, bytes).unwrap();
        Self { folder, file, out }
    }

    fn import(&self, keep_going: bool) -> Result<Summary, Error> {
        import(std::slice::from_ref(&self.file), &self.out, keep_going, &mut |_, _, _| {})
    }

    /// Returns the message about a file that is not right, with its causes, the folder left out. Nothing else is left behind.
    fn refusal(&self) -> String {
        let message = chain(&self.import(false).unwrap_err());
        assert!(!self.out.exists(), "a benchmark was made all the same");
        message.replace(&format!("{}/", self.folder.path().display()), "")
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let cause = error.source().map_or_else(String::new, |cause| format!(": {}", chain(cause)));
    format!("{error}{cause}")
}

/// Twelve records: three cells, two budgets, two repeats, in no order.
fn some() -> Vec<Trained> {
    let mut models = Vec::new();
    for repeat in 0..2 {
        for cell in [3, 0, 5] {
            models.extend([108, 4].map(|epochs| model(cell, epochs, repeat)));
        }
    }
    models
}

/// Returns the payloads of a file.
fn payloads(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut rest = bytes;
    let mut found = Vec::new();
    while let Some(frame) = Frame::take(rest).unwrap() {
        found.push(frame.payload().unwrap().to_vec());
        rest = &rest[frame.length()..];
    }
    found
}

fn framed(payloads: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for payload in payloads {
        frame::write(&mut bytes, payload).unwrap();
    }
    bytes
}

#[test]
fn records_come_in_with_their_known_values() {
    let setting = Setting::of(&file(&some()));
    let mut steps = Vec::new();
    let files = [setting.file.clone()];
    let summary = import(&files, &setting.out, false, &mut |step, done, total| steps.push((step, done, total))).unwrap();
    assert_eq!((summary.records, summary.cells, summary.repeats), (12, 3, 2..=2));
    assert_eq!(summary.budgets.into_iter().collect::<Vec<_>>(), [(Epochs(4), 6), (Epochs(108), 6)]);
    assert_eq!((summary.isomorphic, summary.rounded, summary.left_out.count), (0, 0, 0));
    assert_eq!(summary.recounted, 12, "the parameters of these records are made up");
    let length = fs::metadata(&setting.file).unwrap().len();
    assert_eq!(steps, [(Step::Reading, length, length), (Step::Writing, 12, 12)]);

    let benchmark = Benchmark::open(&setting.out).unwrap();
    let records = benchmark.records().unwrap();
    assert!(records.is_sorted_by_key(Record::key));
    assert_eq!(records.len(), 12);
    let all = some();
    for trained in &all {
        let is_earlier = |other: &&Trained| other.total_time != trained.total_time;
        let earlier = all.iter().take_while(is_earlier);
        let alike = |other: &&Trained| other.texts.hash == trained.texts.hash && other.epochs == trained.epochs;
        let repeat = u16::try_from(earlier.filter(alike).count()).unwrap();
        let cell = Cell::from_texts(&trained.texts.adjacency, &trained.texts.operations).unwrap();
        let flops = crate::network::Plan::compile(&cell, &crate::network::Skeleton::nas_bench_101()).unwrap().cost().flops;
        let [start, halfway, end] = trained.evaluations;
        let expected = Record {
            parameters: trained.parameters,
            flops,
            start,
            halfway,
            end,
            total_time: trained.total_time,
            status: Status::Ok,
            source: Source::Imported,
            ..Record::blank(cell, Epochs(trained.epochs), repeat)
        };
        assert!(records.contains(&expected), "{} is missing or differs", expected.key());
    }
}

#[test]
fn where_records_come_from_is_written_down() {
    let bytes = file(&some());
    let setting = Setting::of(&bytes);
    let benchmark = setting.import(false).unwrap().benchmark;
    let sha256 = crate::hex::print(&<sha2::Sha256 as sha2::Digest>::digest(&bytes));
    let [imported] = benchmark.imported() else { panic!("one file") };
    assert_eq!((imported.file.as_str(), imported.records, imported.bytes), ("nb.tfrecord", 12, bytes.len() as u64));
    assert_eq!(imported.sha256, sha256);
    let manifest = benchmark.manifest();
    assert_eq!((manifest.seed, manifest.dataset.name.as_str(), &manifest.dataset.sha256), (None, "cifar-10", &None));
    assert_eq!(manifest.operations.len(), 3);
    let text = fs::read_to_string(setting.out.join("benchmark.toml")).unwrap();
    assert!(text.contains(&format!("[[imported]]\nfile = \"nb.tfrecord\"\nbytes = {}\nrecords = 12\n", bytes.len())), "{text}");
    // Provenance is no part of the identity: a second release of the same benchmark can be compared with the first.
    let other = Setting::of(&file(&some()[..3]));
    assert_eq!(other.import(false).unwrap().benchmark.identity(), benchmark.identity());
}

#[test]
fn what_came_in_goes_out_again() {
    let setting = Setting::of(&file(&some()));
    let benchmark = setting.import(false).unwrap().benchmark;
    let exported = setting.folder.path().join("again.tfrecord");
    let mut steps = Vec::new();
    assert_eq!(export(&benchmark, &exported, &mut |done, total| steps.push((done, total))).unwrap().written, 12);
    assert_eq!(steps, [(12, 12)]);
    let without_checkpoints: Vec<_> = some().into_iter().map(|model| Trained { checkpoint: None, ..model }).collect();
    let mut expected = payloads(&file(&without_checkpoints));
    let found = payloads(&fs::read(&exported).unwrap());
    expected.sort_unstable();
    let mut sorted = found.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, expected);
    // Once in order, the file is the same to the last byte.
    let again = Setting::of(&fs::read(&exported).unwrap());
    let benchmark = again.import(false).unwrap().benchmark;
    export(&benchmark, &exported, &mut |_, _| {}).unwrap();
    assert_eq!(payloads(&fs::read(&exported).unwrap()), found);
}

#[test]
fn recorded_shards_go_out_too_and_what_diverged_stays() {
    let folder = tempfile::tempdir().unwrap();
    let benchmark = Benchmark::create_or_open(folder.path().join("bench"), &super::import::manifest()).unwrap();
    let shards = benchmark.shards(crate::table::Part::Recorded);
    fs::create_dir_all(&shards).unwrap();
    let record = |cell: usize, repeat| {
        let Trained { texts, evaluations: [start, halfway, end], .. } = model(cell, 4, repeat);
        let cell = Cell::from_texts(&texts.adjacency, &texts.operations).unwrap();
        Record { start, halfway, end, ..Record::blank(cell, Epochs(4), repeat) }
    };
    let mut diverged = record(2, 0);
    diverged.end.test_accuracy = None;
    diverged.status = Status::Diverged;
    for (name, records) in [("2.parquet", [record(1, 0), record(1, 1)]), ("1.parquet", [record(1, 1), diverged])] {
        crate::table::write(&shards.join(name), &records, benchmark.identity()).unwrap();
    }
    let file = folder.path().join("out.tfrecord");
    let found = export(&benchmark, &file, &mut |_, _| {}).unwrap();
    let lacking = [("final_test_accuracy", 1)].into();
    assert_eq!(found, Exported { written: 2, left_out: 1, lacking, diverged: 1, diverged_written: 0 });
    let expected = "1 training diverged: the official format has no mark for that, so it is left out; a mean over its records is \
        over what is written";
    assert_eq!(found.diverged_text().as_deref(), Some(expected));
    let part = Exported { diverged: 3, diverged_written: 1, ..found.clone() }.diverged_text().unwrap();
    assert!(part.contains("so 2 of them are left out and 1 stand like all others; "), "{part}");
    assert_eq!(Exported { diverged: 0, ..found }.diverged_text(), None);
    assert_eq!(payloads(&fs::read(&file).unwrap()).len(), 2);
}

#[test]
fn a_benchmark_of_which_no_row_has_a_record_makes_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let benchmark = Benchmark::create_or_open(folder.path().join("bench"), &super::import::manifest()).unwrap();
    let file = folder.path().join("out.tfrecord");
    let message = || export(&benchmark, &file, &mut |_, _| {}).unwrap_err().to_string();
    assert_eq!(message(), format!("`{}` has no rows yet", benchmark.folder().display()));
    let mut record = Record::blank(Cell::from_texts("0100", "input,output").unwrap(), Epochs(4), 0);
    record.end.validation_accuracy = Accuracy::from_fraction(0.5);
    record.end.test_accuracy = Accuracy::from_fraction(0.5);
    crate::table::write(&folder.path().join("bench/records.parquet"), &[record], benchmark.identity()).unwrap();
    assert_eq!(
        message(),
        "the official format has words for none of the 1 rows: they lack final_train_accuracy, halfway_test_accuracy, \
         halfway_train_accuracy, halfway_validation_accuracy, start_test_accuracy, start_train_accuracy, \
         start_validation_accuracy\nhint: the other formats have"
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing was left beside the benchmark");
}

#[test]
fn both_official_files_at_once_are_refused_as_one_holds_the_other() {
    let (all, part) = (Setting::of(&file(&some())), Setting::of(&file(&some()[3..6])));
    let smaller = all.folder.path().join("smaller.tfrecord");
    fs::copy(&part.file, &smaller).unwrap();
    let message = |files: &[PathBuf]| import(files, &all.out, false, &mut |_, _, _| {}).unwrap_err().to_string();
    let (one, other) = (all.file.display(), smaller.display());
    let expected = format!("every record of `{other}` is in `{one}`, too\nhint: import `{one}` alone");
    assert_eq!(message(&[all.file.clone(), smaller.clone()]), expected);
    assert_eq!(message(&[smaller.clone(), all.file.clone()]), expected);
    let twice = all.folder.path().join("../").join(all.folder.path().file_name().unwrap()).join("nb.tfrecord");
    assert_eq!(message(&[all.file.clone(), twice]), format!("`{one}` is given twice"));
    assert!(!all.out.exists());
}

#[test]
fn a_packed_file_is_read_as_the_one_that_is_in_it() {
    let bytes = file(&some());
    let (plain, packed) = (Setting::of(&bytes), Setting::of(&[]));
    let mut encoder = flate2::write::GzEncoder::new(fs::File::create(&packed.file).unwrap(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, &bytes).unwrap();
    encoder.finish().unwrap();
    let (expected, found) = (plain.import(false).unwrap(), packed.import(false).unwrap());
    assert_eq!(found.benchmark.records().unwrap(), expected.benchmark.records().unwrap());
    let [of_packed, of_plain] = [&found, &expected].map(|summary| summary.benchmark.imported()[0].clone());
    assert_eq!(of_packed, of_plain, "bytes and sha256 are those of what is in it");
    let whole = fs::read(&packed.file).unwrap();
    let cut = Setting::of(&whole[..whole.len() / 2]);
    assert_eq!(cut.import(false).unwrap_err().to_string(), format!("could not unpack `{}`", cut.file.display()));
}

#[test]
fn repeats_are_in_the_order_of_the_files() {
    let models: Vec<_> = [4, 2, 0].map(|repeat| model(6, 36, repeat)).into();
    let (one, two) = (Setting::of(&file(&models[..2])), Setting::of(&file(&models[2..])));
    let files = [one.file.clone(), two.file.clone()];
    let summary = import(&files, &one.out, false, &mut |_, _, _| {}).unwrap();
    let times: Vec<_> = summary.benchmark.records().unwrap().iter().map(|record| record.total_time).collect();
    assert_eq!(times, models.iter().map(|model| model.total_time).collect::<Vec<_>>());
    let records: Vec<_> = summary.benchmark.imported().iter().map(|imported| imported.records).collect();
    assert_eq!(records, [2, 1]);
}

#[test]
fn records_of_isomorphic_matrices_stand_under_the_first() {
    let cells = Space::nas_bench_101().with_max_vertices(4).unwrap().cells().unwrap();
    let cell = *cells.iter().find(|cell| cell.to_string() == "0-1,0-2,1-3,2-3 conv3x3-bn-relu,conv1x1-bn-relu").unwrap();
    let names: Vec<_> = cell.operations().map(crate::space::Operation::name).collect();
    let twin = Cell::from_texts(&cell.adjacency_text(), &format!("input,{},{},output", names[1], names[0])).unwrap();
    let other = Trained { texts: Texts::new(&twin), ..model(0, 4, 1) };
    assert_eq!(cell.hash(), twin.hash());
    let setting = Setting::of(&file(&[Trained { texts: Texts::new(&cell), ..model(0, 4, 0) }, other]));
    let summary = setting.import(false).unwrap();
    assert_eq!((summary.cells, summary.records), (1, 2));
    assert_eq!(summary.isomorphic, 1);
    assert!(summary.benchmark.records().unwrap().iter().all(|record| record.cell == cell));
}

#[test]
fn a_file_cut_anywhere_says_where() {
    let bytes = file(&some()[..2]);
    let first = payloads(&bytes)[0].len();
    let second = first + 16;
    for (length, expected) in [
        (5, "`nb.tfrecord`, record 1 at byte 0: the file ends in the length, after 5 bytes of the record".to_owned()),
        (first + 14, format!("record 1 at byte 0: the file ends in the checksum of its payload, after {} bytes", first + 14)),
        (second + 10, format!("record 2 at byte {second}: the file ends in the checksum of its length, after 10 bytes")),
        (second + 50, format!("record 2 at byte {second}: the file ends in the payload, after 50 bytes of the record")),
    ] {
        let message = Setting::of(&bytes[..length]).refusal();
        assert!(message.contains(&expected), "{message}");
    }
}

#[test]
fn damage_is_named_with_record_and_byte() {
    let payloads = payloads(&file(&some()));
    let offset = |record: usize| payloads[..record].iter().map(|payload| payload.len() + 16).sum::<usize>();
    let second = offset(1);
    let bytes = framed(&payloads);
    let damaged = |position: usize| {
        let mut bytes = bytes.clone();
        bytes[position] ^= 0x10;
        Setting::of(&bytes).refusal()
    };
    let place = format!("`nb.tfrecord`, record 2 at byte {second}: ");
    assert!(damaged(second).starts_with(&format!("{place}the checksum of its length is ")), "{}", damaged(second));
    assert!(damaged(second + 40).starts_with(&format!("{place}the checksum of its payload is ")), "{}", damaged(second + 40));

    // A payload of another content, framed well.
    let changed = |from: &str, to: &str| {
        let mut payloads = payloads.clone();
        payloads[1] = String::from_utf8(payloads[1].clone()).unwrap().replace(from, to).into_bytes();
        Setting::of(&framed(&payloads)).refusal()
    };
    let hash = model(3, 4, 0).texts.hash;
    let other = model(0, 4, 0).texts.hash;
    assert_eq!(changed(&hash, &other), format!("{place}the record states hash {other}, its cell has {hash}"));
    assert!(changed("[", "").starts_with(&format!("{place}the record is no JSON: ")), "{}", changed("[", ""));
    let adjacency = model(3, 4, 0).texts.adjacency;
    assert_eq!(
        changed(&format!("\"{adjacency}\""), "\"010000000\""),
        format!("{place}the cell is disconnected: no path leads from the input to the output")
    );
    let dangling = changed(&format!("\"{adjacency}\""), "\"001000000\"");
    assert_eq!(
        dangling,
        format!("{place}the matrix has 3 vertices of which 2 lie between input and output: expected a pruned one")
    );
    let foreign = changed(&some()[1].texts.operations, "input,identity,output");
    assert!(foreign.starts_with(&format!("{place}the cell has the operation `identity`")), "{foreign}");
}

#[test]
fn a_copy_of_a_record_names_both() {
    let mut payloads = payloads(&file(&some()));
    payloads.push(payloads[2].clone());
    let offset = |record: usize| payloads[..record].iter().map(|payload| payload.len() + 16).sum::<usize>();
    let setting = Setting::of(&framed(&payloads));
    let message = setting.refusal();
    assert_eq!(
        message,
        format!(
            "`nb.tfrecord`, record 13 at byte {}: duplicate repeat: a copy of record 3 at byte {} of `nb.tfrecord`",
            offset(12),
            offset(2)
        )
    );
    let summary = setting.import(true).unwrap();
    assert_eq!((summary.records, summary.left_out.count), (12, 1));
    assert_eq!(summary.benchmark.imported()[0].records, 12);
}

#[test]
fn more_repeats_than_keys_are_refused() {
    let models: Vec<_> = (0..=100).map(|repeat| Trained { total_time: Seconds(f64::from(repeat)), ..model(0, 4, 0) }).collect();
    let setting = Setting::of(&file(&models));
    let message = setting.refusal();
    let hash = &models[0].texts.hash;
    assert!(message.ends_with(&format!("repeat 101 of cell {hash} at 4 epochs, expected at most 100")), "{message}");
    assert_eq!(setting.import(true).unwrap().repeats, 100..=100);
}

#[test]
fn what_is_no_official_file_is_refused() {
    assert_eq!(Setting::of(b"").refusal(), "`nb.tfrecord` holds no record to import");
    let text = Setting::of(b"module_hash,epochs\n00005c142e6f48ac74fdcf73e3439874,108\n").refusal();
    assert!(text.starts_with("`nb.tfrecord`, record 1 at byte 0: the checksum of its length is "), "{text}");
    let setting = Setting::of(b"");
    fs::remove_file(&setting.file).unwrap();
    assert!(setting.refusal().contains("nb.tfrecord"));
    fs::create_dir(&setting.file).unwrap();
    assert_eq!(setting.refusal(), "`nb.tfrecord` is a folder: expected a file");
}

#[test]
fn a_folder_that_holds_anything_is_left_alone() {
    let setting = Setting::of(&file(&some()));
    fs::create_dir(&setting.out).unwrap();
    fs::write(setting.out.join("thesis.tex"), "precious").unwrap();
    let message = setting.import(false).unwrap_err().to_string();
    assert!(message.ends_with("bench` is not empty: expected an empty or a new folder"), "{message}");
    fs::remove_file(setting.out.join("thesis.tex")).unwrap();
    setting.import(false).unwrap();
    assert!(matches!(setting.import(false), Err(Error::Table(crate::table::Error::NotEmpty { .. }))));
}

#[test]
fn what_is_not_right_can_be_left_out_and_is_listed() {
    let mut payloads = payloads(&file(&some()));
    payloads[4] = b"[1]".to_vec();
    let mut bytes = framed(&payloads);
    // The payload of the second record is damaged, and the length of the ninth.
    let offset = |record: usize| payloads[..record].iter().map(|payload| payload.len() + 16).sum::<usize>();
    bytes[offset(1) + 50] ^= 1;
    bytes[offset(8)] ^= 1;
    let summary = Setting::of(&bytes).import(true).unwrap();
    let listed: Vec<_> = summary.left_out.listed.iter().map(|error| chain(error)).collect();
    assert_eq!((summary.records, summary.left_out.count, listed.len()), (6, 3, 3));
    for (message, (record, part)) in
        listed.iter().zip([(2, "checksum of its payload"), (5, "the record has 1 fields"), (9, "checksum of its length")])
    {
        assert!(message.contains(&format!("record {record} at byte {}: ", offset(record - 1))), "{message}");
        assert!(message.contains(part), "{message}");
    }
    let nothing = Setting::of(b"nothing of the kind");
    let message = chain(&nothing.import(true).unwrap_err());
    assert!(message.ends_with("holds no record to import"), "{message}");
}

#[test]
fn only_the_first_problems_are_kept_in_full() {
    let mut bytes = framed(&vec![b"{}".to_vec(); 250]);
    bytes.extend(file(&some()[..1]));
    let summary = Setting::of(&bytes).import(true).unwrap();
    assert_eq!((summary.records, summary.left_out.count, summary.left_out.listed.len()), (1, 250, 100));
}

#[test]
fn an_accuracy_of_double_precision_is_rounded_and_counted() {
    let text = String::from_utf8(fixture::payload(0, 4, 0)).unwrap();
    let (head, metrics) = text.trim_end_matches("\"]").rsplit_once('"').unwrap();
    let mut protobuf = base64::Engine::decode(&base64::prelude::BASE64_STANDARD, metrics).unwrap();
    // The train accuracy of the first evaluation: after its tag and length, two doubles with their tags, and its own tag.
    let tag = protobuf.iter().position(|byte| *byte == (3 << 3 | 1)).unwrap();
    protobuf[tag + 1..tag + 9].copy_from_slice(&0.1_f64.to_le_bytes());
    let payload = format!("{head}\"{}\"]", base64::Engine::encode(&base64::prelude::BASE64_STANDARD, protobuf));
    let setting = Setting::of(&framed(&[payload.into_bytes()]));
    let summary = setting.import(false).unwrap();
    assert_eq!(summary.rounded, 1);
    assert_eq!(summary.benchmark.records().unwrap()[0].start.train_accuracy, Accuracy::from_fraction(0.1));
}

/// Returns whether an import of any bytes ends as it should: with a benchmark that reads back, or with a message.
fn check_import(bytes: &[u8], keep_going: bool) -> Result<(), TestCaseError> {
    let setting = Setting::of(bytes);
    match setting.import(keep_going) {
        Ok(summary) => {
            let records = summary.benchmark.records().unwrap();
            prop_assert_eq!(records.len() as u64, summary.records);
            prop_assert!(summary.records > 0 && (keep_going || summary.left_out.count == 0));
            let out = setting.folder.path().join("out");
            prop_assert_eq!(export(&summary.benchmark, &out, &mut |_, _| {}).unwrap().written, summary.records);
        }
        Err(error) => {
            let file: &Path = &setting.file;
            prop_assert!(chain(&error).contains(&*file.to_string_lossy()), "{}", chain(&error));
            prop_assert!(!setting.out.exists());
        }
    }
    Ok(())
}

/// Whole imports go to the disk, so there are fewer cases of them, unless `PROPTEST_CASES` says how many.
fn config() -> ProptestConfig {
    let default = ProptestConfig::default();
    if std::env::var_os("PROPTEST_CASES").is_some() { default } else { ProptestConfig { cases: 32, ..default } }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_file_is_imported_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..512), keep_going: bool) {
        check_import(&bytes, keep_going)?;
    }

    #[test]
    fn a_file_with_any_payloads_is_imported_or_refused(
        payloads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..64), 0..8),
        keep_going: bool,
    ) {
        check_import(&[file(&some()[..3]), framed(&payloads)].concat(), keep_going)?;
    }

    #[test]
    fn a_changed_file_is_imported_or_refused(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        length in any::<prop::sample::Index>(),
        cut: bool,
        keep_going: bool,
    ) {
        let mut bytes = file(&some()[..4]);
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if cut {
            bytes.truncate(length.index(bytes.len()));
        }
        check_import(&bytes, keep_going)?;
    }

    #[test]
    fn changed_payloads_in_whole_frames_are_imported_or_refused(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 0..6),
        keep_going: bool,
    ) {
        let mut payloads = payloads(&file(&some()[..4]));
        for (which, at, value) in changes {
            let payload = which.index(payloads.len());
            let at = at.index(payloads[payload].len());
            payloads[payload][at] = value;
        }
        check_import(&framed(&payloads), keep_going)?;
    }
}

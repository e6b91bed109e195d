//! The main job on images of one's own.

use std::io::{Cursor, Write as _};
use std::path::Path;
use std::process::Command;

use nasbench::table::Benchmark;
use nasbench::unit::Accuracy;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::pipeline::TINY;

/// Writes an array of bytes in the format of NumPy.
fn add(writer: &mut ZipWriter<Cursor<Vec<u8>>>, name: &str, shape: &str, values: &[u8]) {
    let header = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}\n");
    let length = u16::try_from(header.len()).unwrap().to_le_bytes();
    writer.start_file(name, SimpleFileOptions::default()).unwrap();
    writer.write_all(&[b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), values].concat()).unwrap();
}

/// Writes 500 images of 6 × 7 pixels: those of class 1 are bright on the right.
fn write(path: &Path) {
    let labels: Vec<u8> = (0..500_u16).map(|i| u8::from(i >= 250)).collect();
    let pixel = |i: usize, column: usize| if labels[i] == 1 && column > 3 { 200 } else { 20 } + u8::try_from(i % 50).unwrap();
    let pixels: Vec<u8> = (0..500).flat_map(|i| (0..42).map(move |at| (i, at % 7))).map(|(i, column)| pixel(i, column)).collect();
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    add(&mut writer, "x.npy", "(500, 6, 7)", &pixels);
    add(&mut writer, "y.npy", "(500,)", &labels);
    fs_err::write(path, writer.finish().unwrap().into_inner()).unwrap();
}

#[test]
fn the_whole_job_runs_on_an_archive_of_ones_own() {
    let folder = tempfile::tempdir().unwrap();
    let (archive, out) = (folder.path().join("mine.npz"), folder.path().join("run"));
    write(&archive);
    let run = Command::new(env!("CARGO_BIN_EXE_nasbench"))
        .args(["run", "--dataset", "npz", "--protocol", TINY, "--max-vertices", "3", "--quiet", "--data-dir"])
        .arg(&archive)
        .arg("--out")
        .arg(&out)
        .output()
        .unwrap();
    assert!(run.status.success(), "{run:?}");
    let records = Benchmark::open(out.join("benchmark")).unwrap().records().unwrap();
    assert_eq!(records.len(), 7 * 2 * 2);
    let best = records.iter().filter_map(|record| record.end.validation_accuracy).map(Accuracy::fraction);
    assert!(best.fold(0.0, f32::max) > 0.9, "two so different classes are told apart");
    let report = fs_err::read_to_string(out.join("report.html")).unwrap();
    let (archive, out) = (archive.display(), out.display());
    let typed = format!("nasbench run --dataset npz --protocol {TINY} --max-vertices 3 --data-dir {archive} --out {out}<");
    assert!(report.contains(&typed), "the report says how to repeat it");
}

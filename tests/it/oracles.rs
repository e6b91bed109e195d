//! Known answers: cells that the official program hashed, counted and published.

use nasbench::network::{Plan, Skeleton};
use nasbench::space::{Cell, Space};
use sha2::{Digest, Sha256};

/// Adjacency, operations, hash, and the parameters of the official network.
const CELLS: &[(&str, &str, &str, Option<u32>)] = &[
    (
        "0111010000000100000010000100000000100000010000000",
        "input,conv1x1-bn-relu,conv3x3-bn-relu,conv3x3-bn-relu,conv3x3-bn-relu,maxpool3x3,output",
        "28cfc7874f6d200472e1a9dcd8650aa0",
        Some(2_694_282),
    ),
    // The same cell with its vertices renumbered; parameters are those of the numbering, so none are known for this one.
    (
        "0111100000000100000010000001000001000000010000000",
        "input,conv3x3-bn-relu,conv1x1-bn-relu,maxpool3x3,conv3x3-bn-relu,conv3x3-bn-relu,output",
        "28cfc7874f6d200472e1a9dcd8650aa0",
        None,
    ),
    ("0101001000010000", "input,conv3x3-bn-relu,conv3x3-bn-relu,output", "b5fb4f6193360330b6ff6a52cbf0cad7", Some(20_346_506)),
    ("0100", "input,output", "043721b9c7fe8c5fad811d47d83132ec", Some(882_570)),
    (
        "0100110001000000010010000010000001000000010000000",
        "input,conv3x3-bn-relu,maxpool3x3,conv3x3-bn-relu,conv3x3-bn-relu,conv1x1-bn-relu,output",
        "00005c142e6f48ac74fdcf73e3439874",
        Some(8_555_530),
    ),
];

#[test]
fn known_cells_have_known_hashes_and_parameters() {
    for (adjacency, operations, hash, parameters) in CELLS {
        let cell = Cell::from_texts(adjacency, operations).unwrap();
        assert_eq!(cell.hash().to_string(), *hash);
        if let Some(parameters) = parameters {
            assert_eq!(Plan::compile(&cell, &Skeleton::nas_bench_101()).unwrap().cost().parameters.0, *parameters);
        }
    }
}

/// The published counts of the whole space, and the sha256 of its sorted hashes, one per line.
#[test]
fn all_cells_of_nas_bench_101_have_the_official_hashes() {
    let enumeration = Space::nas_bench_101().enumerate().unwrap();
    let mut digest = Sha256::new();
    for index in enumeration.by_hash() {
        digest.update(format!("{}\n", enumeration.hashes()[*index as usize]));
    }
    let digest = nasbench::hex::print(&digest.finalize());
    assert_eq!(digest, "53e1438d11675d9eb3899166c29ca07fe0c4b81af9d99d5aec3ecd31bd5bca7f");
    assert_eq!((enumeration.len(), enumeration.labelled()), (423_624, 1_293_208));
    let count = |of: &dyn Fn(&Cell) -> usize, wanted| enumeration.cells().iter().filter(|cell| of(cell) == wanted).count();
    let by_vertices: Vec<_> = (2..=7).map(|n| count(&|cell| cell.vertices(), n)).collect();
    assert_eq!(by_vertices, [1, 6, 84, 2_441, 62_010, 359_082]);
    let by_edges: Vec<_> = (1..=9).map(|n| count(&|cell| cell.edge_count(), n)).collect();
    assert_eq!(by_edges, [1, 3, 12, 60, 339, 2_134, 13_984, 78_822, 328_269]);
}

/// Published records that are not part of this repository; where they lie beside it, all of them are checked.
#[test]
fn published_records_have_our_hashes_and_parameters() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/records/nb101_20k.csv");
    let Ok(text) = fs_err::read_to_string(&file) else {
        eprintln!("skipped: `{}` is not there", file.display());
        return;
    };
    let skeleton = Skeleton::nas_bench_101();
    let mut checked = 0;
    for line in text.lines().skip(1) {
        let fields: Vec<_> = line.split(',').collect();
        let name = |short: &str| match short {
            "conv3x3" | "conv1x1" => format!("{short}-bn-relu"),
            other => other.to_owned(),
        };
        let operations: Vec<_> = fields[3].split(' ').map(name).collect();
        let cell = Cell::from_texts(fields[2], &operations.join(",")).unwrap();
        assert_eq!(cell.hash().to_string(), fields[0]);
        assert_eq!(Plan::compile(&cell, &skeleton).unwrap().cost().parameters.to_string(), fields[4], "parameters of {cell}");
        checked += 1;
    }
    assert_eq!(checked, 20_001);
}

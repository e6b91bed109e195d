//! Pages are written at once or not at all; and reports to test with.

pub(super) mod sample;

#[test]
fn a_page_takes_its_place_at_once_and_leaves_nothing_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.html");
    fs_err::write(&path, "an older page").unwrap();
    sample::full().write_page(&path).unwrap();
    assert!(fs_err::read_to_string(&path).unwrap().ends_with("</html>\n"));
    assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_page_that_cannot_be_written_leaves_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let taken = folder.path().join("report.html");
    fs_err::create_dir(&taken).unwrap();
    let error = sample::empty().write_page(&taken).unwrap_err();
    assert_eq!(error.to_string(), "could not write the report");
    assert!(taken.is_dir());
    assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 1);
    assert!(sample::empty().write_page(&folder.path().join("missing/report.html")).is_err());
}

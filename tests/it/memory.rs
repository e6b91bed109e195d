//! Questions that take more memory than there may be: an answer in words and exit code 1, and no abort.

use std::process::{Command, Output};

/// Runs `nasbench` with at most so many kibibytes of address space.
fn limited(kibibytes: u32, arguments: &[&str]) -> Output {
    let script = format!("ulimit -v {kibibytes}; exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_nasbench")]).args(arguments).output().unwrap()
}

#[test]
#[cfg(target_os = "linux")]
fn a_join_of_all_rows_with_all_rows_names_the_limit_of_the_memory() {
    let everything = "select a.*, b.* from records a cross join records b";
    let ended = limited(4_000_000, &["query", "data/nb101-5v-clutter", "--sql", everything]);
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{said}");
    let expected = "error: could not answer the SQL: it takes more memory than the limit of 3.8 GiB (`ulimit -v`): ";
    assert!(said.starts_with(expected), "{said}");
    assert_eq!(said.lines().count(), 2, "{said}");
    assert!(said.lines().nth(1).unwrap().starts_with("hint: "), "{said}");
    assert!(ended.stdout.is_empty());
}

#[test]
#[cfg(target_os = "linux")]
fn a_question_that_fits_is_answered_under_a_limit() {
    let ended =
        limited(4_000_000, &["query", "data/nb101-5v-clutter", "--sql", "select count(*) as n from records", "--format", "csv"]);
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!((ended.status.code(), said.as_ref(), ended.stdout.as_slice()), (Some(0), "", b"n\n25836\n".as_slice()));
}

#[test]
#[cfg(target_os = "linux")]
fn no_command_aborts_where_there_is_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name).display().to_string();
    let (model, out) = (place("model.json"), place("compared"));
    let bench = "data/nb101-5v-clutter";
    // With less than some 200 MB the program itself is not loaded.
    for kibibytes in [300_000, 500_000, 1_000_000] {
        for arguments in [
            &["query", bench, "--best", "3"][..],
            &["fit", bench, "--model", "random-forest", "--out", &model, "--force"],
            &["predict", &model, "--all"],
            &[
                "compare",
                "--on",
                bench,
                "--algorithms",
                "random,smac",
                "--runs",
                "2",
                "--budget",
                "20evals",
                "--out",
                &out,
                "--force",
            ],
            &["space", "count"],
        ] {
            // The whole space takes long to count, and fits where there is least: more memory would show nothing.
            if kibibytes > 300_000 && arguments[0] == "space" {
                continue;
            }
            let ended = limited(kibibytes, arguments);
            let said = String::from_utf8_lossy(&ended.stderr);
            let code = ended.status.code();
            assert!(matches!(code, Some(0 | 1)), "{kibibytes} KiB, {arguments:?}: {:?}, {said}", ended.status);
            let is_said = said.contains("more memory") || said.contains("could not read the model");
            assert!(code == Some(0) || is_said, "{kibibytes} KiB, {arguments:?}: {said}");
        }
    }
}

//! One training on the command line: kept, killed, continued, saved, evaluated and exported.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use fs_err as fs;
use nasbench::unit::Seed;
use rand::RngExt as _;

use crate::pipeline::TINY;

const CELL: [&str; 4] = ["--edges", "0-1,0-2,1-2", "--ops", "conv3x3-bn-relu"];

fn nasbench(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_nasbench")).args(arguments).output().unwrap()
}

fn start(save: &Path, checkpoint: &Path) -> Child {
    let arguments = ["train", "--protocol", TINY, "--epochs", "300", "--checkpoint-every", "2"];
    Command::new(env!("CARGO_BIN_EXE_nasbench"))
        .args(arguments)
        .args(CELL)
        .args([Path::new("--save"), save, Path::new("--checkpoint"), checkpoint])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn a_training_that_is_killed_again_and_again_ends_with_the_same_model() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let started = std::time::Instant::now();
    assert!(start(&file("alone"), &file("alone.checkpoint")).wait().unwrap().success());
    let whole = started.elapsed();
    let mut rng = Seed(9).rng();
    let mut killed = 0;
    for _ in 0..8 {
        let mut child = start(&file("killed"), &file("killed.checkpoint"));
        std::thread::sleep(whole.mul_f64(rng.random_range(0.1..0.4)));
        killed += usize::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(killed > 0, "every training was over before it was killed");
    if !file("killed").exists() {
        assert!(start(&file("killed"), &file("killed.checkpoint")).wait().unwrap().success());
    }
    assert_eq!(fs::read(file("alone")).unwrap(), fs::read(file("killed")).unwrap());
}

#[test]
fn a_saved_model_has_the_figures_of_its_training_and_is_not_overwritten_unasked() {
    let folder = tempfile::tempdir().unwrap();
    let name = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (model, onnx, answers) = (name("a.safetensors"), name("a.onnx"), name("a.answers"));
    let options = ["--protocol", TINY, "--epochs", "2", "--seed", "5", "--format", "json", "--save", &model, "--export", &onnx];
    let train = |more: &[&str]| nasbench(&[&["train"], &CELL[..], &options, more].concat());
    let rows = |output: &Output| serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap();
    let trained = train(&["--quiet"]);
    assert!(trained.status.success() && trained.stderr.is_empty(), "{trained:?}");
    let trained = &rows(&trained)[0];
    assert_eq!((&trained["status"], &trained["epochs"]), (&"ok".into(), &2.into()));

    let exported = fs::read(&onnx).unwrap();
    let refused = train(&[]);
    let message = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(message, format!("error: `{model}` is there already\nhint: `--force` overwrites it\n"));
    assert!(train(&["--force"]).status.success());
    assert_eq!(fs::read(&onnx).unwrap(), exported);

    let found = nasbench(&["evaluate", &model, "--answers", &answers, "--images", "9", "--format", "json"]);
    let found = &rows(&found)[0];
    assert_eq!(found["equals_recorded"], true);
    for key in ["protocol", "dataset", "device", "epochs", "seed", "module_hash"] {
        assert!(!found[key].is_null() && found[key] == trained[key], "{key}: {found}, {trained}");
    }
    for figure in ["train_accuracy", "validation_accuracy", "test_loss", "validation_macro_roc_auc", "test_macro_f1"] {
        assert!(found[figure].is_number() && found[figure] == trained[figure], "{figure}: {found}, {trained}");
    }
    assert!(fs::metadata(&answers).unwrap().len() > 9 * 14 * 14 * 4);
}

#[cfg(unix)]
#[test]
fn a_training_that_is_told_to_end_keeps_itself_and_ends_with_the_same_model() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    assert!(start(&file("alone"), &file("alone.checkpoint")).wait().unwrap().success());
    for signal in ["-TERM", "-INT"] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_nasbench"))
            // No other checkpoint is due.
            .args(["train", "--protocol", TINY, "--epochs", "300", "--checkpoint-every", "9999s"])
            .args(CELL)
            .args([Path::new("--save"), &file("stopped"), Path::new("--checkpoint"), &file("stopped.checkpoint")])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.starts_with("epoch ") {
            line.clear();
            assert!(said.read_line(&mut line).unwrap() > 0, "it ended before its first epoch");
        }
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        let mut rest = String::new();
        said.read_to_string(&mut rest).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(1));
        assert!(rest.contains("error: could not train the cell: stopped by a signal after step "), "{rest}");
        assert!(rest.contains("hint: the same command continues") && file("stopped.checkpoint").exists(), "{rest}");
        assert!(!file("stopped").exists());
    }
    assert!(start(&file("stopped"), &file("stopped.checkpoint")).wait().unwrap().success());
    assert_eq!(fs::read(file("alone")).unwrap(), fs::read(file("stopped")).unwrap());
}

#[test]
fn a_training_that_diverges_fails_with_or_without_a_file_to_save() {
    let folder = tempfile::tempdir().unwrap();
    let [protocol, model, onnx] =
        ["a.toml", "a.model", "a.onnx"].map(|name| folder.path().join(name).to_str().unwrap().to_owned());
    fs::write(&protocol, fs::read_to_string(TINY).unwrap().replace("peak = 0.1", "peak = 1e30")).unwrap();
    let train = |more: &[&str]| {
        let found = nasbench(&[&["train", "--quiet", "--format", "json", "--protocol", &protocol], &CELL[..], more].concat());
        let rows: serde_json::Value = serde_json::from_slice(&found.stdout).unwrap();
        assert_eq!((&rows[0]["status"], found.status.code()), (&"diverged".into(), Some(1)));
        String::from_utf8(found.stderr).unwrap()
    };
    assert_eq!(train(&[]), "error: the training diverged\n");
    let text = format!("error: the training diverged: nothing was written to `{model}` and `{onnx}`\n");
    assert_eq!(train(&["--save", &model, "--export", &onnx]), text);
    assert!(!Path::new(&model).exists() && !Path::new(&onnx).exists());
}

#[test]
fn a_checkpoint_of_another_training_is_refused_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.checkpoint");
    let train = |cell: [&str; 4], more: &[&str]| {
        let options = ["train", "--protocol", TINY, "--checkpoint", file.to_str().unwrap()];
        nasbench(&[&options, &cell[..], more].concat())
    };
    assert!(train(CELL, &["--epochs", "1"]).status.success());
    let kept = fs::read(&file).unwrap();
    for (cell, more, what) in [
        (["--edges", "0-1", "--ops", ""], ["--epochs", "1"], "another cell: "),
        (CELL, ["--epochs", "2"], "another number of epochs: found `1`, expected `2`"),
    ] {
        let refused = train(cell, &more);
        let message = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(1));
        assert!(
            message.contains(&format!("could not continue from `{}`: ", file.display())) && message.contains(what),
            "{message}"
        );
    }
    assert_eq!(fs::read(&file).unwrap(), kept);
}

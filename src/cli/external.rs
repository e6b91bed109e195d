//! A search in another program, as `--external` names it.

use anyhow::Context as _;
use nasbench::hex;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

/// The options of a search in another program, of its command line and `--set`.
pub(super) fn options(command: &str, set: Value) -> anyhow::Result<Value> {
    let words = shlex::split(command).filter(|words| !words.is_empty());
    let words =
        words.with_context(|| format!("`--external {command}`: expected a program and its arguments, each quote closed"))?;
    let mut options = Map::new();
    // Runs of before are those of the program as it was then.
    if let Some(digest) = digest(&words) {
        options.insert("digest".to_owned(), digest.into());
    }
    options.insert("command".to_owned(), json!(words));
    if let Value::Object(set) = set {
        options.extend(set);
    }
    Ok(options.into())
}

/// A digest of the files that a command names; `None` if it names none.
fn digest(words: &[String]) -> Option<String> {
    let files: Vec<Vec<u8>> = words.iter().filter_map(|word| fs_err::read(word).ok()).collect();
    let mut all = Sha256::new();
    for file in &files {
        all.update(Sha256::digest(file));
    }
    (!files.is_empty()).then(|| hex::print(&all.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_split_as_a_shell_does_and_knows_its_files() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("my search.py");
        fs_err::write(&file, "one").unwrap();
        let command = format!("python3 '{}' --fast", file.display());
        let of = || options(&command, json!({ "timeout": 5 })).unwrap();
        let before = of();
        assert_eq!((&before["command"][2], &before["timeout"]), (&json!("--fast"), &json!(5)));
        fs_err::write(&file, "another").unwrap();
        assert_ne!(of()["digest"], before["digest"]);
        assert!(options("no-such-file", json!({})).unwrap().get("digest").is_none());
        let message = options("python3 'open", json!({})).unwrap_err().to_string();
        assert_eq!(message, "`--external python3 'open`: expected a program and its arguments, each quote closed");
        assert!(options(" ", json!({})).is_err());
    }
}

//! `nasbench guide`: the chapters of the manual.

use std::io::Write as _;

use anyhow::bail;
use nasbench::guide::{CHAPTERS, Chapter};
use serde_json::Value;

use super::format::{Format, Table};

/// Print a chapter of the guide, or the list of chapters.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The chapter.
    #[arg(value_name = "CHAPTER")]
    chapter: Option<String>,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    let Some(name) = &arguments.chapter else {
        let mut table = Table::new(&["chapter", "about"], &[]);
        for chapter in CHAPTERS {
            table.push([chapter.name, chapter.title()].map(Value::from));
        }
        return table.print(Format::Table, &mut out);
    };
    let Some(Chapter { text, .. }) = CHAPTERS.iter().find(|chapter| chapter.name == name) else {
        let known: Vec<_> = CHAPTERS.iter().map(|chapter| chapter.name).collect();
        bail!("unknown chapter `{name}` (known: {})", known.join(", "));
    };
    Ok(out.write_all(text.as_bytes())?)
}

//! Chapters for those who use `nasbench`: what the commands and the library do, with measured figures and the commands that repeat them.
//!
//! A chapter is one Markdown file in `src/guide`, one line here and one row of the table in README.md; its `console` blocks are tested.
//! `nasbench guide` prints them.

/// A chapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chapter {
    /// Its name on the command line.
    pub name: &'static str,
    /// Its text, as Markdown; the first line is its title.
    pub text: &'static str,
}

impl Chapter {
    /// Returns its title.
    #[must_use]
    pub fn title(&self) -> &'static str {
        self.text.lines().next().unwrap_or_default().trim_start_matches("# ")
    }
}

/// Makes a module of each chapter, which documents it, and the list.
macro_rules! chapters {
    ($($module:ident => $name:literal),+ $(,)?) => {
        $(
            #[doc = include_str!(concat!(stringify!($module), ".md"))]
            pub mod $module {}
        )+

        /// Every chapter.
        pub const CHAPTERS: &[Chapter] =
            &[$(Chapter { name: $name, text: include_str!(concat!(stringify!($module), ".md")) }),+];
    };
}

chapters! {
    look_up => "look-up",
    space => "space",
    record => "record",
    predict => "predict",
    compare => "compare",
    objectives => "objectives",
    external => "external",
    train => "train",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_a_chapter_with_a_title() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/guide");
        let files = fs_err::read_dir(folder).unwrap().filter(|entry| {
            let path = entry.as_ref().unwrap().path();
            path.extension().is_some_and(|extension| extension == "md")
        });
        assert_eq!(files.count(), CHAPTERS.len());
        assert!(CHAPTERS.iter().all(|chapter| chapter.text.starts_with("# ") && !chapter.title().is_empty()));
    }
}

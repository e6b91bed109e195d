//! The content of sections, which prints as HTML on a page and as text on a terminal.

use super::grid::{Grid, INDENT};
use super::page::{definitions, paragraph, preformatted, side_by_side};
use super::plot::Figure;
use crate::print::{capitalised, wrapped};

/// Text is wrapped to this many characters.
const WIDTH: usize = 100;

/// A part of a section.
#[derive(Clone, Debug)]
pub(super) enum Block {
    Paragraph(String),
    /// A table below its caption.
    Table(Grid, String),
    /// Names and descriptions; only on pages.
    Definitions(Vec<(String, String)>),
    /// Figures beside each other; only on pages.
    Figures(Vec<Option<Figure>>),
    /// A command; only on pages.
    Command(String),
    /// A heading of a level, and what is below it.
    Heading(usize, String),
}

/// A section of a page or a text.
#[derive(Clone, Debug)]
pub(super) struct Section {
    /// The name in addresses.
    pub(super) id: String,
    pub(super) heading: String,
    pub(super) blocks: Vec<Block>,
}

impl Block {
    fn html(&self) -> String {
        match self {
            Self::Paragraph(text) => paragraph(text),
            Self::Table(grid, caption) => grid.html(caption),
            Self::Definitions(lines) => definitions(lines.iter().map(|(name, value)| (name, value))),
            Self::Figures(figures) => side_by_side(figures.iter().cloned()),
            Self::Command(text) => preformatted(text),
            Self::Heading(level, text) => format!("<h{level}>{}</h{level}>\n", super::grid::escape(text)),
        }
    }

    fn text(&self) -> String {
        let lines = |text: &str| wrapped(&" ".repeat(INDENT), text, INDENT, WIDTH);
        match self {
            Self::Paragraph(text) => lines(text),
            Self::Table(grid, _) if grid.is_empty() => String::new(),
            Self::Table(grid, caption) if caption.is_empty() => grid.text(INDENT),
            Self::Table(grid, caption) => format!("{}{}", lines(caption), grid.text(INDENT)),
            Self::Definitions(_) | Self::Figures(_) | Self::Command(_) => String::new(),
            Self::Heading(_, text) => format!("\n{text}\n"),
        }
    }
}

impl Section {
    pub(super) fn new(id: &str, heading: &str, blocks: Vec<Block>) -> Self {
        Self { id: id.to_owned(), heading: heading.to_owned(), blocks }
    }

    /// Begins the heading, paragraphs and captions with capital letters, as a page does.
    pub(super) fn capitalised(mut self) -> Self {
        self.heading = capitalised(&self.heading);
        for block in &mut self.blocks {
            if let Block::Paragraph(text) | Block::Table(_, text) = block {
                *text = capitalised(text);
            }
        }
        self
    }

    /// Returns the section as [`document`](super::page::document) takes it.
    pub(super) fn html(&self) -> super::page::Section {
        super::page::section(&self.id, &self.heading, self.blocks.iter().map(Block::html).collect())
    }

    /// Formats the text of the section below an empty line and its heading, tables between empty lines; nothing if it has only what a page
    /// shows.
    pub(super) fn text(&self) -> String {
        let is_heading = |block: &Block| matches!(block, Block::Heading(..));
        let mut parts: Vec<(&Block, String)> = Vec::new();
        for block in self.blocks.iter().rev() {
            let is_above_nothing = is_heading(block) && parts.last().is_none_or(|(below, _)| is_heading(below));
            let text = block.text();
            if !text.is_empty() && !is_above_nothing {
                parts.push((block, text));
            }
        }
        parts.reverse();
        let is_table = |block: &Block| matches!(block, Block::Table(..));
        let gap = |place: usize| {
            let Some((above, _)) = place.checked_sub(1).map(|above| &parts[above]) else { return "" };
            let is_apart = is_table(parts[place].0) || is_table(above);
            if is_apart && !is_heading(above) && !is_heading(parts[place].0) { "\n" } else { "" }
        };
        let text: String = parts.iter().enumerate().flat_map(|(place, (_, text))| [gap(place), text]).collect();
        if text.is_empty() { text } else { format!("\n{}\n{text}", self.heading) }
    }
}

/// Puts sections into another one, with headings a level further down.
pub(super) fn nested(sections: Vec<Section>) -> Vec<Block> {
    let deeper = |block| if let Block::Heading(level, text) = block { Block::Heading(level + 1, text) } else { block };
    let below =
        |section: Section| std::iter::once(Block::Heading(3, section.heading)).chain(section.blocks.into_iter().map(deeper));
    sections.into_iter().flat_map(below).collect()
}

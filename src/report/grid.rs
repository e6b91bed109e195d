//! A table that prints as HTML and as aligned text.

use crate::print;
use crate::space::{Cell, ModuleHash};
use crate::unit::Epochs;

/// The spaces before each line of a section.
pub(super) const INDENT: usize = 2;

/// The alignment of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

/// One entry of a table.
#[derive(Clone, Debug)]
pub(super) enum Entry {
    /// Text as it is.
    Text(String),
    /// A cell by its short hash; the page shows the whole hash under the pointer.
    Hash(ModuleHash),
    /// The graph of a cell: edges and operations; the page leaves out what all convolutions share.
    Graph(Cell),
}

impl From<String> for Entry {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Entry {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// A count, with its thousands apart.
impl From<usize> for Entry {
    fn from(count: usize) -> Self {
        Self::Text(print::thousands(count as u64))
    }
}

impl From<Epochs> for Entry {
    fn from(epochs: Epochs) -> Self {
        Self::Text(epochs.to_string())
    }
}

/// A dash where there is nothing.
impl<E: Into<Self>> From<Option<E>> for Entry {
    fn from(entry: Option<E>) -> Self {
        entry.map_or_else(|| print::NOTHING.into(), Into::into)
    }
}

impl Entry {
    fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Hash(hash) => print::short(*hash),
            Self::Graph(cell) => cell.to_string(),
        }
    }

    fn html(&self) -> String {
        match self {
            Self::Text(text) => escape(text),
            Self::Hash(hash) => format!("<code title=\"{hash}\">{}</code>", print::short(*hash)),
            Self::Graph(cell) => format!("<code>{}</code>", escape(&cell.to_string().replace("-bn-relu", ""))),
        }
    }
}

/// Rows of entries under named columns.
#[derive(Clone, Debug, Default)]
pub(super) struct Grid {
    columns: Vec<(&'static str, Side)>,
    rows: Vec<Vec<Entry>>,
}

/// A table with a row for each item, to which columns are added.
pub(super) struct Tabulated<T> {
    items: Vec<T>,
    pub(super) grid: Grid,
}

/// Begins a table of a row for each item.
pub(super) fn tabulate<T: Copy>(items: impl IntoIterator<Item = T>) -> Tabulated<T> {
    let items: Vec<T> = items.into_iter().collect();
    let grid = Grid { columns: Vec::new(), rows: vec![Vec::new(); items.len()] };
    Tabulated { items, grid }
}

impl<T: Copy> Tabulated<T> {
    /// Adds a column of texts.
    pub(super) fn left<E: Into<Entry>>(self, name: &'static str, entry: impl Fn(T) -> E) -> Self {
        self.column(name, Side::Left, entry)
    }

    /// Adds a column of numbers.
    pub(super) fn right<E: Into<Entry>>(self, name: &'static str, entry: impl Fn(T) -> E) -> Self {
        self.column(name, Side::Right, entry)
    }

    fn column<E: Into<Entry>>(mut self, name: &'static str, side: Side, entry: impl Fn(T) -> E) -> Self {
        self.grid.columns.push((name, side));
        self.grid.rows.iter_mut().zip(&self.items).for_each(|(row, item)| row.push(entry(*item).into()));
        self
    }
}

impl Grid {
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The same rows without the last column.
    pub(super) fn narrowed(mut self) -> Self {
        self.columns.pop();
        for row in &mut self.rows {
            row.pop();
        }
        self
    }

    /// The same columns with the first rows only.
    pub(super) fn first(&self, rows: usize) -> Self {
        Self { columns: self.columns.clone(), rows: self.rows.iter().take(rows).cloned().collect() }
    }

    /// Formats an HTML table inside a box that scrolls sideways where the window is narrow.
    /// Nothing if it has no rows.
    pub(super) fn html(&self, caption: &str) -> String {
        if self.is_empty() {
            return String::new();
        }
        let class = |side: Side| if side == Side::Right { " class=\"number\"" } else { "" };
        let head = |(name, side): &(&str, Side)| format!("<th scope=\"col\"{}>{}</th>", class(*side), escape(name));
        let row = |entries: &Vec<Entry>| {
            let entry = |(entry, (_, side)): (&Entry, &(&str, Side))| format!("<td{}>{}</td>", class(*side), entry.html());
            format!("<tr>{}</tr>\n", entries.iter().zip(&self.columns).map(entry).collect::<String>())
        };
        format!(
            "<div class=\"scroll\" tabindex=\"0\"><table><caption>{}</caption>\n<thead><tr>{}</tr></thead>\n<tbody>\n{}</tbody></table></div>\n",
            escape(caption),
            self.columns.iter().map(head).collect::<String>(),
            self.rows.iter().map(row).collect::<String>()
        )
    }

    /// Formats the text of the table below an empty line and a heading; nothing if it has no rows.
    pub(super) fn section(&self, heading: &str) -> String {
        if self.is_empty() { String::new() } else { format!("\n{heading}\n{}", self.text(INDENT)) }
    }

    /// Formats lines of text, each with `indent` spaces before it and two between columns, and a rule under the header.
    /// Nothing if it has no rows.
    pub(super) fn text(&self, indent: usize) -> String {
        if self.is_empty() {
            return String::new();
        }
        let heads = self.columns.iter().map(|(name, _)| (*name).to_owned()).collect();
        let lines: Vec<Vec<String>> =
            std::iter::once(heads).chain(self.rows.iter().map(|row| row.iter().map(Entry::text).collect())).collect();
        let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<_> = (0..self.columns.len()).map(width).collect();
        let print = |line: &Vec<String>| {
            let entries: Vec<_> = line
                .iter()
                .zip(&self.columns)
                .zip(&widths)
                .map(|((entry, (_, side)), width)| match side {
                    Side::Left => format!("{entry:<width$}"),
                    Side::Right => format!("{entry:>width$}"),
                })
                .collect();
            format!("{}{}\n", " ".repeat(indent), entries.join("  ").trim_end())
        };
        let mut lines: Vec<_> = lines.iter().map(print).collect();
        let width = widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1);
        lines.insert(1, format!("{}{}\n", " ".repeat(indent), "─".repeat(width)));
        lines.concat()
    }
}

/// Escapes text for HTML, between tags and inside quoted attributes.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid() -> Grid {
        let rows = [("<b>&", "0.5"), ("a\"b'", "−0.25")];
        tabulate(rows).left("name", |(name, _)| name).right("τ", |(_, tau)| tau).grid
    }

    #[test]
    fn every_entry_of_a_table_is_escaped() {
        let html = grid().html("<caption>");
        assert!(html.contains("<td>&lt;b&gt;&amp;</td><td class=\"number\">0.5</td>"));
        assert!(html.contains("<td>a&quot;b&#39;</td>"));
        assert!(html.contains("<caption>&lt;caption&gt;</caption>"));
    }

    #[test]
    fn columns_of_text_line_up() {
        assert_eq!(grid().text(1), " name      τ\n ───────────\n <b>&    0.5\n a\"b'  −0.25\n");
    }

    #[test]
    fn a_table_can_be_cut() {
        assert_eq!(grid().first(1).text(0), "name    τ\n─────────\n<b>&  0.5\n");
        assert!(grid().first(0).is_empty());
    }
}

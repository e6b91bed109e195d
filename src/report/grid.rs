//! A table that prints as HTML and as aligned text.

use crate::space::{Cell, ModuleHash};

use crate::print;

/// On which side the entries of a column line up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
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
#[derive(Clone, Debug)]
pub(super) struct Grid {
    columns: Vec<(&'static str, Side)>,
    rows: Vec<Vec<Entry>>,
}

impl Grid {
    pub(super) fn new(columns: &[(&'static str, Side)]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row: one entry for each column.
    pub(super) fn push<const N: usize>(&mut self, row: [Entry; N]) {
        debug_assert_eq!(N, self.columns.len(), "one entry for each column");
        self.rows.push(row.into());
    }

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

    /// A table element inside a box that scrolls sideways where the window is narrow.
    pub(super) fn html(&self, caption: &str) -> String {
        let class = |side: Side| if side == Side::Right { " class=\"number\"" } else { "" };
        let heads: Vec<_> =
            self.columns.iter().map(|(name, side)| format!("<th scope=\"col\"{}>{}</th>", class(*side), escape(name))).collect();
        let row = |entries: &Vec<Entry>| {
            let entries: Vec<_> = entries
                .iter()
                .zip(&self.columns)
                .map(|(entry, (_, side))| format!("<td{}>{}</td>", class(*side), entry.html()))
                .collect();
            format!("<tr>{}</tr>\n", entries.concat())
        };
        let rows: Vec<_> = self.rows.iter().map(row).collect();
        format!(
            "<div class=\"scroll\" tabindex=\"0\"><table><caption>{}</caption>\n<thead><tr>{}</tr></thead>\n<tbody>\n{}</tbody></table></div>\n",
            escape(caption),
            heads.concat(),
            rows.concat()
        )
    }

    /// Lines of text, each with `indent` spaces before it and two between columns, and a rule under the header.
    pub(super) fn text(&self, indent: usize) -> String {
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

/// Makes text harmless between tags and inside quoted attributes.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid() -> Grid {
        let mut grid = Grid::new(&[("name", Side::Left), ("τ", Side::Right)]);
        grid.push(["<b>&".into(), "0.5".into()]);
        grid.push(["a\"b'".into(), "−0.25".into()]);
        grid
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

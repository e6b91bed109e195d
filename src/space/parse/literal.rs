//! Matrices and lists of operations as text: digits, JSON, and what Python, NumPy and spreadsheets make of them.
//!
//! Brackets, blanks, commas, semicolons and calls such as `array(…)` separate values and are none.

use super::{Error, MOST_WRITTEN, Matrix, Name, Row, name};
use crate::space::OPERATIONS;
use crate::space::operation::{INPUT, OUTPUT};

/// The most values that are read of a text.
const MOST_VALUES: usize = MOST_WRITTEN * MOST_WRITTEN;
/// The most digits that a number of double precision keeps.
const EXACT_DIGITS: usize = 15;

/// A value of a text and its position in the lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Word<'a> {
    text: &'a str,
    /// How many lists are open around it.
    depth: usize,
    /// The number of inner lists that were closed before it.
    row: usize,
}

/// Reads a matrix that is no JSON; `vertices` is its size, if the operations say it.
///
/// A single number that begins with 1 has lost the zeros in front of it, as in a spreadsheet: no matrix of a cell begins with 1.
/// They are put back where the size is known.
///
/// # Errors
///
/// [`Error::Digits`], [`Error::NotBinary`], [`Error::Brackets`], [`Error::Rounded`] or [`Error::TooMany`].
pub(super) fn matrix(text: &str, vertices: Option<usize>) -> Result<Matrix, Error> {
    let words = words(text, "vertices")?;
    let deepest = words.iter().map(|word| word.depth).max().unwrap_or(0);
    if let [word] = words[..]
        && let Some(number) = restored(word.text, vertices)?
    {
        return digits(&number);
    }
    if deepest == 0 {
        return digits(&words.iter().map(|word| binary(word.text)).collect::<Result<String, _>>()?);
    }
    let bits = words.iter().map(|word| bit(word.text)).collect::<Result<Vec<_>, _>>()?;
    if deepest == 1 {
        return square(&bits);
    }
    let mut rows: Vec<Row> = Vec::new();
    let mut last = None;
    for (word, is_one) in words.iter().zip(bits) {
        if last.replace(word.row) != Some(word.row) {
            rows.push(Row::default());
        }
        let row = rows.last_mut().expect("one was pushed");
        if row.length == MOST_WRITTEN {
            return Err(Error::TooMany { what: "vertices" });
        }
        row.push(is_one);
    }
    Ok(Matrix(rows))
}

/// Reads the names of operations: a list of them, or of the official labels (−1 input, −2 output, 0 and on the operations).
///
/// # Errors
///
/// [`Error::Brackets`] or [`Error::TooMany`].
pub(super) fn names(text: &str) -> Result<Vec<Name>, Error> {
    let words = words(text, "operations")?;
    if words.len() > MOST_WRITTEN {
        return Err(Error::TooMany { what: "operations" });
    }
    Ok(named(&words.iter().map(|word| word.text).collect::<Vec<_>>()))
}

/// Makes names of texts: official labels become names if all of them are labels.
pub(super) fn named(texts: &[&str]) -> Vec<Name> {
    let labels: Option<Vec<_>> = texts.iter().map(|text| label(text)).collect();
    labels
        .map_or_else(|| texts.iter().map(|text| name(text)).collect(), |labels| labels.into_iter().map(Name::Borrowed).collect())
}

/// The name of an official label.
fn label(text: &str) -> Option<&'static str> {
    match text.strip_suffix(".0").or_else(|| text.strip_suffix('.')).unwrap_or(text) {
        "-1" => Some(INPUT),
        "-2" => Some(OUTPUT),
        digits => Some(OPERATIONS.get(digits.parse::<usize>().ok()?)?.name),
    }
}

/// The digits of a number that a spreadsheet or a data frame made of those of a matrix; `None` if it is no such number.
fn restored(text: &str, vertices: Option<usize>) -> Result<Option<String>, Error> {
    let number = text.strip_suffix(".0").unwrap_or(text);
    let is_float = number.len() < text.len() || text.contains(['e', 'E']);
    if is_float && text.parse::<f64>().is_ok() && (number.len() > EXACT_DIGITS || text.contains(['e', 'E'])) {
        return Err(Error::Rounded { found: text.to_owned() });
    }
    let is_binary = number.starts_with('1') && number.bytes().all(|digit| matches!(digit, b'0' | b'1'));
    let whole = vertices.filter(|vertices| *vertices <= MOST_WRITTEN).map(|vertices| vertices * vertices);
    Ok(whole.filter(|whole| is_binary && number.len() < *whole).map(|whole| format!("{number:0>whole$}")))
}

/// A value, or the digits of many side by side.
fn binary(text: &str) -> Result<String, Error> {
    if !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit()) {
        return Ok(text.to_owned());
    }
    bit(text).map(|is_one| if is_one { "1" } else { "0" }.to_owned())
}

/// One value, as Python, NumPy, JSON and C print it.
pub(super) fn bit(text: &str) -> Result<bool, Error> {
    match text {
        "0" | "0." | "0.0" | "False" | "false" | "np.False_" => Ok(false),
        "1" | "1." | "1.0" | "True" | "true" | "np.True_" => Ok(true),
        other => Err(Error::NotBinary { found: other.to_owned() }),
    }
}

/// Cuts the row-major digits of a square matrix.
fn digits(text: &str) -> Result<Matrix, Error> {
    if text.len().isqrt() > MOST_WRITTEN {
        return Err(Error::TooMany { what: "vertices" });
    }
    let digits = text.chars().map(|digit| match digit {
        '0' => Ok(false),
        '1' => Ok(true),
        other => Err(Error::NotBinary { found: other.to_string() }),
    });
    // How many there are is said before what they are.
    check_square(text.len())?;
    square(&digits.collect::<Result<Vec<_>, _>>()?)
}

fn check_square(found: usize) -> Result<usize, Error> {
    let vertices = found.isqrt();
    if found == 0 || vertices * vertices != found { Err(Error::Digits { found }) } else { Ok(vertices) }
}

/// Cuts the row-major values of a square matrix.
fn square(bits: &[bool]) -> Result<Matrix, Error> {
    let vertices = check_square(bits.len())?;
    let row = |bits: &[bool]| {
        let mut row = Row::default();
        for is_one in bits {
            row.push(*is_one);
        }
        row
    };
    Ok(Matrix(bits.chunks(vertices).map(row).collect()))
}

/// The words of a text on their way.
struct Words<'a> {
    text: &'a str,
    found: Vec<Word<'a>>,
    /// The letters that close the open lists; none for the bracket of a call such as `array(`, which means nothing.
    open: Vec<Option<char>>,
    row: usize,
    /// Where the word starts that is being read.
    start: Option<usize>,
    /// Whether a value came last, not a comma or an opening bracket.
    has_value: bool,
}

impl<'a> Words<'a> {
    /// Ends the word that is being read, if there is one.
    fn end(&mut self, at: usize) {
        if let Some(start) = self.start.take() {
            self.push(&self.text[start..at]);
        }
    }

    fn push(&mut self, text: &'a str) {
        self.has_value = true;
        // Behind the values of a call stands how they are stored: `dtype=int64`.
        if self.open.last() != Some(&None) || !text.contains('=') {
            self.found.push(Word { text, depth: self.open.iter().flatten().count(), row: self.row });
        }
    }

    fn comma(&mut self) {
        if !self.has_value {
            self.push("");
        }
        self.has_value = false;
    }

    fn close(&mut self, letter: char) -> Result<(), Error> {
        match self.open.pop() {
            Some(Some(closing)) if closing == letter => self.row += usize::from(!self.open.is_empty()),
            Some(None) if letter == ')' => {}
            _ => return Err(Error::Brackets),
        }
        self.has_value = true;
        Ok(())
    }
}

/// Cuts a text into its values; `what` they are is said if there are too many.
fn words<'a>(text: &'a str, what: &'static str) -> Result<Vec<Word<'a>>, Error> {
    let text = text.trim();
    let mut words = Words { text, found: Vec::new(), open: Vec::new(), row: 0, start: None, has_value: false };
    let mut quote = None;
    for (at, letter) in text.char_indices() {
        if let Some(end) = quote {
            if letter == end {
                words.end(at);
                quote = None;
            }
            continue;
        }
        match letter {
            '\'' | '"' if words.start.is_none() => (quote, words.start) = (Some(letter), Some(at + 1)),
            '(' if words.start.take().is_some() => words.open.push(None),
            '(' | '[' => {
                words.end(at);
                words.open.push(Some(if letter == '(' { ')' } else { ']' }));
                words.has_value = false;
            }
            ')' | ']' => {
                words.end(at);
                words.close(letter)?;
            }
            ',' => {
                words.end(at);
                words.comma();
            }
            ';' => words.end(at),
            _ if letter.is_whitespace() => words.end(at),
            _ => drop(words.start.get_or_insert(at)),
        }
        if words.found.len() > MOST_VALUES || words.open.len() > MOST_WRITTEN {
            return Err(Error::TooMany { what });
        }
    }
    words.end(text.len());
    if quote.is_some() || !words.open.is_empty() {
        return Err(Error::Brackets);
    }
    if text.trim_end_matches(|letter: char| letter == ';' || letter.is_whitespace()).ends_with(',') {
        words.comma();
    }
    Ok(words.found)
}

#[cfg(test)]
mod tests {
    use crate::space::RawGraph;

    const LIST: &str = "input,conv3x3-bn-relu,maxpool3x3,output";

    fn sketch(matrix: &str, operations: &str) -> RawGraph {
        RawGraph::from_matrix(matrix, operations).unwrap_or_else(|error| panic!("{matrix} with {operations}: {error}"))
    }

    fn message(matrix: &str, operations: &str) -> String {
        RawGraph::from_matrix(matrix, operations).unwrap_err().to_string()
    }

    #[test]
    fn a_matrix_is_read_as_every_program_prints_it() {
        let expected = sketch("[[0,1,1,0],[0,0,0,1],[0,0,0,1],[0,0,0,0]]", LIST);
        for text in [
            "0110000100010000",
            "0110 0001 0001 0000",
            "0 1 1 0 0 0 0 1 0 0 0 1 0 0 0 0",
            "0,1,1,0,0,0,0,1,0,0,0,1,0,0,0,0",
            "0 1 1 0; 0 0 0 1; 0 0 0 1; 0 0 0 0",
            "0 1 1 0\n0 0 0 1\n0 0 0 1\n0 0 0 0\n",
            "[0, 1, 1, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0]",
            "[[0 1 1 0]\n [0 0 0 1]\n [0 0 0 1]\n [0 0 0 0]]",
            "[[0. 1. 1. 0.]\n [0. 0. 0. 1.]\n [0. 0. 0. 1.]\n [0. 0. 0. 0.]]",
            "[[0.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0], [0, 0, 0, 1], [0, 0, 0, 0]]",
            "array([[0, 1, 1, 0],\n       [0, 0, 0, 1],\n       [0, 0, 0, 1],\n       [0, 0, 0, 0]])",
            "np.array([[0, 1, 1, 0], [0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 0]], dtype=int8)",
            "((0, 1, 1, 0), (0, 0, 0, 1), (0, 0, 0, 1), (0, 0, 0, 0))",
            "[[False, True, True, False], [False, False, False, True], [False, False, False, True], [False, False, False, False]]",
            "[[false,true,true,false],[false,false,false,true],[false,false,false,true],[false,false,false,false]]",
            "[[False  True  True False]\n [False False False  True]\n [False False False  True]\n [False False False False]]",
            "[[np.int64(0), np.int64(1), np.int64(1), np.int64(0)], [0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 0]]",
            "[['0','1','1','0'],['0','0','0','1'],['0','0','0','1'],['0','0','0','0']]",
        ] {
            assert_eq!(sketch(text, LIST), expected, "{text}");
        }
    }

    #[test]
    fn operations_are_read_as_every_program_prints_them() {
        let expected = sketch("0110000100010000", LIST);
        for text in [
            "input conv3x3-bn-relu maxpool3x3 output",
            "[\"input\",\"conv3x3-bn-relu\",\"maxpool3x3\",\"output\"]",
            "['input', 'conv3x3-bn-relu', 'maxpool3x3', 'output']",
            "['input' 'conv3x3-bn-relu'\n 'maxpool3x3' 'output']",
            "('input', 'conv3x3-bn-relu', 'maxpool3x3', 'output',)",
            "array(['input', 'conv3x3-bn-relu', 'maxpool3x3', 'output'], dtype='<U15')",
            "[np.str_('input'), np.str_('conv3x3-bn-relu'), np.str_('maxpool3x3'), np.str_('output')]",
            "['conv3x3-bn-relu', 'maxpool3x3']",
            "-1,0,2,-2",
            "[-1, 0, 2, -2]",
            "[-1  0  2 -2]",
            "[-1., 0., 2., -2.]",
            "0 2",
        ] {
            assert_eq!(sketch("0110000100010000", text), expected, "{text}");
        }
        let json = r#"[{"matrix": "[[0 1 1 0] [0 0 0 1] [0 0 0 1] [0 0 0 0]]", "ops": [-1, 0, 2, -2]},
            {"matrix": [[false,true,true,false],[false,false,false,true],[false,false,false,true],[false,false,false,false]],
             "ops": "['conv3x3-bn-relu', 'maxpool3x3']"}]"#;
        assert_eq!(RawGraph::from_json(json).unwrap(), [expected.clone(), expected]);
    }

    #[test]
    fn zeros_that_a_spreadsheet_took_are_put_back_where_that_is_certain() {
        let expected = sketch("010001000", "input,maxpool3x3,output");
        for text in ["10001000", "10001000.0"] {
            assert_eq!(sketch(text, "input,maxpool3x3,output"), expected);
            assert_eq!(sketch(text, "maxpool3x3"), expected);
        }
        assert_eq!(message("1.0001E+07", "maxpool3x3"), {
            "the matrix is `1.0001E+07`, a number that has lost its digits\nhint: store the column as text"
        });
        let long = format!("{}.0", "10".repeat(10));
        assert!(message(&long, "maxpool3x3").starts_with("the matrix is `1010"), "{}", message(&long, "maxpool3x3"));
        assert_eq!(message("0001000", "maxpool3x3"), "the matrix has 7 digits, expected a square number such as 4, 9 or 49");
    }

    #[test]
    fn separators_are_no_digits_and_what_is_no_value_is_named() {
        let digits = |found| format!("the matrix has {found} digits, expected a square number such as 4, 9 or 49");
        assert_eq!(message("0 1 0", ""), digits(3));
        assert_eq!(message("[0, 1, 0, 0, 0]", ""), digits(5));
        assert_eq!(message("[0 1 0 0 0]", ""), digits(5));
        assert_eq!(message("[[0 2]\n [0 0]]", ""), "the matrix holds `2`, expected 0 or 1");
        assert_eq!(message("[[0 1 ... 0]\n [0 0 ... 0]]", ""), "the matrix holds `...`, expected 0 or 1");
        assert_eq!(message("0,,0,0", ""), "the matrix holds ``, expected 0 or 1");
        assert_eq!(message("0.5 1 0 0", ""), "the matrix holds `0.5`, expected 0 or 1");
        for text in ["[[0 1] [0 0]", "[[0 1] [0 0)]", "0 1 0 0]", "array([[0, 1], [0, 0]]", "'0 1"] {
            assert_eq!(message(text, ""), "the brackets or quotes do not match", "{text}");
        }
        assert_eq!(message("0100", "['input', 'output'"), "the brackets or quotes do not match");
        assert_eq!(message("[[0 1] [0 0 0]]", ""), "row 1 of the matrix has 3 values, expected 2: it is not square");
        assert_eq!(message(&"0 ".repeat(65 * 65), ""), "more than 64 vertices, the most that a graph may have");
    }

    #[test]
    fn a_label_that_stands_for_nothing_stays_a_name() {
        let sketch = sketch("010001000", "[-1, 7, -2]");
        let message = sketch.cell(&crate::space::Space::nas_bench_101()).unwrap_err().to_string();
        assert_eq!(message, "the operation of vertex 0 is `-1`, expected `input`");
    }
}

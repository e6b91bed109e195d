//! What `svg.rs` is in a build without the cargo feature `plots`.

use super::canvas::Plot;
use super::{Figure, INK, hex};

impl Plot {
    /// Says in place of the plot what the build lacks.
    pub(super) fn figure(&self) -> Figure {
        let svg = format!(
            "<svg class=\"plot\" viewBox=\"0 0 1040 120\"><text x=\"40\" y=\"60\" font-size=\"27\" fill=\"{}\">not drawn: this build \
             lacks the cargo feature `plots`</text></svg>\n",
            hex(INK)
        );
        Figure { title: self.title, caption: self.caption, legend: Vec::new(), svg }
    }
}

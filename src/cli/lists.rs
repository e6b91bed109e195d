//! Lists with commas on the command line.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, TypedValueParser};

/// Parses an item of a list with commas, without the spaces around it: the parser of every option with a `value_delimiter`.
#[derive(Clone, Debug)]
pub(super) struct Item<P>(pub(super) P);

impl<P: TypedValueParser> TypedValueParser for Item<P> {
    type Value = P::Value;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<Self::Value, clap::Error> {
        let trimmed = value.to_str().map_or(value, |text| OsStr::new(text.trim()));
        self.0.parse_ref(command, argument, trimmed)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        self.0.possible_values()
    }
}

#[cfg(test)]
mod tests {
    use clap::builder::StringValueParser;
    use clap::{Parser, value_parser};

    use super::*;

    #[derive(Debug, Parser)]
    struct Arguments {
        #[arg(long, value_delimiter = ',', value_parser = Item(StringValueParser::new()))]
        names: Vec<String>,
        #[arg(long, value_delimiter = ',', value_parser = Item(value_parser!(u16).range(1..)))]
        epochs: Vec<u16>,
    }

    #[test]
    fn spaces_around_commas_do_not_count() {
        let found = Arguments::try_parse_from(["list", "--names", " a b ,c", "--epochs", "4, 12 ,36"]).unwrap();
        assert_eq!((found.names, found.epochs), (["a b", "c"].map(ToOwned::to_owned).into(), vec![4, 12, 36]));
        let message = Arguments::try_parse_from(["list", "--epochs", "4, 0"]).unwrap_err().to_string();
        assert!(message.contains("invalid value '0' for '--epochs <EPOCHS>'"), "{message}");
    }
}

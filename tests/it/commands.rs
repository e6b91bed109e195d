//! What a person types and reads: the commands of README.md and of `tests/cli`, run for real.

#[test]
fn commands_say_what_is_written_down() {
    let cases = trycmd::TestCases::new();
    cases.case("tests/cli/*.trycmd").case("README.md");
}

//! What a person types and reads: the commands of README.md and of `tests/cli`, run for real.

#[test]
fn commands_say_what_is_written_down() {
    let cases = trycmd::TestCases::new();
    // The benchmark that comes with the tool is unpacked here, not in the folder of whoever runs the tests.
    cases.env("XDG_CACHE_HOME", concat!(env!("CARGO_TARGET_TMPDIR"), "/caches"));
    cases.case("tests/cli/*.trycmd").case("README.md").case("src/guide/*.md");
}

//! What must not compile, and what the compiler says about it: the name of a file is the promise.

#[test]
fn misuse_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}

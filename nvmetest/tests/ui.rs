//! What must not compile, and what the compiler says about it: the name of a file in `tests/ui` is the promise.
//!
//! A case is a file of a few lines with one mistake, and beside it the compiler's words, `.stderr`. To add one:
//!
//! 1. Write `tests/ui/what_is_promised.rs`. It is one that somebody could write who means well; it ends in
//!    `fn main() {}`, and has no mistake but the one.
//! 2. Run `TRYBUILD=overwrite cargo test -p nvmetest --test ui what_is_promised`.
//! 3. Read the `.stderr`. It has to name the right variable, and to say what to do. If it does not, it is the
//!    API that is to be changed: `#[diagnostic::on_unimplemented]` on the trait, or another shape of the method.
//!
//! The files are sorted by what they are about: `buffer_`, `slice_`, `sink_` (what is lent), `ticket_`, `io_`,
//! `callback_` (what is in flight), `queue_pair_`, `controller_`, `reset_`, `format_`, `worker_` (who has the
//! controller), and `macro_` (`#[nvme_test]`).

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use nvmetest::prelude as nvme;

#[test]
fn misuse_does_not_compile() {
    check_compiler();
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}

/// The compiler's words change from release to release.
fn check_compiler() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let pin = fs::read_to_string(root.join("rust-toolchain.toml")).unwrap();
    let pin: toml::Table = pin.parse().unwrap();
    let pinned = pin["toolchain"]["channel"].as_str().unwrap();

    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("-vV").current_dir(root).output().unwrap();
    let version = String::from_utf8(version.stdout).unwrap();
    let running = version.lines().find_map(|line| line.strip_prefix("release: ")).unwrap();
    assert!(
        running == pinned,
        "the compiler's words are compared with those of rustc {pinned}, and this is rustc {running}: run \
         `cargo +{pinned} test -p nvmetest --test ui` (`rustup toolchain install {pinned}` installs it)"
    );
}

/// The page in the documentation shows the cases and the messages as they are.
#[test]
fn the_page_says_what_the_compiler_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("src/what_the_compiler_tells_you.md")).unwrap();
    let sections: Vec<&str> = page.split("\n## ").skip(1).collect();
    assert_eq!(sections.len(), 8);
    for section in sections {
        let title = section.lines().next().unwrap();
        let blocks: Vec<&str> = section.split("```").skip(1).step_by(2).collect();
        let [cause, message, fix] = blocks[..] else {
            panic!("{title}: a section has three blocks: the cause, the message, and the fix");
        };
        let cause = cause.strip_prefix("compile_fail\n").expect(title);
        let message = message.strip_prefix("text\n").expect(title);
        // The documentation runs it.
        assert!(fix.starts_with("rust\n"), "{title}");

        let (_, case) = message.split_once("--> ").expect(title);
        let (case, _) = case.split_once(".rs:").expect(title);
        let case = root.join(case);
        let shown: String = cause.lines().map(|line| format!("{}\n", shown(line))).collect();
        assert_eq!(shown, fs::read_to_string(case.with_extension("rs")).unwrap(), "{title}");
        check_message(title, message, &fs::read_to_string(case.with_extension("stderr")).unwrap());
    }
}

/// A line that the documentation hides, as it stands in the file.
fn shown(line: &str) -> &str {
    if line == "#" { "" } else { line.strip_prefix("# ").unwrap_or(line) }
}

/// The parts of the message come in their order, from the first line on; `[...]` stands for lines that were left out.
fn check_message(title: &str, message: &str, full: &str) {
    let mut rest = full;
    for (number, part) in message.split("[...]\n").enumerate() {
        let at = rest.find(part).unwrap_or_else(|| panic!("{title}: rustc does not say\n{part}"));
        assert!(0 < number || at == 0, "{title}: the message starts before\n{part}");
        rest = &rest[at + part.len()..];
    }
    let ends = rest.trim().is_empty() || message.ends_with("[...]\n");
    assert!(ends, "{title}: the message goes on, and the page does not say so:\n{rest}");
}

/// What has to stay on its thread says so in one message of its own (`queue/one_thread.rs`); that it stays is tested
/// here, for each type.
#[test]
fn what_drives_the_controller_stays_on_its_thread() {
    trait Stays {
        const GOES: bool = false;
    }
    struct Is<T: ?Sized>(std::marker::PhantomData<T>);
    impl<T: ?Sized> Stays for Is<T> {}
    impl<T: ?Sized + Send> Is<T> {
        const GOES: bool = true;
    }
    macro_rules! stays {
        ($($type:ty),* $(,)?) => {
            $(
                assert!(!Is::<$type>::GOES, "{} goes to another thread", stringify!($type));
                assert!(!Is::<&$type>::GOES, "{} is shared with another thread", stringify!($type));
            )*
        };
    }
    stays!(
        nvme::Controller,
        nvme::Qpair<'static>,
        nvmetest::CompletionQueue<'static>,
        nvmetest::Io<'static, 'static, nvme::Nvm>,
        nvmetest::Io<'static, 'static, nvme::Admin>,
        nvme::Ticket<'static>,
        nvme::Events<'static>,
        nvme::PciFunction<'static>,
        nvme::Namespace<'static>,
        nvmetest::Interrupts<'static>,
        nvmetest::Registers<'static>,
        nvmetest::ExclusiveCommand<'static>,
        nvmetest::IoWorker<'static>,
    );
    // And the question can be answered otherwise.
    const { assert!(Is::<nvme::Buffer>::GOES && Is::<&nvme::Buffer>::GOES) };
}

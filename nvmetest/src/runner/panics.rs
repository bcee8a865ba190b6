//! Panics become messages.

use std::backtrace::Backtrace;
use std::backtrace::BacktraceStatus;
use std::cell::Cell;
use std::cell::RefCell;
use std::panic::AssertUnwindSafe;
use std::panic::PanicHookInfo;
use std::panic::catch_unwind;
use std::panic::set_hook;
use std::panic::take_hook;
use std::sync::Once;

thread_local! {
    static CAUGHT: Cell<bool> = const { Cell::new(false) };
    static MESSAGE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs `body`; a panic is an error with its place and message, and prints nothing.
///
/// What was under way when it panicked may be half done: the caller does not trust it.
pub(crate) fn catch<T>(body: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let default = take_hook();
        set_hook(Box::new(move |info| {
            if CAUGHT.get() {
                MESSAGE.set(Some(describe(info)));
            } else {
                default(info);
            }
        }));
    });

    let outer = CAUGHT.replace(true);
    let result = catch_unwind(AssertUnwindSafe(body));
    CAUGHT.set(outer);
    let unknown = || "a panic without a message".to_owned();
    result.map_err(|_payload| MESSAGE.take().unwrap_or_else(unknown))
}

fn describe(info: &PanicHookInfo<'_>) -> String {
    let message = info.payload_as_str().unwrap_or("a panic with a payload that is no text");
    let place = info.location().map_or(String::new(), |place| format!("{place}: "));
    let backtrace = Backtrace::capture();
    match backtrace.status() {
        BacktraceStatus::Captured => {
            format!("{place}{message}\n{}", frames_of_test(&backtrace.to_string()))
        }
        _ => format!("{place}{message}"),
    }
}

/// Leaves out how the panic got here and how the test was called, where that can be told.
fn frames_of_test(backtrace: &str) -> String {
    let lines: Vec<&str> = backtrace.lines().collect();
    let is_frame = |line: &str| line.trim_start().starts_with(|c: char| c.is_ascii_digit());
    let is_panic = |line: &&str| {
        line.contains(": core::panicking::") || line.contains(": std::panicking::begin_panic")
    };
    let last_of_panic = lines.iter().rposition(|line| is_frame(line) && is_panic(line));
    let next_frame = |after: usize| (after + 1..lines.len()).find(|&index| is_frame(lines[index]));
    let start = last_of_panic.and_then(next_frame).unwrap_or(0);
    // The function that the macro makes calls the test.
    let end = lines[start..].iter().position(|line| line.contains("::__run"));
    let end = end.map_or(lines.len(), |end| start + end);
    lines[start..end].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backtrace_is_that_of_the_test() {
        let backtrace = [
            "   0: std::backtrace::Backtrace::capture",
            "   1: core::panicking::panic_fmt",
            "             at core/src/panicking.rs:80:14",
            "   2: suite::io::check",
            "             at ./src/io.rs:7:5",
            "   3: suite::io::reads",
            "             at ./src/io.rs:3:5",
            "   4: suite::io::_::__run",
            "   5: nvmetest::runner::attempt::body",
        ];
        assert_eq!(frames_of_test(&backtrace.join("\n")), backtrace[3..7].join("\n"));
        assert_eq!(frames_of_test("   0: main"), "   0: main");
    }

    #[test]
    fn a_panic_is_an_error_that_says_where() {
        let error = catch(|| panic!("block {} is wrong", 7)).unwrap_err();
        assert!(error.starts_with(file!()), "{error}");
        assert!(error.contains(": block 7 is wrong"), "{error}");
        assert_eq!(catch(|| 5), Ok(5));
    }

    #[test]
    fn catching_nests() {
        let result = catch(|| {
            let inner = catch(|| panic!("inner")).unwrap_err();
            assert!(inner.ends_with("inner") || inner.contains("inner\n"), "{inner}");
            panic!("outer")
        });
        assert!(result.unwrap_err().contains("outer"));
    }
}

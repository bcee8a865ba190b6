//! Panics become messages.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    static CAUGHT: Cell<bool> = const { Cell::new(false) };
    static MESSAGE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs `body`; a panic is an error with its place and message, and prints nothing.
///
/// What was under way when it panicked may be half done: the caller does not trust it.
pub(super) fn catch<T>(body: impl FnOnce() -> T) -> Result<T, String> {
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
        BacktraceStatus::Captured => format!("{place}{message}\n{backtrace}"),
        _ => format!("{place}{message}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

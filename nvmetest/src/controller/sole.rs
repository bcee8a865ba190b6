//! One controller to a function.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use crate::Error;
use crate::Result;
use crate::transport::Function;

/// The right to drive a function, which no other [`Controller`](super::Controller) has as long as this value lives.
///
/// Two of them would ring each other's doorbells, and the device would take entries of long ago for commands.
pub(super) struct Sole(Arc<dyn Function>);

static DRIVEN: Mutex<Vec<usize>> = Mutex::new(Vec::new());

impl Sole {
    pub(super) fn take(function: &Arc<dyn Function>) -> Result<Self> {
        let mut driven = driven();
        if driven.contains(&address(function)) {
            let what =
                format!("{} is driven by another `Controller`: drop that first", function.uri());
            return Err(Error::Failed(what));
        }
        driven.push(address(function));
        Ok(Self(function.clone()))
    }
}

impl Drop for Sole {
    fn drop(&mut self) {
        driven().retain(|driven| *driven != address(&self.0));
    }
}

fn driven() -> MutexGuard<'static, Vec<usize>> {
    DRIVEN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn address(function: &Arc<dyn Function>) -> usize {
    Arc::as_ptr(function).addr()
}

//! What was changed for a time is put back.

use crate::Result;
use crate::transport::Function;

/// What puts something back when it is dropped, whatever happens meanwhile.
#[derive(Debug)]
pub(super) struct PutBack<F: FnOnce() -> Result>(Option<F>);

/// What puts a register of configuration space back, of `N` bytes.
pub(super) fn register<const N: usize>(
    function: &dyn Function,
    register: u16,
) -> Result<PutBack<impl FnOnce() -> Result>> {
    let mut value = [0; N];
    function.config_read(register, &mut value)?;
    Ok(PutBack::by(move || Ok(function.write_config(register, &value)?)))
}

impl<F: FnOnce() -> Result> PutBack<F> {
    /// Does it when it is dropped.
    pub(super) fn by(put_back: F) -> Self {
        Self(Some(put_back))
    }

    /// Does it now.
    pub(super) fn now(mut self) -> Result {
        self.0.take().map_or(Ok(()), |put_back| put_back())
    }
}

impl<F: FnOnce() -> Result> Drop for PutBack<F> {
    fn drop(&mut self) {
        // The test fails already; a device that cannot be reached is reported by who looks at it next.
        let _ = self.0.take().map(|put_back| put_back());
    }
}

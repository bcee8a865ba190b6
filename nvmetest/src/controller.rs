//! The controller of a session: a stand-in until the driver is there.

use std::cell::Cell;
use std::io;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use zerocopy::FromZeros;

use crate::memory::Arena;
use crate::spec::{Cap, Csts, IdentifyController, Vs};
use crate::transport::{Abilities, Function};
use crate::{Error, Result};

/// A controller.
#[derive(Debug)]
pub struct Controller {
    function: Arc<dyn Function>,
    _arena: Arc<Arena>,
    qpairs: Cell<u16>,
    deadline: Cell<Option<Instant>>,
    capabilities: Capabilities,
}

/// What the controller says that it can do.
#[derive(Debug, Clone)]
pub struct Capabilities {
    /// CAP (Base 3.1.4.1).
    pub cap: Cap,
    /// VS (Base 3.1.4.2).
    pub vs: Vs,
    /// Identify Controller (Base 5.1.13.2.1).
    pub controller: Box<IdentifyController>,
    /// What the way to the device can do.
    pub transport: Abilities,
}

impl Controller {
    /// Initializes the controller.
    pub fn open(function: Arc<dyn Function>, arena: Arc<Arena>) -> Result<Self> {
        function.check_alive()?;
        let (qpairs, deadline) = (Cell::new(0), Cell::new(None));
        let capabilities = Capabilities {
            cap: function.read64(0)?.into(),
            vs: function.read32(8)?.into(),
            controller: Box::new(IdentifyController::new_zeroed()),
            transport: function.abilities().clone(),
        };
        Ok(Self { function, _arena: arena, qpairs, deadline, capabilities })
    }

    /// Creates an I/O queue pair.
    pub fn qpair(&self, depth: u16) -> Result<Qpair<'_>> {
        self.function.check_alive()?;
        self.qpairs.set(self.qpairs.get() + 1);
        Ok(Qpair { nvme: self, depth })
    }

    /// Returns namespace `nsid`.
    pub fn namespace(&self, nsid: u32) -> Result<Namespace<'_>> {
        self.function.check_alive()?;
        Ok(Namespace { nsid, _nvme: PhantomData })
    }

    /// Allocates a buffer.
    pub fn buffer(&self, len: usize) -> Buffer {
        Buffer(vec![0; len])
    }

    /// Resets the controller.
    pub fn reset(&mut self) -> Result {
        self.qpairs.set(0);
        Ok(self.function.check_alive()?)
    }

    /// Resets the controller to what it was at the start of the session.
    pub fn reset_to_default(&mut self) -> Result {
        self.reset()
    }

    /// Whether the controller should be reset before the next test.
    pub fn wants_reset(&self) -> bool {
        false
    }

    /// Shuts the controller down.
    pub fn shutdown(&mut self) -> Result {
        Ok(self.function.check_alive()?)
    }

    /// Fails if the controller is dead.
    pub fn health(&self) -> Result {
        self.function.check_alive()?;
        let csts = Csts::from(self.function.read32(0x1c)?);
        if csts.cfs() {
            return Err(Error::Fatal(csts));
        }
        Ok(())
    }

    /// Says what a test left behind.
    pub fn leaks(&self) -> Result<Vec<String>> {
        let left = self.qpairs.get();
        let sentence = || format!("{left} I/O queue pair(s) were not deleted");
        Ok((0..left.min(1)).map(|_| sentence()).collect())
    }

    /// Returns model, serial number and firmware.
    pub fn identity(&self) -> String {
        "a stand-in".to_owned()
    }

    /// Writes what is known into `folder`.
    pub fn evidence(&self, folder: &Path) -> io::Result<()> {
        std::fs::write(folder.join("registers.txt"), "none\n")
    }

    /// Returns the function.
    pub fn function(&self) -> &Arc<dyn Function> {
        &self.function
    }

    /// Returns what the controller can do.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// Ends all waits at `deadline`.
    pub fn set_deadline(&self, deadline: Option<Instant>) {
        self.deadline.set(deadline);
    }
}

/// An I/O queue pair.
#[derive(Debug)]
pub struct Qpair<'c> {
    nvme: &'c Controller,
    depth: u16,
}

impl Qpair<'_> {
    /// Returns the number of entries.
    pub fn depth(&self) -> u16 {
        self.depth
    }
}

impl Drop for Qpair<'_> {
    fn drop(&mut self) {
        self.nvme.qpairs.set(self.nvme.qpairs.get() - 1);
    }
}

/// A namespace.
#[derive(Debug, Clone, Copy)]
pub struct Namespace<'c> {
    nsid: u32,
    _nvme: PhantomData<&'c Controller>,
}

impl Namespace<'_> {
    /// Returns the namespace identifier.
    pub fn nsid(&self) -> u32 {
        self.nsid
    }
}

/// Memory for the device.
#[derive(Debug)]
pub struct Buffer(Vec<u8>);

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

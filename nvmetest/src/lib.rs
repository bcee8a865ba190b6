//! NVMe compliance tests in Rust.

pub mod cmdlog;
pub mod command;
mod controller;
mod error;
pub mod memory;
mod namespace;
pub mod queue;
pub mod spec;
pub mod transport;

pub use command::{Admin, Command, CommandSet, Completion, DEFAULT_TIMEOUT, Expected, Layout, Nvm};
pub use controller::{
    Capabilities, Controller, ControllerConfig, CreateIoCq, CreateIoSq, Event, Events, Format,
    Identify, Interrupts, LogPage, PciFunction, Registers, Select, Shutdown,
};
pub use error::{Error, Result};
pub use memory::{Buffer, Sink, Slice, SliceMut};
pub use namespace::{DsmAttributes, DsmRange, Namespace};
pub use queue::{CompletionQueue, CqOptions, Io, Qpair, SqOptions, Ticket};
pub use spec::Status;

/// What a suite needs in scope.
pub mod prelude {
    pub use crate::{
        Admin, Buffer, Command, Controller, Error, Layout, Namespace, Nvm, Qpair, Result, Status,
        Ticket,
    };
}

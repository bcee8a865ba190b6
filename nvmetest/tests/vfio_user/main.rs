//! The vfio-user client against servers: a real one, and one that misbehaves by script.

mod interoperation;
mod misbehaviour;
mod opening;
mod regions;
mod script;

//! Qualification runs: what to run, on how many machines, and what becomes of the results.

pub mod profile;
pub mod shard;

//! The driver: on the soft controller where that will do, and on one that does wrong where it must.

mod bar0;
mod canary;
mod deeds;
mod dma_faults;
#[expect(dead_code, reason = "the soundness suite uses the rest")]
mod fake;
mod hmb;
mod hygiene;
mod initialization;
mod integrity;
mod ioworker;
mod ladder;
mod link;
mod memory;
mod nonsense;
mod queues;
mod raw;
mod raw_model;
mod scope;
mod soundness;
mod strangers;

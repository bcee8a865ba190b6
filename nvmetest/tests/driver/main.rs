//! The driver: on the soft controller where that will do, and on one that does wrong where it must.

#[expect(dead_code, reason = "the soundness suite uses the rest")]
mod fake;
mod hygiene;
mod initialization;
mod ladder;
mod memory;
mod nonsense;
mod queues;
mod scope;
mod soundness;

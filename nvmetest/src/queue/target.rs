//! What a command can be run on.

use crate::controller::Controller;

use super::core::Core;
use super::qpair::Qpair;

/// What an admin command runs on: the controller.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not take admin commands: an admin command runs on the controller",
    label = "expected `&Controller`",
    note = "the admin queue is the controller's own: say `.run(nvme)`, or `.run(&nvme)` where `nvme` is the `Controller` itself"
)]
pub trait AdminQueue: sealed::Queue {}

impl AdminQueue for &Controller {}

impl AdminQueue for &mut Controller {}

/// What an I/O command runs on: a queue pair.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not take I/O commands: an I/O command runs on a queue pair",
    label = "expected `&Qpair`",
    note = "a test gets a queue pair by naming it, `q: &Qpair`, or makes one, `let q = nvme.qpair(8)?`; it is lent to the command: `.run(q)`, or `.run(&q)` where `q` is the `Qpair` itself"
)]
pub trait IoQueue: sealed::Queue {}

impl IoQueue for &Qpair<'_> {}

pub(crate) mod sealed {
    use super::Controller;
    use super::Core;
    use super::Qpair;

    /// Keeps the traits above closed: the ladder would be climbed on the wrong controller if a queue named
    /// another than its own.
    pub trait Queue {
        fn core(&self) -> &Core;
        fn controller(&self) -> &Controller;
    }

    impl Queue for &Controller {
        fn core(&self) -> &Core {
            self.admin()
        }
        fn controller(&self) -> &Controller {
            self
        }
    }

    impl Queue for &mut Controller {
        fn core(&self) -> &Core {
            self.admin()
        }
        fn controller(&self) -> &Controller {
            self
        }
    }

    impl Queue for &Qpair<'_> {
        fn core(&self) -> &Core {
            Qpair::core(self)
        }
        fn controller(&self) -> &Controller {
            Qpair::controller(self)
        }
    }
}

//! What a command can be run on.

use crate::controller::Controller;

use super::core::Core;
use super::qpair::Qpair;

/// What an admin command runs on: the controller.
#[diagnostic::on_unimplemented(
    message = "an admin command runs on `&Controller`, not on `{Self}`",
    label = "expected `&Controller`",
    note = "the admin queue is the controller's own: say `.run(nvme)`, or `.run(&nvme)` where `nvme` is the `Controller` itself",
    note = "inside a scope of the controller, `nvme.scope(|io| ...)`, a command is submitted: `.submit(io)`"
)]
pub trait AdminQueue: sealed::Queue {}

impl AdminQueue for &Controller {}

impl AdminQueue for &mut Controller {}

/// What an I/O command runs on: a queue pair.
#[diagnostic::on_unimplemented(
    message = "an I/O command runs on `&Qpair`, not on `{Self}`",
    label = "expected `&Qpair`",
    note = "a test asks for a queue pair among its parameters, `q: &Qpair`, and says `.run(q)`; or it makes one, `let q = nvme.qpair(8)?`, and says `.run(&q)`",
    note = "inside a scope, `q.scope(|io| ...)`, a command is submitted: `.submit(io)`"
)]
pub trait IoQueue: sealed::Queue {}

impl IoQueue for &Qpair<'_> {}

pub(crate) mod sealed {
    use super::Controller;
    use super::Core;
    use super::Qpair;

    /// Keeps the traits above closed: the ladder would be climbed on the wrong controller if a queue named
    /// another than its own.
    #[diagnostic::on_unimplemented(
        message = "`{Self}` cannot be made a queue",
        label = "the trait is closed",
        note = "commands run on `&Controller` and `&Qpair` alone: who takes memory back from a device has to be who lent it"
    )]
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

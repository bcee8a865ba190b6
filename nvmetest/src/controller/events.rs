//! Asynchronous events (Base 5.1.2).

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;
use std::time::Instant;

use crate::Error;
use crate::Result;
use crate::command::Expected;
use crate::memory::Places;
use crate::queue::Owner;
use crate::spec::Status;

use super::Controller;

/// An asynchronous event: Dword 0 of the completion of an Asynchronous Event Request (Base 5.1.2.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Event(pub u32);

impl Event {
    /// AET: 0 error, 1 SMART / health, 2 notice, 6 I/O command specific, 7 vendor specific.
    pub const fn kind(self) -> u8 {
        (self.0 & 0x7) as u8
    }

    /// AEI: which event of its type.
    pub const fn info(self) -> u8 {
        (self.0 >> 8) as u8
    }

    /// The log page to read, which also lets events of the type come again.
    pub const fn log_page(self) -> u8 {
        (self.0 >> 16) as u8
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, info, log) = (self.kind(), self.info(), self.log_page());
        write!(f, "Event(type {kind}h, information {info:02x}h, log page {log:02x}h)")
    }
}

/// Outstanding Asynchronous Event Requests, and the events that completed them.
///
/// When it is dropped, the requests that are left are aborted.
pub struct Events<'c> {
    controller: &'c Controller,
    inbox: Rc<RefCell<Inbox>>,
}

#[derive(Default)]
struct Inbox {
    events: VecDeque<Event>,
    refusals: Vec<Status>,
    /// The identifiers of the requests that wait.
    waiting: Vec<u16>,
}

impl Controller {
    /// Submits `requests` Asynchronous Event Requests.
    ///
    /// # Errors
    ///
    /// Fails if one of them is refused at once: the controller takes AERL + 1 at a time.
    pub fn events(&self, requests: usize) -> Result<Events<'_>> {
        let events = Events { controller: self, inbox: Rc::default() };
        for _ in 0..requests {
            events.request()?;
        }
        Ok(events)
    }

    /// Whether event requests are outstanding that the controller was asked to abort: it need not do so (Base
    /// 5.1.1), and they may swallow an event.
    pub fn keeps_event_requests(&self) -> bool {
        self.shared().has_requests_left()
    }
}

impl Events<'_> {
    /// Submits one more request.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be submitted.
    #[track_caller]
    pub fn request(&self) -> Result {
        let command = self.controller.async_event_request();
        let (parts, ()) = command.timeout(Duration::MAX).expect(Expected::Any).into_parts();
        let inbox = self.inbox.clone();
        // The request is told apart by its identifier, which is known only when it is submitted.
        let cid = Rc::new(std::cell::Cell::new(None));
        let cid_of_it = cid.clone();
        let callback = move |dw0: u32, status: Status| {
            let mut inbox = inbox.borrow_mut();
            if let Some(cid) = cid_of_it.get() {
                inbox.waiting.retain(|waiting| *waiting != cid);
            }
            if status.is_success() {
                inbox.events.push_back(Event(dw0));
            } else {
                inbox.refusals.push(status);
            }
        };
        let core = self.controller.admin();
        if let Some(gone) = core.gone() {
            return Err(gone);
        }
        if core.is_full() {
            let queue = "the admin submission queue".to_owned();
            return Err(Error::QueueFull { queue, in_flight: core.busy() });
        }
        let callback = Box::new(callback);
        let key = core.start(Owner::SESSION, &parts, Places::None, Some(callback));
        cid.set(Some(key.cid()));
        self.inbox.borrow_mut().waiting.push(key.cid());
        Ok(())
    }

    /// Waits for the next event. The request that it completed is not submitted again.
    ///
    /// # Errors
    ///
    /// Fails if no event comes within `timeout`, or if a request completes with an error.
    pub fn next(&self, timeout: Duration) -> Result<Event> {
        match self.poll(timeout)? {
            Some(event) => Ok(event),
            None => Err(Error::Failed(format!(
                "no asynchronous event came within {timeout:?}; {} requests are outstanding",
                self.outstanding(),
            ))),
        }
    }

    /// Waits for the next event, or until `timeout` is over.
    ///
    /// # Errors
    ///
    /// Fails if a request completes with an error.
    pub fn poll(&self, timeout: Duration) -> Result<Option<Event>> {
        let start = Instant::now();
        let core = self.controller.admin();
        loop {
            core.poll_all();
            let mut inbox = self.inbox.borrow_mut();
            if let Some(event) = inbox.events.pop_front() {
                return Ok(Some(event));
            }
            // A queue that has ended refuses what it still had, and says below why.
            if core.gone().is_none()
                && let Some(status) = inbox.refusals.pop()
            {
                return Err(Error::Failed(format!(
                    "an Asynchronous Event Request completed with {status}"
                )));
            }
            drop(inbox);
            if let Some(finding) = core.take_finding().or_else(|| core.gone()) {
                return Err(finding);
            }
            if let Some(trouble) =
                self.controller.trouble(|| Some("an asynchronous event".to_owned()))
            {
                return Err(trouble);
            }
            if timeout < start.elapsed() {
                return Ok(None);
            }
            std::thread::sleep(Duration::from_micros(50).min(timeout));
        }
    }

    /// How many requests wait for an event.
    pub fn outstanding(&self) -> usize {
        self.inbox.borrow().waiting.len()
    }
}

impl Drop for Events<'_> {
    fn drop(&mut self) {
        let core = self.controller.admin();
        if core.gone().is_some() {
            return;
        }
        let waiting = self.inbox.borrow().waiting.clone();
        for cid in waiting {
            let aborted = self.controller.abort(0, cid).expect(Expected::Any).run(self.controller);
            if aborted.is_err() {
                break;
            }
        }
        // The completions of what was aborted come before or after that of the Abort.
        let start = Instant::now();
        while 0 < self.outstanding() && start.elapsed() < Duration::from_millis(20) {
            core.poll_all();
        }
        if 0 < self.outstanding() {
            self.controller.shared().leave_requests(self.outstanding());
        }
    }
}

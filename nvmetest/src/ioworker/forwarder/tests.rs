//! Lanes without a process, on a device that only listens.

use std::sync::mpsc;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::Sender;

use super::*;

/// For what happens at once, on a machine that is busy.
const DEADLINE: Duration = Duration::from_secs(30);

const TAIL: u64 = 0x1008;
const HEAD: u64 = 0x100c;

/// A lane of a queue with eight entries, and the worker's end of it.
fn lane(ring: impl Fn(u64, u32) -> TransportResult + Send + 'static) -> (Lane, Arc<Mapping>) {
    let page = Arc::new(Mapping::anonymous(c"test", 4096).unwrap().1);
    let theirs = Arc::clone(&page);
    let bell = |word, offset| Bell { word, offset, told: 0 };
    let bells = [bell(0, TAIL), bell(4, HEAD)];
    (Lane { page, entries: 8, bells, ring: Box::new(ring) }, theirs)
}

fn reporting(rung: &Sender<(u64, u32)>) -> impl Fn(u64, u32) -> TransportResult + Send + 'static {
    let rung = rung.clone();
    move |offset, value| {
        let _ = rung.send((offset, value));
        Ok(())
    }
}

fn trouble(forwarding: &Forwarding) -> Trouble {
    let start = Instant::now();
    loop {
        if let Some(trouble) = forwarding.trouble() {
            return trouble.clone();
        }
        assert!(start.elapsed() < DEADLINE, "no trouble");
        thread::yield_now();
    }
}

fn all(rung: &Receiver<(u64, u32)>) -> Vec<(u64, u32)> {
    rung.try_iter().collect()
}

#[test]
fn a_look_tells_the_latest_value_once() {
    let (sender, rung) = mpsc::channel();
    let (mut lane, page) = lane(reporting(&sender));
    assert_eq!(lane.look(), Ok(false));
    for value in 1..=5 {
        page.word(0).store(value, Ordering::Release);
    }
    page.word(4).store(7, Ordering::Release);
    assert_eq!(lane.look(), Ok(true));
    assert_eq!(lane.look(), Ok(false));
    assert_eq!(all(&rung), [(TAIL, 5), (HEAD, 7)]);
    // Also back to the first entry is news.
    page.word(0).store(0, Ordering::Release);
    assert_eq!(lane.look(), Ok(true));
    assert_eq!(all(&rung), [(TAIL, 0)]);
}

#[test]
fn a_value_that_is_no_entry_is_not_told_to_the_device() {
    let (sender, rung) = mpsc::channel();
    for value in [8, 9, u32::MAX] {
        let (mut lane, page) = lane(reporting(&sender));
        page.word(4).store(value, Ordering::Release);
        let Err(Trouble::Nonsense(why)) = lane.look() else { panic!("{value} was taken") };
        let expected = format!("it wrote {value} to a doorbell of a queue of 8 entries");
        assert_eq!(why, expected);
    }
    assert_eq!(all(&rung), []);
}

#[test]
fn all_lanes_are_forwarded_and_none_that_was_dropped() {
    let forwarder = Forwarder::default();
    let (sender, rung) = mpsc::channel();
    let lanes: Vec<_> = (0..16).map(|_| lane(reporting(&sender))).collect();
    let (lanes, pages): (Vec<_>, Vec<_>) = lanes.into_iter().unzip();
    let forward = |lane| forwarder.forward(lane).unwrap();
    let mut forwardings: Vec<_> = lanes.into_iter().map(forward).collect();
    for page in &pages {
        page.word(0).store(3, Ordering::Release);
        assert_eq!(rung.recv_timeout(DEADLINE), Ok((TAIL, 3)));
    }

    drop(forwardings.pop());
    pages[15].word(0).store(4, Ordering::Release);
    // By then the lanes were all looked at since.
    for _ in 0..2 {
        let value = pages[0].word(0).load(Ordering::Relaxed) + 1;
        pages[0].word(0).store(value, Ordering::Release);
        assert_eq!(rung.recv_timeout(DEADLINE), Ok((TAIL, value)));
    }
    assert_eq!(all(&rung), []);
}

#[test]
fn the_thread_ends_with_the_last_lane_and_begins_again_with_the_next() {
    let forwarder = Forwarder::default();
    let (sender, rung) = mpsc::channel();
    for _ in 0..3 {
        let (first, second) = (lane(reporting(&sender)), lane(reporting(&sender)));
        let forwardings = [first.0, second.0].map(|lane| forwarder.forward(lane).unwrap());
        second.1.word(0).store(1, Ordering::Release);
        assert_eq!(rung.recv_timeout(DEADLINE), Ok((TAIL, 1)));
        drop(forwardings);
        assert!(forwarder.0.with(|state| state.thread.is_none() && state.lanes.is_empty()));
        // The thread has ended: nobody else has what it had.
        assert_eq!(Arc::strong_count(&forwarder.0), 1);
    }
}

#[test]
fn a_device_that_is_gone_is_the_trouble_of_all_and_nonsense_that_of_one() {
    let lost = TransportError::Lost { device: "test:".to_owned(), how: "gone".to_owned() };
    let forwarder = Forwarder::default();
    let (sender, _rung) = mpsc::channel();
    let error = lost.clone();
    let (broken, broken_page) = lane(move |_, _| Err(error.clone()));
    let (silly, silly_page) = lane(reporting(&sender));
    let (good, _good_page) = lane(reporting(&sender));
    let [broken, silly, good] = [broken, silly, good].map(|lane| forwarder.forward(lane).unwrap());

    silly_page.word(0).store(8, Ordering::Release);
    assert!(matches!(trouble(&silly), Trouble::Nonsense(_)));
    assert_eq!((good.trouble(), broken.trouble()), (None, None));

    broken_page.word(0).store(1, Ordering::Release);
    assert_eq!(trouble(&broken), Trouble::Transport(lost.clone()));
    assert_eq!(trouble(&good), Trouble::Transport(lost));
}

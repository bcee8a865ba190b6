//! Servers that break the protocol or stop following it, after the device was opened.

use std::fs::File;
use std::io;
use std::io::Read;
use std::mem;
use std::os::fd::AsFd;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use nix::sys::eventfd::EventFd;
use nvmetest::memory::Arena;
use nvmetest::transport::DmaRange;
use nvmetest::transport::Function;
use nvmetest::transport::Process;
use nvmetest::transport::TransportError;
use nvmetest::transport::vfio_user::Options;
use nvmetest::transport::vfio_user::VfioUser;
use proptest::collection::vec;
use proptest::prelude::ProptestConfig;
use proptest::prelude::any;
use proptest::prelude::proptest;

use crate::bare;
use crate::script::Answer;
use crate::script::DEVICE_RESET;
use crate::script::DMA_MAP;
use crate::script::DMA_UNMAP;
use crate::script::GET_REGION_INFO;
use crate::script::LONG;
use crate::script::REGION_READ;
use crate::script::REGION_WRITE;
use crate::script::Request;
use crate::script::SET_IRQS;
use crate::script::SHORT;
use crate::script::Script;
use crate::script::VERSION;
use crate::script::header;
use crate::script::proper;
use crate::script::region_info;
use crate::script::reply;

/// Opens a device whose server answers accesses to BAR0 as given.
fn open(
    deadline: Duration,
    mut answer: impl FnMut(&Request) -> Answer + Send + 'static,
) -> VfioUser {
    let script = move |request: &Request| {
        if request.is_bar() { answer(request) } else { Answer::Proper }
    };
    Script::start(script).device(deadline)
}

/// Reads a register and expects this answer to break the protocol, and the connection to be given up.
#[track_caller]
fn check_derailed(answer: impl FnMut(&Request) -> Answer + Send + 'static, how: &str) {
    let device = open(LONG, answer);
    let error = device.bar_read(0, &mut [0; 4]).unwrap_err();
    assert!(matches!(error, TransportError::Protocol { .. }), "{error}");
    assert!(error.to_string().contains(how), "{error}");
    let after = device.bar_read(0, &mut [0; 4]).unwrap_err();
    assert!(matches!(after, TransportError::Lost { .. }), "{after}");
    assert!(after.to_string().contains(how), "{after}");
}

#[track_caller]
fn check_lost(device: &VfioUser, how: &str) {
    for _ in 0..2 {
        let error = device.bar_read(0, &mut [0; 4]).unwrap_err();
        let TransportError::Lost { how: got, .. } = &error else { panic!("{error}") };
        assert_eq!(got, how);
    }
    let error = device.check_alive().unwrap_err();
    assert!(matches!(error, TransportError::Lost { .. }), "{error}");
}

#[test]
fn a_failed_read_is_an_error_and_not_a_hang() {
    let device = open(LONG, |_| Answer::Errno(1));
    let error = device.bar_read(0x1000, &mut [0; 4]).unwrap_err();
    let TransportError::Refused { what, why, .. } = &error else { panic!("{error}") };
    assert_eq!(what, "a read of 4 bytes at 0x1000 of BAR0");
    assert_eq!(why, "EPERM: Operation not permitted");
    device.check_alive().unwrap();
}

#[test]
fn the_reason_of_a_failed_write_is_told() {
    for (errno, why) in
        [(22, "EINVAL: Invalid argument"), (0, "it gave no reason"), (u32::MAX, "errno 4294967295")]
    {
        let device = open(LONG, move |_| Answer::Errno(errno));
        let error = bare(&device).bar_write(0x14, &[0; 4]).unwrap_err().to_string();
        let refused = format!("refused a write of 4 bytes at 0x14 of BAR0: {why}");
        assert!(error.ends_with(&refused), "{error}");
    }
}

#[test]
fn memory_that_is_refused_is_an_error() {
    let script = |request: &Request| match request.command {
        DMA_MAP if request.fds == 1 && request.field(4) == 3 => Answer::Errno(28),
        DMA_UNMAP => Answer::Errno(2),
        _ => Answer::Proper,
    };
    let device = Script::start(script).device(LONG);
    let arena = Arc::new(Arena::new(0x2000).unwrap());
    // SAFETY: Nobody touches the memory.
    #[expect(unsafe_code, reason = "a device is trusted with the arena")]
    let memory = unsafe { arena.device_view() };
    let memory = DmaRange { iova: 0x1000, len: 0x1000, file: memory.file(), offset: 0, host: 0 };

    let error = bare(&device).dma_map(&memory).unwrap_err().to_string();
    assert!(error.contains("refused DMA_MAP of 0x1000 bytes at 0x1000: ENOSPC"), "{error}");
    let error = device.dma_unmap(0x1000, 0x1000).unwrap_err().to_string();
    assert!(error.contains("refused DMA_UNMAP of 0x1000 bytes at 0x1000: ENOENT"), "{error}");
}

#[test]
fn silence_ends_at_the_deadline() {
    let device = open(SHORT, |_| Answer::Silence);
    let start = Instant::now();
    let error = device.bar_read(0, &mut [0; 4]).unwrap_err();
    let waited = start.elapsed();
    assert!(matches!(error, TransportError::Silent { .. }), "{error}");
    assert!((SHORT..LONG).contains(&waited), "{waited:?}");
}

#[test]
fn half_a_reply_ends_at_the_deadline() {
    let device = open(SHORT, |request| {
        Answer::Raw(reply(request.id, REGION_READ, &proper(request))[..20].to_vec())
    });
    let error = device.bar_read(0, &mut [0; 4]).unwrap_err();
    assert!(matches!(error, TransportError::Silent { .. }), "{error}");
}

#[test]
fn a_reply_after_the_deadline_is_not_taken_for_another() {
    let mut late = None;
    let device = open(SHORT, move |request| {
        let proper = reply(request.id, REGION_READ, &proper(request));
        match late.take() {
            // A part of the reply comes in time, and the rest with the next one.
            None => {
                late = Some(proper[24..].to_vec());
                Answer::Raw(proper[..24].to_vec())
            }
            Some(rest) => Answer::Raw([rest, proper].concat()),
        }
    });
    let error = device.bar_read(0, &mut [0xff; 4]).unwrap_err();
    assert!(matches!(error, TransportError::Silent { .. }), "{error}");

    let mut data = [0xff; 8];
    device.bar_read(0, &mut data).unwrap();
    assert_eq!(data, [0; 8]);
}

#[test]
fn a_server_that_hangs_up_is_lost() {
    let device = open(LONG, |_| Answer::Close(Vec::new()));
    check_lost(&device, "it closed the connection");
}

#[test]
fn a_server_that_hangs_up_within_a_message_is_lost() {
    for len in [1, 15, 16, 20] {
        let device = open(LONG, move |request| {
            Answer::Close(reply(request.id, REGION_READ, &proper(request))[..len].to_vec())
        });
        check_lost(&device, &format!("it closed the connection in a message, after {len} bytes"));
    }
}

#[test]
fn a_connection_that_ended_between_requests_is_noticed() {
    let (device, thread) = Script::start(|request| match request.command {
        DEVICE_RESET => Answer::Close(reply(request.id, DEVICE_RESET, &[])),
        _ => Answer::Proper,
    })
    .open(LONG);
    let device = device.unwrap();
    device.check_alive().unwrap();

    let error = device.reset().unwrap_err();
    assert!(matches!(error, TransportError::Lost { .. }), "{error}");
    thread.join().unwrap();
    device.check_alive().unwrap_err();
    bare(&device).ring(0x1000, 1).unwrap_err();
}

#[test]
fn messages_of_impossible_lengths_are_refused() {
    for size in [0, 15, (64 << 10) + 1, u32::MAX] {
        check_derailed(
            move |request| Answer::Raw(header(request.id, REGION_READ, size, 1, 0)),
            &format!("with a message of {size} bytes"),
        );
    }
}

#[test]
fn a_reply_to_another_message_is_refused() {
    check_derailed(
        |request| Answer::Raw(reply(request.id.wrapping_add(7), REGION_READ, &[])),
        "which nobody waits for",
    );
}

#[test]
fn a_reply_to_another_command_is_refused() {
    check_derailed(
        |request| Answer::Raw(reply(request.id, REGION_WRITE, &proper(request))),
        "with a reply to another command (10)",
    );
}

#[test]
fn a_request_of_the_server_is_refused() {
    check_derailed(
        |request| Answer::Raw(header(request.id, 11, 16, 0, 0)),
        "it sent a request of its own (command 11)",
    );
}

#[test]
fn data_of_the_wrong_length_are_refused() {
    let len_and_how = [
        (0, "0 bytes"),
        (15, "15 bytes"),
        (16, "0 bytes of data"),
        (19, "3 bytes of data"),
        (21, "5 bytes of data"),
    ];
    for (len, how) in len_and_how {
        let device = open(LONG, move |_| Answer::Body(vec![0; len], Vec::new()));
        let error = device.bar_read(0, &mut [0; 4]).unwrap_err();
        let how = format!("it answered a read of 4 bytes at 0x0 of BAR0 with {how}");
        assert!(error.to_string().ends_with(&how), "{error}");
    }
}

#[test]
fn descriptors_that_nobody_asked_for_are_closed() {
    let (mut reader, writer) = io::pipe().unwrap();
    let mut writer = Some(File::from(OwnedFd::from(writer)));
    let device = open(LONG, move |request| {
        Answer::Body(proper(request), writer.take().into_iter().collect())
    });

    device.bar_read(0, &mut [0; 4]).unwrap();

    // The end of the pipe is only seen when nobody can write to it any more.
    assert_eq!(reader.read(&mut [0]).unwrap(), 0);
    device.check_alive().unwrap();
}

#[test]
fn too_many_descriptors_are_refused_and_closed() {
    let (mut reader, writer) = io::pipe().unwrap();
    let writer = File::from(OwnedFd::from(writer));
    let mut writers: Vec<_> = (0..200).map(|_| writer.try_clone().unwrap()).collect();
    drop(writer);
    check_derailed(
        move |request| Answer::Body(proper(request), mem::take(&mut writers)),
        "more than 64 file descriptors",
    );
    assert_eq!(reader.read(&mut [0]).unwrap(), 0);
}

#[test]
fn eventfds_go_out_in_batches_that_every_server_takes() {
    let (device, thread) = Script::start(|request| match request.command {
        VERSION => {
            let json = br#"{"capabilities":{"max_msg_fds":100}}"#;
            Answer::Body([&[0, 0, 1, 0], &json[..]].concat(), Vec::new())
        }
        _ => Answer::Proper,
    })
    .open(LONG);
    let device = device.unwrap();
    let eventfd = EventFd::new().unwrap();
    let eventfds = [eventfd.as_fd(); 19];

    device.set_vectors(2, &eventfds).unwrap();

    drop(device);
    let batches: Vec<_> = thread
        .join()
        .unwrap()
        .iter()
        .filter(|request| request.command == SET_IRQS)
        .map(|request| (request.field(4), request.field(12), request.field(16), request.fds))
        .collect();
    assert_eq!(batches, [(0x24, 2, 8, 8), (0x24, 10, 8, 8), (0x24, 18, 3, 3)]);
}

#[test]
fn a_server_that_answers_posted_doorbells_is_waited_for() {
    let (device, thread) = Script::start(|request| match request.command {
        REGION_WRITE => Answer::Body(proper(request), Vec::new()),
        _ => Answer::Proper,
    })
    .open(LONG);
    let device = device.unwrap();

    bare(&device).ring(0x1000, 1).unwrap();
    device.bar_read(0, &mut [0; 4]).unwrap();
    bare(&device).ring(0x1000, 2).unwrap();

    drop(device);
    let rings: Vec<_> = thread
        .join()
        .unwrap()
        .iter()
        .filter(|request| request.command == REGION_WRITE && request.is_bar())
        .map(Request::wants_reply)
        .collect();
    assert_eq!(rings, [false, true]);
}

#[test]
fn a_server_that_refuses_every_doorbell_does_not_stop_the_client() {
    // It replies although no reply is wanted, until nobody reads the replies and it blocks.
    let device = open(LONG, |request| match request.command {
        REGION_WRITE => Answer::Errno(1),
        _ => Answer::Proper,
    });
    for tail in 0..2000 {
        if let Err(error) = bare(&device).ring(0x1000, tail) {
            assert!(matches!(error, TransportError::Refused { .. }), "{error}");
        }
    }
}

#[test]
fn a_reset_that_does_not_end_is_an_error_at_the_deadline() {
    // CSTS.RDY stays set.
    let device = open(SHORT, |request| {
        Answer::Body([&request.body[..16], &[1, 0, 0, 0]].concat(), Vec::new())
    });
    let error = device.reset().unwrap_err();
    assert!(
        error.to_string().contains("did not answer a function reset (CSTS.RDY = 0)"),
        "{error}"
    );
}

#[test]
fn accesses_that_do_not_fit_are_not_sent() {
    let device = open(LONG, |_| panic!("it was sent"));
    for (offset, len) in [(0x3ffd, 4), (u64::MAX, 4), (0x4000, 1), (0, 3), (0, 16), (0, 0)] {
        let error = device.bar_read(offset, &mut vec![0; len]).unwrap_err();
        assert!(matches!(error, TransportError::Unsupported { .. }), "{error}");
        let error = bare(&device).bar_write(offset, &vec![0; len]).unwrap_err();
        assert!(matches!(error, TransportError::Unsupported { .. }), "{error}");
    }
    device.config_read(0, &mut [0; 8]).unwrap_err();
    bare(&device).config_write(4094, &[0; 4]).unwrap_err();
}

/// A process that ends when it is killed, or when the test says so.
#[derive(Debug, Default)]
struct Mortal(AtomicBool);

impl Process for Mortal {
    fn exit_status(&self) -> Option<String> {
        self.0.load(Ordering::SeqCst).then(|| "its process ended: out of cheese".to_owned())
    }

    fn kill(&self) -> io::Result<()> {
        self.0.store(true, Ordering::SeqCst);
        Ok(())
    }
}

#[test]
fn how_the_process_ended_is_told() {
    let process = Arc::new(Mortal::default());
    let dying = Arc::clone(&process);
    let script = move |request: &Request| {
        if !request.is_bar() {
            return Answer::Proper;
        }
        dying.kill().unwrap();
        Answer::Close(Vec::new())
    };
    let options = Options { deadline: LONG, process: Some(process), ..Options::default() };
    let device = Script::start(script).open_with(options).0.unwrap();
    device.check_alive().unwrap();
    check_lost(&device, "its process ended: out of cheese");
}

#[test]
fn a_process_of_the_session_can_be_ended() {
    let process = Arc::new(Mortal::default());
    let options = Options { deadline: LONG, process: Some(process.clone()), ..Options::default() };
    let device = Script::start(|_| Answer::Proper).open_with(options).0.unwrap();
    assert!(device.abilities().terminates);

    device.terminate().unwrap();

    assert!(process.exit_status().is_some());
    check_lost(&device, "the session has ended its process");
}

/// Opens a device, uses it, and touches all doorbells that were mapped.
fn exercise(script: impl FnMut(&Request) -> Answer + Send + 'static) {
    let (device, thread) = Script::start(script).open(SHORT);
    if let Ok(device) = device {
        let _ = device.bar_read(0, &mut [0; 8]);
        let _ = bare(&device).ring(0x1000, 1);
        let _ = device.set_vectors(0, &[]);
        let _ = device.reset();
        for offset in (0x1000..0x8000).step_by(4) {
            bare(&device).ring_mapped(offset, 0xffff_ffff);
        }
    }
    // The server has not panicked either.
    thread.join().unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn random_bytes_never_panic(turn in 0usize..40, bytes in vec(any::<u8>(), 0..200)) {
        let mut requests = 0;
        exercise(move |_| {
            requests += 1;
            if requests > turn { Answer::Close(bytes.clone()) } else { Answer::Proper }
        });
    }

    #[test]
    fn random_bodies_never_panic(turn in 0usize..40, body in vec(any::<u8>(), 0..200)) {
        let mut requests = 0;
        exercise(move |request| {
            requests += 1;
            match requests {
                requests if requests == turn => Answer::Body(body.clone(), Vec::new()),
                // Polling would go on until the deadline.
                requests if requests > turn + 20 => Answer::Close(Vec::new()),
                _ if request.wants_reply() => Answer::Proper,
                _ => Answer::Silence,
            }
        });
    }

    #[test]
    fn random_areas_never_panic(
        caps in vec(0u8..64, 16..80),
        cap_offset in 28u32..120,
        file_len in 0u64..0x9000,
    ) {
        let file = tempfile::tempfile().unwrap();
        file.set_len(file_len).unwrap();
        exercise(move |request| match request.command {
            GET_REGION_INFO if request.field(8) == 0 => {
                let mut caps = caps.clone();
                caps[..8].copy_from_slice(&[1, 0, 1, 0, 32, 0, 0, 0]);
                let info = region_info(0, 0xf, 0x4000, cap_offset, &caps);
                Answer::Body(info, vec![file.try_clone().unwrap()])
            }
            _ => Answer::Proper,
        });
    }

    #[test]
    fn random_areas_that_are_mapped_lie_within_their_file(
        areas in vec((0u64..8, 0u64..8), 1..6),
        file_pages in 0u64..8,
        region_pages in 2u64..10,
    ) {
        let file = tempfile::tempfile().unwrap();
        file.set_len(file_pages << 12).unwrap();
        exercise(move |request| match request.command {
            GET_REGION_INFO if request.field(8) == 0 => {
                let mut caps = vec![1, 0, 1, 0, 0, 0, 0, 0];
                caps.extend((areas.len() as u64).to_le_bytes());
                for (offset, size) in &areas {
                    caps.extend((offset << 12).to_le_bytes());
                    caps.extend((size << 12).to_le_bytes());
                }
                let info = region_info(0, 0xf, region_pages << 12, 32, &caps);
                Answer::Body(info, vec![file.try_clone().unwrap()])
            }
            _ => Answer::Proper,
        });
    }
}

//! Why a device could not be opened: a sentence on what is wrong, and the way out.

use std::os::unix::net::UnixListener;
use std::os::unix::net::UnixStream;

use nvmetest::transport::OpenError;
use nvmetest::transport::vfio_user::Options;
use nvmetest::transport::vfio_user::VfioUser;

use crate::script::Answer;
use crate::script::GET_INFO;
use crate::script::GET_REGION_INFO;
use crate::script::REGION_READ;
use crate::script::Request;
use crate::script::SHORT;
use crate::script::Script;
use crate::script::VERSION;
use crate::script::region_info;
use crate::script::uri;

#[track_caller]
fn check(error: &OpenError, what: &str, way_out: &str) {
    assert!(error.what.contains(what), "{error}");
    assert!(error.way_out.contains(way_out), "{error}");
}

/// Opens a device whose server answers `command` as given.
fn open(command: u16, answer: impl Fn(&Request) -> Answer + Send + 'static) -> OpenError {
    Script::start(
        move |request| {
            if request.command == command { answer(request) } else { Answer::Proper }
        },
    )
    .error()
}

fn version(json: &str) -> Answer {
    Answer::Body([&[0, 0, 1, 0], json.as_bytes(), &[0]].concat(), Vec::new())
}

#[test]
fn a_socket_that_does_not_exist() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nvme.sock");
    let error = VfioUser::connect(uri(), &path, &Options::default()).unwrap_err();
    check(&error, "there is no `", "start the target first");
}

#[test]
fn a_path_that_is_left_out() {
    let error = VfioUser::connect(uri(), "", &Options::default()).unwrap_err();
    check(&error, "it names no socket", "`vfio-user:/path/to/socket`");
}

#[test]
fn a_file_that_is_not_a_socket() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = VfioUser::connect(uri(), file.path(), &Options::default()).unwrap_err();
    check(&error, "is not a socket", "name the socket");
}

#[test]
fn a_socket_that_its_target_left_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nvme.sock");
    drop(UnixListener::bind(&path).unwrap());
    let error = VfioUser::connect(uri(), &path, &Options::default()).unwrap_err();
    check(&error, "nobody listens", "start the target again");
}

#[test]
fn a_socket_whose_backlog_is_full() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nvme.sock");
    let listener = UnixListener::bind(&path).unwrap();
    // The backlog becomes one connection.
    nix::sys::socket::listen(&listener, nix::sys::socket::Backlog::new(0).unwrap()).unwrap();
    let _waiting = UnixStream::connect(&path).unwrap();
    let error = VfioUser::connect(uri(), &path, &Options::default()).unwrap_err();
    check(&error, "others already wait", "one client at a time");
}

#[test]
fn a_server_that_is_silent_is_probably_in_use() {
    let script = Script::start(|_| Answer::Silence);
    let error = script.open(SHORT).0.unwrap_err();
    check(&error, "did not answer within 250ms", "probably in use by another client");
}

#[test]
fn servers_of_other_protocols() {
    for bytes in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b"SSH-2.0-x\r\n", &[0xff; 64]] {
        let error = open(VERSION, |_| Answer::Close(bytes.to_vec()));
        check(&error, "does not speak vfio-user 0.1", "name the socket of a vfio-user target");
    }
}

#[test]
fn a_server_that_hangs_up() {
    let error = open(VERSION, |_| Answer::Close(Vec::new()));
    check(&error, "its server is gone: it closed the connection", "vfio-user target");
}

#[test]
fn a_server_that_refuses_the_version() {
    let error = open(VERSION, |_| Answer::Errno(22));
    check(&error, "refused VERSION: EINVAL: Invalid argument", "vfio-user target");
}

#[test]
fn a_server_of_another_version() {
    let error = open(VERSION, |_| Answer::Body(vec![1, 0, 7, 0], Vec::new()));
    check(&error, "it speaks version 1.7", "vfio-user target");
}

#[test]
fn capabilities_that_are_not_json() {
    let error = open(VERSION, |_| version("{capabilities"));
    check(&error, "its capabilities cannot be read", "vfio-user target");
}

#[test]
fn a_server_that_takes_no_descriptors() {
    let error = open(VERSION, |_| version(r#"{"capabilities":{"max_msg_fds":0}}"#));
    check(&error, "takes no file descriptors", "use a target that does");
}

#[test]
fn a_device_that_is_not_pci() {
    for (flags, regions) in [(1u32, 9u32), (3, 7)] {
        let body = [16, flags, regions, 5].iter().flat_map(|word| word.to_le_bytes()).collect();
        let answer = move |_: &Request| Answer::Body(Vec::clone(&body), Vec::new());
        check(&open(GET_INFO, answer), "it is not a PCI function", "NVMe controller");
    }
}

#[test]
fn a_device_that_is_not_an_nvme_controller() {
    let error = open(REGION_READ, |request| {
        let data = if request.field(0) == 8 { [0, 0, 0, 2] } else { [0; 4] };
        Answer::Body([&request.body[..16], &data].concat(), Vec::new())
    });
    check(&error, "its class code is 020000h", "name the socket of an NVMe controller");
}

#[test]
fn a_bar_that_is_missing_or_too_small() {
    for size in [0, 0x1007] {
        let error = open(GET_REGION_INFO, move |request| match request.field(8) {
            0 => Answer::Body(region_info(0, 3, size, 0, &[]), Vec::new()),
            _ => Answer::Proper,
        });
        check(&error, &format!("its BAR0 has {size} bytes"), "broken or incompatible");
    }
}

#[test]
fn a_server_that_refuses_a_region() {
    let error = open(GET_REGION_INFO, |_| Answer::Errno(22));
    check(&error, "refused DEVICE_GET_REGION_INFO of region 7: EINVAL", "log may say more");
}

//! What servers may say about the memory of BAR0, and what of it is believed.

use std::fs::File;
use std::os::unix::fs::FileExt;

use nvmetest::transport::Function;
use nvmetest::transport::vfio_user::VfioUser;

use crate::bare;
use crate::script::Answer;
use crate::script::GET_REGION_INFO;
use crate::script::LONG;
use crate::script::Script;
use crate::script::region_info;

const BAR_SIZE: u64 = 0x4000;
const MMAP: u32 = 7;
const MMAP_CAPS: u32 = 0xf;

/// Opens a device whose server describes BAR0 by `info`.
fn open(info: Vec<u8>, files: Vec<File>) -> Result<VfioUser, String> {
    let script = Script::start(move |request| {
        if request.command != GET_REGION_INFO || request.field(8) != 0 {
            return Answer::Proper;
        }
        let files = files.iter().map(|file| file.try_clone().unwrap()).collect();
        Answer::Body(info.clone(), files)
    });
    script.open(LONG).0.map_err(|error| error.what)
}

#[track_caller]
fn check_refused(info: Vec<u8>, files: Vec<File>, what: &str) {
    let error = open(info, files).unwrap_err();
    assert!(error.contains(what), "{error}");
}

fn file(len: u64) -> File {
    let file = tempfile::tempfile().unwrap();
    file.set_len(len).unwrap();
    file
}

fn sparse(next: u32, count: u32, areas: &[(u64, u64)]) -> Vec<u8> {
    let mut capability = [1u16.to_le_bytes(), 1u16.to_le_bytes()].concat();
    capability.extend([next, count, 0].iter().flat_map(|word| word.to_le_bytes()));
    for (offset, size) in areas {
        capability.extend(offset.to_le_bytes());
        capability.extend(size.to_le_bytes());
    }
    capability
}

fn with_areas(areas: &[(u64, u64)]) -> Vec<u8> {
    region_info(0, MMAP_CAPS, BAR_SIZE, 32, &sparse(0, areas.len() as u32, areas))
}

fn word(file: &File, offset: u64) -> u32 {
    let mut bytes = [0; 4];
    file.read_exact_at(&mut bytes, offset).unwrap();
    u32::from_le_bytes(bytes)
}

#[test]
fn a_region_that_is_shared_whole_has_its_doorbells_mapped() {
    let bar = file(BAR_SIZE);
    let device =
        open(region_info(0, MMAP, BAR_SIZE, 0, &[]), vec![bar.try_clone().unwrap()]).unwrap();
    bare(&device).ring(0x1004, 5).unwrap();
    assert_eq!(word(&bar, 0x1004), 5);
    let doorbells = device.doorbells().unwrap();
    assert!(!doorbells.maps(0xffc), "no register is mapped");
    assert!(doorbells.maps(BAR_SIZE - 4));
}

#[test]
fn one_file_may_serve_several_areas() {
    let bar = file(BAR_SIZE);
    let info = with_areas(&[(0x2000, 0x1000), (0x1000, 0x1000)]);
    let device = open(info, vec![bar.try_clone().unwrap()]).unwrap();
    bare(&device).ring(0x1004, 5).unwrap();
    assert_eq!(word(&bar, 0x1004), 5);
}

#[test]
fn each_area_may_have_a_file() {
    let (other, doorbells) = (file(BAR_SIZE), file(BAR_SIZE));
    let info = with_areas(&[(0x2000, 0x1000), (0x1000, 0x1000)]);
    let files = vec![other.try_clone().unwrap(), doorbells.try_clone().unwrap()];
    let device = open(info, files).unwrap();
    bare(&device).ring(0x1004, 5).unwrap();
    assert_eq!((word(&other, 0x1004), word(&doorbells, 0x1004)), (0, 5));
}

#[test]
fn areas_without_doorbells_or_files_leave_them_to_messages() {
    for (info, files) in [
        (with_areas(&[]), vec![file(BAR_SIZE)]),
        (with_areas(&[(0x2000, 0x1000)]), vec![file(BAR_SIZE)]),
        (with_areas(&[(0x1000, 0x1000)]), vec![]),
        (region_info(0, MMAP, BAR_SIZE, 0, &[]), vec![]),
    ] {
        let device = open(info, files).unwrap();
        assert!(device.doorbells().is_none());
        bare(&device).ring(0x1004, 5).unwrap();
    }
}

#[test]
fn a_capability_of_another_kind_is_skipped() {
    let mut caps = [9u16.to_le_bytes(), 1u16.to_le_bytes()].concat();
    caps.extend(40u32.to_le_bytes());
    caps.extend(sparse(0, 1, &[(0x1000, 0x1000)]));
    let device = open(region_info(0, MMAP_CAPS, BAR_SIZE, 32, &caps), vec![file(0x2000)]).unwrap();
    assert!(device.doorbells().is_some());
}

#[test]
fn a_long_list_of_areas_is_asked_for_again() {
    let mut areas = vec![(0x2000, 0x1000); 400];
    areas.push((0x1000, 0x1000));
    let long = with_areas(&areas);
    let short = {
        let mut info = region_info(0, MMAP_CAPS, BAR_SIZE, 0, &[]);
        info[0..4].copy_from_slice(&(long.len() as u32).to_le_bytes());
        info
    };
    let script = Script::start(move |request| {
        if request.command != GET_REGION_INFO || request.field(8) != 0 {
            Answer::Proper
        } else if request.field(0) < long.len() as u32 {
            Answer::Body(short.clone(), Vec::new())
        } else {
            Answer::Body(long.clone(), vec![file(BAR_SIZE)])
        }
    });
    assert!(script.device(LONG).doorbells().is_some());
}

#[test]
fn an_absurdly_long_description_is_refused() {
    let mut info = region_info(0, MMAP_CAPS, BAR_SIZE, 0, &[]);
    info[0..4].copy_from_slice(&u32::MAX.to_le_bytes());
    check_refused(info, vec![], "would take 4294967295 bytes");
}

#[test]
fn a_description_that_is_cut_off_is_refused() {
    let info = with_areas(&[(0x1000, 0x1000)]);
    check_refused(info[..31].to_vec(), vec![], "region 0 with 31 bytes");
}

#[test]
fn an_area_behind_the_end_of_the_file_is_refused() {
    // A store there would kill this process (SIGBUS).
    for len in [0, 0x1000, 0x1fff] {
        let info = with_areas(&[(0x1000, 0x1000)]);
        check_refused(info, vec![file(len)], &format!("its file is only {len:#x} bytes long"));
    }
}

#[test]
fn an_area_behind_the_end_of_the_region_is_refused() {
    for (offset, size) in [(0x1000, 0x3001), (0x1000, u64::MAX), (u64::MAX, 0x1000)] {
        check_refused(
            with_areas(&[(offset, size)]),
            vec![file(BAR_SIZE)],
            "are not within a region",
        );
    }
}

#[test]
fn a_region_of_absurd_size_is_refused() {
    for size in [u64::MAX, 1 << 60] {
        let info = region_info(0, MMAP, size, 0, &[]);
        check_refused(info, vec![file(BAR_SIZE)], "its file is only 0x4000 bytes long");
    }
}

#[test]
fn an_offset_of_absurd_size_is_refused() {
    let mut info = with_areas(&[(0x1000, 0x1000)]);
    info[24..32].copy_from_slice(&(u64::MAX - 0x1800).to_le_bytes());
    check_refused(info, vec![file(BAR_SIZE)], "its file is only");
}

#[test]
fn an_area_that_cannot_be_mapped_is_refused() {
    let mut info = with_areas(&[(0x1000, 0x1000)]);
    info[24..32].copy_from_slice(&0x100u64.to_le_bytes());
    check_refused(info, vec![file(BAR_SIZE)], "mapping it failed: Invalid argument");
}

#[test]
fn a_list_of_capabilities_that_is_a_loop_is_refused() {
    let caps = [[9, 0, 1, 0], 32u32.to_le_bytes()].concat();
    check_refused(region_info(0, MMAP_CAPS, BAR_SIZE, 32, &caps), vec![], "is a loop");
}

#[test]
fn a_capability_outside_of_the_message_is_refused() {
    for cap_offset in [4, 31, 41, 1000, u32::MAX] {
        let info = region_info(0, MMAP_CAPS, BAR_SIZE, cap_offset, &sparse(0, 0, &[]));
        check_refused(info, vec![], "is not within the message");
    }
}

#[test]
fn a_list_of_areas_that_is_cut_off_is_refused() {
    for count in [2, u32::MAX] {
        let caps = sparse(0, count, &[(0x1000, 0x1000)]);
        let info = region_info(0, MMAP_CAPS, BAR_SIZE, 32, &caps);
        check_refused(info, vec![file(BAR_SIZE)], "the list of areas is truncated");
    }
}

#[test]
fn files_that_match_neither_the_region_nor_its_areas_are_refused() {
    let info = with_areas(&[(0x1000, 0x1000), (0x2000, 0x1000), (0x3000, 0x1000)]);
    let files = vec![file(BAR_SIZE), file(BAR_SIZE)];
    check_refused(info, files, "2 file descriptors for 3 areas");
}

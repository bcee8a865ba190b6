//! The blocks of a capture file (pcapng, draft-ietf-opsawg-pcapng).

use std::io;
use std::io::Write;

/// Block types.
const SECTION_HEADER: u32 = 0x0A0D_0D0A;
const INTERFACE_DESCRIPTION: u32 = 1;
const ENHANCED_PACKET: u32 = 6;

/// Option codes.
const END_OF_OPTIONS: u16 = 0;
const COMMENT: u16 = 1;
const INTERFACE_TIME_RESOLUTION: u16 = 9;
const SECTION_APPLICATION: u16 = 4;

const BYTE_ORDER_MAGIC: u32 = 0x1A2B_3C4D;
const LINK_TYPE_ETHERNET: u16 = 1;

/// Times are in units of 10^-9 s.
const NANOSECONDS: u8 = 9;

/// A length that an option can have.
const OPTION_MAX: usize = 4096;

/// Writes what every capture begins with.
pub(super) fn write_start(output: &mut impl Write, comment: &str) -> io::Result<()> {
    let mut header = Vec::new();
    header.extend(BYTE_ORDER_MAGIC.to_le_bytes());
    header.extend([1, 0, 0, 0]);
    // The length of the section is not known before its end.
    header.extend(u64::MAX.to_le_bytes());
    push_option(&mut header, COMMENT, comment.as_bytes());
    push_option(&mut header, SECTION_APPLICATION, b"nvmetest");
    push_option(&mut header, END_OF_OPTIONS, b"");
    write_block(output, SECTION_HEADER, &header)?;

    let mut interface = Vec::new();
    interface.extend(LINK_TYPE_ETHERNET.to_le_bytes());
    interface.extend([0; 2]);
    interface.extend([0; 4]);
    push_option(&mut interface, INTERFACE_TIME_RESOLUTION, &[NANOSECONDS]);
    push_option(&mut interface, END_OF_OPTIONS, b"");
    write_block(output, INTERFACE_DESCRIPTION, &interface)
}

/// Writes one frame, at a time in ns since 1970.
pub(super) fn write_frame(
    output: &mut impl Write,
    unix_ns: u64,
    frame: &[u8],
    comment: &str,
) -> io::Result<()> {
    let mut block = Vec::with_capacity(frame.len() + comment.len() + 40);
    let len = (frame.len() as u32).to_le_bytes();
    block.extend([0; 4]);
    block.extend(((unix_ns >> 32) as u32).to_le_bytes());
    block.extend((unix_ns as u32).to_le_bytes());
    block.extend(len);
    block.extend(len);
    push_padded(&mut block, frame);
    if !comment.is_empty() {
        push_option(&mut block, COMMENT, comment.as_bytes());
        push_option(&mut block, END_OF_OPTIONS, b"");
    }
    write_block(output, ENHANCED_PACKET, &block)
}

fn write_block(output: &mut impl Write, kind: u32, body: &[u8]) -> io::Result<()> {
    let len = (body.len() as u32 + 12).to_le_bytes();
    output.write_all(&kind.to_le_bytes())?;
    output.write_all(&len)?;
    output.write_all(body)?;
    output.write_all(&len)
}

fn push_option(block: &mut Vec<u8>, code: u16, value: &[u8]) {
    let value = &value[..value.len().min(OPTION_MAX)];
    block.extend(code.to_le_bytes());
    block.extend((value.len() as u16).to_le_bytes());
    push_padded(block, value);
}

/// Everything starts at a multiple of 4 bytes.
fn push_padded(block: &mut Vec<u8>, bytes: &[u8]) {
    block.extend(bytes);
    block.extend(std::iter::repeat_n(0, bytes.len().next_multiple_of(4) - bytes.len()));
}

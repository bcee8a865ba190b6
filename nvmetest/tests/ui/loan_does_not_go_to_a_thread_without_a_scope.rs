use nvmetest::prelude::*;

#[nvme_test]
fn test(mut buf: Buffer) {
    let slice = buf.slice_mut(0..512);
    std::thread::spawn(move || println!("{}", slice[0]));
}

fn main() {}

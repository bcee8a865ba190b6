use nvmetest::prelude::*;

fn send(nvme: Controller) {
    std::thread::spawn(move || println!("{}", nvme.identity()));
}

fn main() {}

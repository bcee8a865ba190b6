use nvmetest::{Sink, Slice, SliceMut};

fn overlap<'b>(slice: SliceMut<'b>) -> SliceMut<'b> {
    SliceMut { range: 0..1024, ..slice }
}

fn look_beyond<'b>(slice: Slice<'b>) -> Slice<'b> {
    Slice { range: 0..1 << 20, ..slice }
}

fn grow<'b>(sink: Sink<'b>) -> Sink<'b> {
    Sink { len: 1 << 20, ..sink }
}

fn main() {}

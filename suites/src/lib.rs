//! The suites, one file a chapter.

mod read_write;

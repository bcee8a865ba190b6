//! The suites, one file a chapter.

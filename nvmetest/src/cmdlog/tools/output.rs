//! Where a tool writes to.

use std::fs;
use std::fs::File;
use std::io;
use std::io::BufWriter;
use std::io::IsTerminal;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::ExitCode;

use super::Input;
use super::ToolError;

/// Opens a log, prints what `write` makes of it, and says what of it could not be read.
pub(super) fn of_log(
    log: &Path,
    write: impl FnOnce(&mut Input, &mut dyn Write) -> io::Result<()>,
) -> Result<ExitCode, ToolError> {
    let mut input = Input::open(log)?;
    print(|output| write(&mut input, output))?;
    input.print_note();
    Ok(ExitCode::SUCCESS)
}

/// Writes to standard output. A reader that has seen enough is no error.
pub(super) fn print(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), ToolError> {
    let mut output = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    match write(&mut output).and_then(|()| output.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(ToolError::new(format!("cannot write to standard output: {error}")))
        }
        _ => {
            // What is left in the buffer has no reader.
            let _ = output.into_parts();
            Ok(())
        }
    }
}

/// Writes a file, or to standard output if there is no name.
pub(super) fn write(
    path: Option<&Path>,
    input: &mut Input,
    is_text: bool,
    write: impl FnOnce(&mut Input, &mut dyn Write) -> io::Result<()>,
) -> Result<(), ToolError> {
    let Some(path) = path else {
        if !is_text && io::stdout().is_terminal() {
            return Err(ToolError::new(
                "this is nothing for a terminal; name a file with `--output`",
            ));
        }
        return print(|output| write(input, output));
    };
    let cannot =
        |error: io::Error| ToolError::new(format!("cannot write {}: {error}", path.display()));
    // A log that is mapped must not lose its pages.
    if is_same_file(path, input.path()) {
        return Err(ToolError::new(format!(
            "{} is the log that is read; name another file with `--output`",
            path.display()
        )));
    }
    let mut output = BufWriter::with_capacity(1 << 16, File::create(path).map_err(cannot)?);
    write(input, &mut output).and_then(|()| output.flush()).map_err(cannot)
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    let identity = |path| fs::metadata(path).map(|it| (it.dev(), it.ino()));
    matches!((identity(one), identity(other)), (Ok(one), Ok(other)) if one == other)
}

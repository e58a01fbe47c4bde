//! Windows. The standard library opens files so that others may replace, rename and delete them meanwhile (WIN-05), and
//! renames with POSIX semantics where `MoveFileExW` is denied; what is added here are retries, because readers that do
//! not share delete, and virus scanners, stand in the way for a moment.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

const REPLACE_FOR: Duration = Duration::from_secs(2);
const REMOVE_FOR: Duration = Duration::from_millis(500);
const OPEN_FOR: Duration = Duration::from_millis(250);
const PAUSE: Duration = Duration::from_millis(1);
const HELD: [i32; 3] = [5, 32, 33]; // ERROR_ACCESS_DENIED, ERROR_SHARING_VIOLATION, ERROR_LOCK_VIOLATION

/// Fails for names that Windows takes for another file, a device or a stream (WIN-06).
pub fn absolute(path: &Path) -> io::Result<PathBuf> {
    let whole = std::path::absolute(path)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let is_device = |path: &Path| path.to_string_lossy().starts_with(r"\\.\");
    if name.ends_with(['.', ' ']) || name.contains(':') || (is_device(&whole) && !is_device(path)) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "Windows takes this name for another file: choose a plain one",
        ));
    }
    Ok(whole)
}

pub fn open_for_reading(path: &Path) -> io::Result<File> {
    let whole = absolute(path)?;
    retry(OPEN_FOR, || match File::open(&whole) {
        // A folder is denied, too, and stays so.
        Err(error) if is_held(&error) && whole.is_dir() => Ok(Err(error)),
        opened => opened.map(Ok),
    })?
}

/// Nothing is kept: the access list is inherited from the folder.
pub struct Kept;

impl Kept {
    /// Fails for a target with the read-only attribute, which is not replaced (WIN-04).
    pub fn of(_target: &Path, before: Option<Metadata>) -> io::Result<Self> {
        match before {
            Some(before) if before.permissions().readonly() => {
                Err(io::Error::new(io::ErrorKind::PermissionDenied, "the file has the read-only attribute"))
            }
            _ => Ok(Self),
        }
    }

    pub fn create(&self, temp: &Path) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).open(temp)
    }

    pub fn apply(&self, _file: &File) -> io::Result<()> {
        Ok(())
    }
}

pub fn close(file: File) -> io::Result<()> {
    drop(file); // CloseHandle fails for handles that are none, and a sync came before it
    Ok(())
}

pub fn replace(temp: &Path, target: &Path) -> io::Result<()> {
    retry(REPLACE_FOR, || fs::rename(temp, target))
}

pub fn remove(temp: &Path) -> io::Result<()> {
    retry(REMOVE_FOR, || fs::remove_file(temp))
}

/// Windows has no such call, and NTFS journals the rename.
pub fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

fn is_held(error: &io::Error) -> bool {
    error.raw_os_error().is_some_and(|number| HELD.contains(&number))
}

/// Until it succeeds, fails for a reason that waiting cannot cure, or `time` has passed; then the first error counts.
fn retry<T>(time: Duration, operation: impl Fn() -> io::Result<T>) -> io::Result<T> {
    let deadline = Instant::now() + time;
    let first = match operation() {
        Err(error) if is_held(&error) => error,
        result => return result,
    };
    while Instant::now() < deadline {
        sleep(PAUSE);
        match operation() {
            Err(error) if is_held(&error) => (),
            result => return result,
        }
    }
    Err(first)
}

//! The reader: it never fails for what it finds on disk, never blocks, and keeps no handle between two reads.

use crate::document::{TrainingStatus, SIZE_LIMIT};
use crate::{platform, Error};
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How often a status file is usually polled.
pub const INTERVAL: Duration = Duration::from_secs(2);

/// Read the status at `path`, strictly. [`Error::Io`]: there is no file, no regular file, one of over 1 MiB, or no access.
pub fn read_status(path: impl AsRef<Path>) -> Result<TrainingStatus, Error> {
    TrainingStatus::parse(&read_bytes(path.as_ref())?)
}

fn read_bytes(path: &Path) -> io::Result<Vec<u8>> {
    let file = platform::open_for_reading(path)?;
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(SIZE_LIMIT as u64 + 1).read_to_end(&mut bytes)?; // it may grow while it is read
    if bytes.len() > SIZE_LIMIT {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("more than {SIZE_LIMIT} bytes")));
    }
    Ok(bytes)
}

/// What a [`StatusReader`] knows after one more read.
#[derive(Clone, Debug)]
pub struct Polled {
    /// The last valid status; `None` when there never was one.
    pub status: Option<TrainingStatus>,
    /// Whether `status` is what the file holds now.
    pub fresh: bool,
    /// Why this read gave no status; `None` when it did.
    pub problem: Option<String>,
    /// For how long the status has not changed, by this reader's own clock: what a stalled run shows, whatever the
    /// clock of the machine that trains says.
    pub unchanged: Duration,
}

/// Polls one file and keeps its last valid status (RDR-09, RDR-10).
#[derive(Debug)]
pub struct StatusReader {
    path: PathBuf,
    last: Option<TrainingStatus>,
    changed: Instant,
}

impl StatusReader {
    /// The file need not exist. A relative path is taken from the present working folder.
    pub fn new(path: impl AsRef<Path>) -> Result<Self, Error> {
        Ok(Self { path: std::path::absolute(path)?, last: None, changed: Instant::now() })
    }

    /// Read once. When the file cannot be used: the last valid status, which is then not fresh.
    pub fn poll(&mut self) -> Polled {
        let (fresh, problem) = match read_status(&self.path) {
            Ok(status) => {
                if self.last.as_ref() != Some(&status) {
                    self.changed = Instant::now();
                    self.last = Some(status);
                }
                (true, None)
            }
            Err(error) => (false, Some(error.to_string())),
        };
        Polled { status: self.last.clone(), fresh, problem, unchanged: self.changed.elapsed() }
    }
}

/// Poll every `interval` and hand over the result, until `act` breaks. A file that cannot be read is logged once for
/// each reason, as a warning, and once when it can be read again.
pub fn follow<T>(reader: &mut StatusReader, interval: Duration, mut act: impl FnMut(Polled) -> ControlFlow<T>) -> T {
    let mut logged = None;
    loop {
        let polled = reader.poll();
        if polled.problem != logged {
            match &polled.problem {
                Some(problem) => log::warn!("{}: {problem}; keeping the last valid status", reader.path.display()),
                None => log::info!("{}: readable again", reader.path.display()),
            }
            logged.clone_from(&polled.problem);
        }
        if let ControlFlow::Break(result) = act(polled) {
            return result;
        }
        sleep(interval);
    }
}

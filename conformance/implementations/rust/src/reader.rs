//! The reader: it never fails for what it finds on disk, never blocks, and keeps no handle between two reads.

use crate::document::{TrainingStatus, SIZE_LIMIT};
use crate::{platform, Error};
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How often a status file is usually polled.
pub const INTERVAL: Duration = Duration::from_secs(2);

/// Read the status at `path`, strictly. [`Error::Io`]: there is no file, no regular file, one of over 1 MiB, or no access.
pub fn read_status(path: impl AsRef<Path>) -> Result<TrainingStatus, Error> {
    TrainingStatus::parse(&read_bytes(path.as_ref())?.0)
}

/// The bytes, and when the file was last modified.
fn read_bytes(path: &Path) -> io::Result<(Vec<u8>, Option<SystemTime>)> {
    let file = platform::open_for_reading(path)?;
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    let mut bytes = Vec::new();
    let modified = found.modified().ok();
    file.take(SIZE_LIMIT as u64 + 1).read_to_end(&mut bytes)?; // it may grow while it is read
    if bytes.len() > SIZE_LIMIT {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("more than {SIZE_LIMIT} bytes")));
    }
    Ok((bytes, modified))
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
    /// clock of the machine that trains says. Until it was seen to change, its age at first sight is added: that of its
    /// timestamp or of the file, whichever is nearer to the wall clock. Zero when there never was a status.
    pub unchanged: Duration,
}

/// Polls one file and keeps its last valid status (RDR-09, RDR-10).
#[derive(Debug)]
pub struct StatusReader {
    path: PathBuf,
    last: Option<TrainingStatus>,
    seen: Instant,
    age_when_seen: Duration,
}

impl StatusReader {
    /// The file need not exist. A relative path is taken from the present working folder.
    pub fn new(path: impl AsRef<Path>) -> Result<Self, Error> {
        Ok(Self { path: std::path::absolute(path)?, last: None, seen: Instant::now(), age_when_seen: Duration::ZERO })
    }

    /// Read once. When the file cannot be used: the last valid status, which is then not fresh.
    pub fn poll(&mut self) -> Polled {
        let (fresh, problem) = match self.read() {
            Ok(()) => (true, None),
            Err(error) => (false, Some(error.to_string())),
        };
        let unchanged = match self.last {
            None => Duration::ZERO,
            Some(_) => self.seen.elapsed().saturating_add(self.age_when_seen),
        };
        Polled { status: self.last.clone(), fresh, problem, unchanged }
    }

    fn read(&mut self) -> Result<(), Error> {
        let (bytes, modified) = read_bytes(&self.path)?;
        let status = TrainingStatus::parse(&bytes)?;
        if self.last.as_ref() != Some(&status) {
            self.seen = Instant::now();
            self.age_when_seen = match self.last {
                None => age_at_first_sight(&status, modified),
                Some(_) => Duration::ZERO,
            };
            self.last = Some(status);
        }
        Ok(())
    }
}

/// The nearer of its two times counts: a dead run, where both are old, is stalled at once, and a live one whose clock is
/// wrong is not. A time ahead of the wall clock counts as just as far behind it.
fn age_at_first_sight(status: &TrainingStatus, modified: Option<SystemTime>) -> Duration {
    let now = SystemTime::now();
    let seconds = u64::try_from(status.timestamp).unwrap_or(0);
    let written = UNIX_EPOCH.checked_add(Duration::from_secs(seconds));
    let distance = |time| now.duration_since(time).unwrap_or_else(|ahead| ahead.duration());
    [written, modified].into_iter().flatten().map(distance).min().unwrap_or(Duration::MAX)
}

/// Poll every `interval` and hand over the result, until `act` breaks. A file that cannot be read is logged once for
/// each reason, as a warning, and once when it can be read again.
pub fn follow<T>(reader: &mut StatusReader, interval: Duration, mut act: impl FnMut(Polled) -> ControlFlow<T>) -> T {
    let mut logged = None;
    loop {
        let polled = reader.poll();
        if polled.problem != logged {
            match &polled.problem {
                Some(problem) => {
                    let known =
                        if polled.status.is_some() { "keeping the last valid status" } else { "no valid status yet" };
                    log::warn!("{}: {problem}; {known}", reader.path.display());
                }
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

//! A reader and a writer of the status file of a training run. Clause ids, such as RDR-04, are those of SPEC.md.
//!
//! ```no_run
//! use training_status::{write_status, StatusReader, TrainingStatus};
//!
//! # fn main() -> Result<(), training_status::Error> {
//! write_status("status.json", &TrainingStatus { epoch: 2.5, total_epochs: 3.0, ..TrainingStatus::new("running") })?;
//!
//! let mut reader = StatusReader::new("status.json")?;
//! let polled = reader.poll();
//! if let Some(status) = polled.status {
//!     println!("{} {:.1} %", status.status, status.calculate_progress());
//! }
//! # Ok(())
//! # }
//! ```

mod document;
mod platform;
mod reader;
mod writer;

pub use document::{TrainingStatus, SIZE_LIMIT, STATUSES};
pub use reader::{follow, read_status, Polled, StatusReader, INTERVAL};
pub use writer::write_status;

use std::{fmt, io};

/// Why a status was not written or read.
#[derive(Debug)]
pub enum Error {
    /// A value or a document that the contract does not allow; the text says which.
    Invalid(String),
    /// The system's own error, or a file that is no regular file of at most [`SIZE_LIMIT`] bytes.
    Io(io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(reason) => formatter.write_str(reason),
            Self::Io(error) => error.fmt(formatter),
        }
    }
}

impl std::error::Error for Error {}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

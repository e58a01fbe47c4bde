//! The document: six members, strictly parsed and strictly written.

use crate::Error;
use serde::{Deserialize, Serialize};
use std::time::{SystemTime, UNIX_EPOCH};

/// The four values of `status`.
pub const STATUSES: [&str; 4] = ["idle", "running", "done", "error"];

/// The largest document that is written or read, in bytes.
pub const SIZE_LIMIT: usize = 1024 * 1024;

const LAST_TIMESTAMP: i64 = (1 << 53) - 1; // the largest integer that every JSON reader keeps exact

/// One status of a training run: the six members of a document.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingStatus {
    /// `idle`, `running`, `done` or `error`.
    pub status: String,
    /// Epochs completed, ≥ 0; a fraction is a part of an epoch.
    pub epoch: f64,
    /// Epochs planned, ≥ 0; 0 when unknown.
    pub total_epochs: f64,
    /// The current loss: any finite number.
    pub loss: f64,
    /// Any text.
    pub message: String,
    /// When this was written: whole seconds since 1970 (UTC), from 0 to 2^53 − 1.
    pub timestamp: i64,
}

impl TrainingStatus {
    /// A status of now whose other members have their defaults: `0.0` and no message.
    pub fn new(status: &str) -> Self {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            status: status.to_owned(),
            epoch: 0.0,
            total_epochs: 0.0,
            loss: 0.0,
            message: String::new(),
            timestamp: i64::try_from(since_1970.as_secs()).unwrap_or(LAST_TIMESTAMP),
        }
    }

    /// The progress in percent, from 0.0 to 100.0; 0.0 when `total_epochs` is 0 (RDR-13).
    pub fn calculate_progress(&self) -> f64 {
        if self.total_epochs > 0.0 {
            (self.epoch / self.total_epochs * 100.0).clamp(0.0, 100.0) + 0.0 // never -0
        } else {
            0.0
        }
    }

    /// The status in `document`. [`Error::Invalid`] if that is anything but exactly one valid document: exactly the six
    /// members, each once, in UTF-8 without a byte-order mark, nothing after them, no NaN, no lone surrogate.
    pub fn parse(document: &[u8]) -> Result<Self, Error> {
        if document.len() > SIZE_LIMIT {
            return Err(Error::Invalid(format!("more than {SIZE_LIMIT} bytes")));
        }
        // serde would take an array of six values, too.
        if document.trim_ascii_start().first() != Some(&b'{') {
            return Err(Error::Invalid("not a JSON object".to_owned()));
        }
        let status: Self = serde_json::from_slice(document).map_err(|error| Error::Invalid(error.to_string()))?;
        status.validate()?;
        Ok(status)
    }

    /// The document of this status. [`Error::Invalid`] if a value is not allowed or the document is over [`SIZE_LIMIT`].
    pub fn to_document(&self) -> Result<Vec<u8>, Error> {
        self.validate()?;
        let document = serde_json::to_vec_pretty(self).map_err(|error| Error::Invalid(error.to_string()))?;
        if document.len() > SIZE_LIMIT {
            let size = document.len();
            return Err(Error::Invalid(format!("{size} bytes are more than {SIZE_LIMIT}: shorten the message")));
        }
        Ok(document)
    }

    fn validate(&self) -> Result<(), Error> {
        if !STATUSES.contains(&self.status.as_str()) {
            let known = STATUSES.join(", ");
            return Err(Error::Invalid(format!("status must be one of {known}, not {:?}", self.status)));
        }
        for (name, value) in [("epoch", self.epoch), ("total_epochs", self.total_epochs), ("loss", self.loss)] {
            if !value.is_finite() {
                return Err(Error::Invalid(format!("{name} must be finite, not {value} (say it in message)")));
            }
            if value < 0.0 && name != "loss" {
                return Err(Error::Invalid(format!("{name} must not be negative, but it is {value}")));
            }
        }
        if !(0..=LAST_TIMESTAMP).contains(&self.timestamp) {
            return Err(Error::Invalid(format!("timestamp must be from 0 to 2^53 - 1, not {}", self.timestamp)));
        }
        Ok(())
    }
}

//! Lets the conformance kit drive the library: one JSON request per line on stdin, one answer per line on stdout
//! (SPEC.md, "Mode serve"). A value that the library's types cannot hold is refused here; all others are passed on.

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{json, Value};
use std::collections::HashMap;
use std::io::{self, BufRead, Write};
use training_status::{read_status, write_status, Error, StatusReader, TrainingStatus};

/// The raw status is parsed later: a request with a value that no parser takes is answered, too.
#[derive(Deserialize)]
struct Request<'a> {
    id: u64,
    op: String,
    path: Option<String>,
    #[serde(borrow)]
    status: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Finite(f64),
    NotFinite {
        #[serde(rename = "$float")]
        name: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Members {
    status: String,
    #[serde(default, deserialize_with = "float")]
    epoch: f64,
    #[serde(default, deserialize_with = "float")]
    total_epochs: f64,
    #[serde(default, deserialize_with = "float")]
    loss: f64,
    #[serde(default)]
    message: String,
    #[serde(default, deserialize_with = "present")]
    timestamp: Option<i64>,
}

fn float<'de, D: Deserializer<'de>>(input: D) -> Result<f64, D::Error> {
    match Number::deserialize(input)? {
        Number::Finite(value) => Ok(value),
        Number::NotFinite { name } => name.parse().map_err(serde::de::Error::custom), // NaN, Infinity, -Infinity
    }
}

/// A plain `Option` would take `null` for absent.
fn present<'de, D: Deserializer<'de>>(input: D) -> Result<Option<i64>, D::Error> {
    i64::deserialize(input).map(Some)
}

fn status_of(request: &Request<'_>) -> Result<TrainingStatus, Error> {
    let raw = request.status.map_or("null", RawValue::get);
    let members: Members = serde_json::from_str(raw).map_err(|error| Error::Invalid(error.to_string()))?;
    let Members { status, epoch, total_epochs, loss, message, timestamp } = members;
    let defaults = TrainingStatus::new(&status);
    let timestamp = timestamp.unwrap_or(defaults.timestamp);
    Ok(TrainingStatus { epoch, total_epochs, loss, message, timestamp, ..defaults })
}

fn answer(readers: &mut HashMap<String, StatusReader>, request: &Request<'_>) -> Result<Value, Error> {
    let path = request.path.clone().unwrap_or_default();
    Ok(match request.op.as_str() {
        "start" => json!({"protocol": 1, "version": env!("CARGO_PKG_VERSION"), "language": "rust"}),
        "write" => {
            write_status(path, &status_of(request)?)?;
            json!({})
        }
        "read" => json!({"status": read_status(path).ok()}),
        "poll" => {
            let reader = match readers.remove(&path) {
                Some(reader) => reader,
                None => StatusReader::new(&path)?,
            };
            let polled = readers.entry(path).or_insert(reader).poll();
            json!({"status": polled.status, "fresh": polled.fresh})
        }
        "progress" => json!({"progress": status_of(request)?.calculate_progress()}),
        "stop" => json!({}),
        _ => json!({"ok": false, "error": "unsupported"}),
    })
}

/// Linux and macOS: a write beyond `ulimit -f` is an error, and does not kill the process.
#[cfg(unix)]
fn ignore_sigxfsz() {
    extern "C" {
        fn signal(number: i32, handler: usize) -> usize;
    }
    const SIGXFSZ: i32 = 25;
    const SIG_IGN: usize = 1;
    // SAFETY: no other thread runs yet, and no handler is installed.
    unsafe { signal(SIGXFSZ, SIG_IGN) };
}

#[cfg(not(unix))]
fn ignore_sigxfsz() {}

fn main() -> io::Result<()> {
    ignore_sigxfsz();
    let mut readers = HashMap::new();
    for line in io::stdin().lock().lines() {
        let line = line?;
        let request: Request<'_> = serde_json::from_str(&line)?;
        let mut reply = answer(&mut readers, &request).unwrap_or_else(|error| {
            let kind = if matches!(error, Error::Invalid(_)) { "invalid" } else { "io" };
            json!({"ok": false, "error": kind, "message": error.to_string()})
        });
        reply["id"] = request.id.into();
        if reply.get("ok").is_none() {
            reply["ok"] = true.into();
        }
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "{reply}")?;
        stdout.flush()?;
        if request.op == "stop" {
            break;
        }
    }
    Ok(())
}

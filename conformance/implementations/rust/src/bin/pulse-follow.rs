//! `pulse-follow FILE [SECONDS]`: print each change of a status file, until the run has ended.
//! Exit code 0 after `done`, 1 after `error`, 2 for wrong arguments.

use std::env;
use std::ffi::OsString;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;
use training_status::{follow, Polled, StatusReader, TrainingStatus, INTERVAL};

const STALLED_AFTER: Duration = Duration::from_secs(60);

struct Stderr;

impl log::Log for Stderr {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }
    fn log(&self, record: &log::Record<'_>) {
        eprintln!("{}: {}", record.level().as_str().to_lowercase(), visible(&record.args().to_string()));
    }
    fn flush(&self) {}
}

/// What a path or a document says must not control the terminal.
fn visible(text: &str) -> String {
    let is_plain = |character| matches!(character, '"' | '\'' | '\\');
    text.chars().fold(String::new(), |mut shown, character| {
        if is_plain(character) {
            shown.push(character);
        } else {
            shown.extend(character.escape_debug());
        }
        shown
    })
}

fn arguments() -> Option<(OsString, Duration)> {
    let mut words = env::args_os().skip(1);
    let path = words.next()?;
    let interval = match words.next() {
        None => INTERVAL,
        Some(word) => {
            let word = word.to_str()?;
            let seconds = word.strip_suffix('s').unwrap_or(word).parse().ok()?;
            Duration::try_from_secs_f64(seconds).ok().filter(|time| !time.is_zero())?
        }
    };
    words.next().is_none().then_some((path, interval))
}

fn line(status: &TrainingStatus) -> String {
    let TrainingStatus { status: state, epoch, total_epochs, loss, message, .. } = status;
    let progress = status.calculate_progress();
    // Control characters of a message must not reach the terminal.
    format!("{state}  {progress:.1} %  epoch {epoch}/{total_epochs}  loss {loss}  {}", message.escape_debug())
}

fn main() -> ExitCode {
    let Some((path, interval)) = arguments() else {
        eprintln!("usage: pulse-follow FILE [SECONDS]");
        return ExitCode::from(2);
    };
    log::set_logger(&Stderr).expect("the only logger");
    log::set_max_level(log::LevelFilter::Info);
    let mut reader = match StatusReader::new(&path) {
        Ok(reader) => reader,
        Err(error) => {
            eprintln!("{}: {error}", visible(&Path::new(&path).to_string_lossy()));
            return ExitCode::from(2);
        }
    };
    let (mut shown, mut stalled) = (None, false);
    follow(&mut reader, interval, |Polled { status, unchanged, .. }| {
        let Some(status) = status else { return ControlFlow::Continue(()) };
        let is_running = status.status == "running";
        let ended = match status.status.as_str() {
            "done" => Some(ExitCode::SUCCESS),
            "error" => Some(ExitCode::FAILURE),
            _ => None,
        };
        let mut text = String::new();
        if shown.as_ref() != Some(&status) {
            text = line(&status);
            (shown, stalled) = (Some(status), false);
        } else if is_running && !stalled && unchanged > STALLED_AFTER {
            text = format!("stalled: no change for {} s", unchanged.as_secs());
            stalled = true;
        }
        if !text.is_empty() && writeln!(io::stdout(), "{text}").is_err() {
            return ControlFlow::Break(ExitCode::FAILURE); // the reader of a pipe has gone
        }
        ended.map_or(ControlFlow::Continue(()), ControlFlow::Break)
    })
}

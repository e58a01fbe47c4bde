//! What `pulse conformance` judges: one JSON request per line on stdin, one answer per line on stdout.

use std::collections::hash_map::RandomState;
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, Hasher};
use std::io::{self, BufRead, Write};
use std::path::Path;

fn answer(request: &str) -> String {
    match member(request, "op").as_str() {
        "start" => r#""ok":true,"protocol":1,"name":"mine","version":"1","language":"rust""#.to_string(),
        "replace" => {
            let (path, text) = (member(request, "path"), member(request, "text"));
            let result = save(Path::new(&path), &text); // YOUR WRITER: call it here; then remove `save` below
            match result {
                Ok(()) => r#""ok":true"#.to_string(),
                Err(error) => format!(r#""ok":false,"error":"io","message":{}"#, quoted(&error.to_string())),
            }
        }
        "stop" => r#""ok":true"#.to_string(),
        _ => r#""ok":false,"error":"unsupported""#.to_string(),
    }
}

/// A stand-in, so that everything runs from the start. It keeps no mode: each file becomes 0600.
fn save(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let temp = folder.join(format!(".{:016x}.tmp", RandomState::new().build_hasher().finish()));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(&temp)?;
    fill(file, text).and_then(|()| fs::rename(&temp, path)).inspect_err(|_| {
        let _ = fs::remove_file(&temp); // must not hide the first error
    })?;
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    Ok(())
}

fn fill(mut file: File, text: &str) -> io::Result<()> {
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    close(file)
}

/// A `File` that is dropped hides the error of its close.
#[cfg(unix)]
fn close(file: File) -> io::Result<()> {
    extern "C" {
        fn close(descriptor: i32) -> i32;
    }
    // SAFETY: the descriptor is owned here, and used by nothing else afterwards.
    match unsafe { close(std::os::fd::IntoRawFd::into_raw_fd(file)) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(not(unix))]
fn close(file: File) -> io::Result<()> {
    drop(file);
    Ok(())
}

/// A string or number of a request. Requests are flat objects in pure ASCII, in whose values a quote is always escaped,
/// so that a member is found by its quoted name.
fn member(request: &str, name: &str) -> String {
    let Some(at) = request.find(&format!("\"{name}\"")) else {
        return String::new();
    };
    let rest = request[at + name.len() + 2..].trim_start_matches([' ', ':']);
    let Some(rest) = rest.strip_prefix('"') else {
        return rest.chars().take_while(char::is_ascii_digit).collect();
    };
    let mut units: Vec<u16> = Vec::new();
    let mut letters = rest.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => break,
            '\\' => match letters.next() {
                Some('u') => {
                    let digits: String = letters.by_ref().take(4).collect();
                    units.push(u16::from_str_radix(&digits, 16).unwrap_or(0xfffd));
                }
                Some('n') => units.push(10),
                Some('t') => units.push(9),
                Some('r') => units.push(13),
                Some('b') => units.push(8),
                Some('f') => units.push(12),
                Some(other) => units.push(other as u16),
                None => break,
            },
            _ => units.push(letter as u16),
        }
    }
    String::from_utf16_lossy(&units)
}

fn quoted(text: &str) -> String {
    let escaped = text.encode_utf16().map(|unit| match unit {
        0x20..=0x7e if unit != 0x22 && unit != 0x5c => char::from(unit as u8).to_string(),
        _ => format!("\\u{unit:04x}"),
    });
    format!("\"{}\"", escaped.collect::<String>())
}

fn main() -> io::Result<()> {
    let mut output = io::stdout();
    for line in io::stdin().lock().lines() {
        let request = line?;
        writeln!(output, "{{\"id\":{},{}}}", member(&request, "id"), answer(&request))?;
        output.flush()?;
        if member(&request, "op") == "stop" {
            break;
        }
    }
    Ok(())
}
